"""What must survive: buckets, keys, the table of periods, and who may write the bill."""

from __future__ import annotations

from typing import Any

import pytest

from tests.infra.stacks import Stacks, as_list, statements

RECORDS = ("Billing", "Ledger", "Statements")
BUCKETS = (*RECORDS, "Work")


@pytest.mark.parametrize("bucket", BUCKETS)
def test_every_bucket_is_versioned_private_encrypted_with_our_key_and_kept_when_its_stack_goes(
    stacks: Stacks, bucket: str
) -> None:
    properties = stacks.properties(bucket)
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "<Key>"}
    assert rule["BucketKeyEnabled"] is True
    assert stacks.resources[bucket].is_retained


def test_there_is_no_bucket_beside_those_we_know(stacks: Stacks) -> None:
    assert set(stacks.of("AWS::S3::Bucket")) == set(BUCKETS)


@pytest.mark.parametrize("bucket", RECORDS)
def test_records_can_be_locked_version_by_version_but_are_never_locked_on_arrival(stacks: Stacks, bucket: str) -> None:
    properties = stacks.properties(bucket)
    assert properties["ObjectLockEnabled"] is True
    assert "ObjectLockConfiguration" not in properties  # a default retention would lock what AWS still overwrites
    assert "LifecycleConfiguration" not in properties


def test_only_the_runs_are_forgotten(stacks: Stacks) -> None:
    (rule,) = stacks.properties("Work")["LifecycleConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["ExpirationInDays"] == 90


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize(
    "condition", [{"Bool": {"aws:SecureTransport": "false"}}, {"NumericLessThan": {"s3:TlsVersion": 1.2}}]
)
def test_nobody_reaches_a_bucket_without_modern_tls(stacks: Stacks, bucket: str, condition: dict[str, Any]) -> None:
    denied = [
        statement
        for statement in statements(stacks.resources[f"{bucket}/Policy"])
        if statement["Effect"] == "Deny" and statement["Condition"] == condition
    ]
    (statement,) = denied
    assert statement["Principal"] == {"AWS": "*"}
    assert statement["Action"] == "s3:*"
    assert statement["Resource"] == [f"<{bucket}>", f"<{bucket}>/*"]


def test_the_bill_is_written_by_this_payers_data_exports_under_the_export_prefix_and_by_nobody_else(
    stacks: Stacks,
) -> None:
    payer = stacks.config.payer_account
    allowed = [s for s in statements(stacks.resources["Billing/Policy"]) if s["Effect"] == "Allow"]
    assert [{key: s[key] for key in ("Principal", "Action", "Resource", "Condition")} for s in allowed] == [
        {
            "Principal": {"Service": "bcm-data-exports.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"<Billing>/{stacks.config.export_prefix}*",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": payer},
                "ArnLike": {"aws:SourceArn": f"arn:aws:bcm-data-exports:us-east-1:{payer}:export/*"},
            },
        }
    ]
    writers = {role for role, rights in stacks.roles.items() for right in rights if "s3:PutObject <Billing>" in right}
    assert writers == set()


@pytest.mark.parametrize("bucket", ["Ledger", "Statements", "Work"])
def test_no_bucket_policy_lets_anybody_into_our_own_buckets(stacks: Stacks, bucket: str) -> None:
    assert {statement["Effect"] for statement in statements(stacks.resources[f"{bucket}/Policy"])} == {"Deny"}


def test_the_key_is_rotated_and_kept_and_lets_a_service_in_only_for_us(stacks: Stacks) -> None:
    key = stacks.resources["Key"]
    assert key.is_retained
    assert key.properties["EnableKeyRotation"] is True
    account = stacks.config.finops_account
    ours = {account, stacks.config.payer_account}
    services = set()
    for statement in key.properties["KeyPolicy"]["Statement"]:
        if "Service" not in statement["Principal"]:
            assert statement["Principal"] == {"AWS": f"arn:aws:iam::{account}:root"}
            continue
        services.add(statement["Principal"]["Service"])
        assert any(account in str(statement["Condition"]) for account in ours), statement
        assert "kms:*" not in as_list(statement["Action"])
    assert services == {"bcm-data-exports.amazonaws.com", f"logs.{stacks.config.region}.amazonaws.com"}


def test_the_table_of_periods_can_be_restored_to_any_second_and_cannot_be_dropped(stacks: Stacks) -> None:
    (periods,) = stacks.of("AWS::DynamoDB::GlobalTable").values()
    assert periods.is_retained
    assert periods.properties["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    (replica,) = periods.properties["Replicas"]
    assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert replica["DeletionProtectionEnabled"] is True
    assert replica["SSESpecification"] == {"KMSMasterKeyId": "<Key>"}


def test_the_books_credentials_are_encrypted_with_our_key_and_not_in_the_template(stacks: Stacks) -> None:
    (secret,) = stacks.of("AWS::SecretsManager::Secret").values()
    assert secret.is_retained
    assert secret.properties["KmsKeyId"] == "<Key>"
    assert "SecretString" not in secret.properties


def test_athena_encrypts_every_result_and_stops_a_query_that_scans_too_much(stacks: Stacks) -> None:
    configuration = stacks.properties("Workgroup")["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["EngineVersion"] == {"SelectedEngineVersion": "Athena engine version 3"}
    assert configuration["BytesScannedCutoffPerQuery"] == stacks.config.scan_limit_gib * 1024**3
    assert configuration["ResultConfiguration"] == {
        "OutputLocation": "s3://<Work>/athena-results/",
        "ExpectedBucketOwner": stacks.config.finops_account,
        "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": "<Key>"},
    }
