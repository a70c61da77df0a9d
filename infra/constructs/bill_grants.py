"""The whole of what the billing bucket's policy allows."""

from __future__ import annotations

from aws_cdk import aws_iam as iam

from infra.config import EnvironmentConfig

DATA_EXPORTS = "bcm-data-exports.amazonaws.com"


def bill_grants(bucket_arn: str, config: EnvironmentConfig) -> list[iam.PolicyStatement]:
    """The payer's exports may write; roles of other accounts that read the bill may.

    Roles of this account need no grant here: their own policies let them in.
    """
    exports = iam.PolicyStatement(
        sid="EnableAWSDataExportsToWriteToS3",
        principals=[iam.ServicePrincipal(DATA_EXPORTS)],
        actions=["s3:PutObject"],
        # The whole bucket: before AWS takes an order it tries the bucket with an object at its root.
        resources=[f"{bucket_arn}/*"],
        conditions=of_the_payers_exports(config),
    )
    elsewhere = [reader for reader in config.bill_readers if reader.split(":")[4] != config.finops_account]
    if not elsewhere:
        return [exports]
    readers = iam.PolicyStatement(
        sid="ReadersOfOtherAccounts",
        principals=[iam.AccountPrincipal(account) for account in sorted({arn.split(":")[4] for arn in elsewhere})],
        actions=["s3:GetBucketLocation", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"],
        resources=[bucket_arn, f"{bucket_arn}/{config.export_prefix}*"],
        conditions={"ArnEquals": {"aws:PrincipalArn": elsewhere}},
    )
    return [exports, readers]


def of_the_payers_exports(config: EnvironmentConfig) -> dict[str, dict[str, str]]:
    """True of a request of Data Exports for an export of this payer."""
    payer = config.payer_account
    return {
        "StringEquals": {"aws:SourceAccount": payer},
        "ArnLike": {"aws:SourceArn": f"arn:aws:bcm-data-exports:us-east-1:{payer}:export/*"},
    }
