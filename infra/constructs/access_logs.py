"""Server access logs: who asked a bucket for what, and was it given."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.constructs import bucket_rules

LOGGING_SERVICE = "logging.s3.amazonaws.com"


class AccessLogs(s3.Bucket):
    """The logs of every bucket of a stack, a folder each, as long as the records that they are about.

    Neither Object Lock nor a key of ours: AWS supports neither where it delivers access logs. The policy keeps them.
    """

    def __init__(self, scope: Construct, construct_id: str, *, retention_years: int) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=s3.BucketEncryption.S3_MANAGED,
            versioned=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="ForgetLogs",
                    expiration=cdk.Duration.days(366 * retention_years),
                    noncurrent_version_expiration=cdk.Duration.days(30),
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(7),
                )
            ],
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        account = cdk.Stack.of(self).account
        for rule in bucket_rules.only_service_writes(self, service=LOGGING_SERVICE, account=account):
            self.add_to_resource_policy(rule)
        self.add_to_resource_policy(bucket_rules.nobody_deletes(self))

    def collect(self, bucket: s3.Bucket, folder: str) -> None:
        """Has S3 log requests to a bucket here, below ``folder/``.

        By the bucket's property and a policy, for CDK's own way needs the access control lists that are switched off.
        """
        logged = bucket.node.default_child
        assert isinstance(logged, s3.CfnBucket)  # noqa: S101 - narrows the type
        logged.logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
            destination_bucket_name=self.bucket_name, log_file_prefix=f"{folder}/"
        )
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid=f"DeliverLogsOf{bucket.node.id}",
                principals=[iam.ServicePrincipal(LOGGING_SERVICE)],
                actions=["s3:PutObject"],
                resources=[self.arn_for_objects(f"{folder}/*")],
                conditions={
                    "StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account},
                    "ArnEquals": {"aws:SourceArn": bucket.bucket_arn},
                },
            )
        )
