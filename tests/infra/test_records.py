"""What must survive: buckets, keys, the table of periods, and who may write the bill."""

from __future__ import annotations

from typing import Any

import pytest

from infra.names import billing_bucket
from tests.infra.policies import EVERYTHING, Caller, Cloud
from tests.infra.stacks import Stacks, as_list, statements

RECORDS = ("Billing", "Ledger", "Statements")
OURS = (*RECORDS, "Work")
BUCKETS = (*OURS, "AccessLogs")
KEY_OF = {"Billing": "<BillingKey>", "Ledger": "<Key>", "Statements": "<Key>", "Work": "<Key>"}
LOGGING = "logging.s3.amazonaws.com"


@pytest.mark.parametrize("bucket", BUCKETS)
def test_every_bucket_is_versioned_private_and_kept_when_its_stack_goes(stacks: Stacks, bucket: str) -> None:
    properties = stacks.properties(bucket)
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert stacks.resources[bucket].is_retained


def test_what_has_a_name_and_outlives_its_stack_is_not_in_the_way_of_a_second_try(stacks: Stacks) -> None:
    """A first deployment that fails leaves nothing behind that the next one would have to make by the same name."""
    named = [
        resource
        for resource in stacks.resources.values()
        if resource.is_retained and {"BucketName", "LogGroupName", "TableName"} & resource.properties.keys()
    ]

    assert named
    assert {resource.deletion_policy for resource in named} == {"RetainExceptOnCreate"}


@pytest.mark.parametrize("bucket", OURS)
def test_every_bucket_is_encrypted_with_our_key_and_the_bill_with_its_own(stacks: Stacks, bucket: str) -> None:
    (rule,) = stacks.properties(bucket)["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY_OF[bucket]}
    assert rule["BucketKeyEnabled"] is True


def test_there_is_no_bucket_beside_those_we_know(stacks: Stacks) -> None:
    copies = {f"Replica/{name}" for name in (*RECORDS, "AccessLogs")} if stacks.config.replica_region else set()
    assert set(stacks.of("AWS::S3::Bucket")) == set(BUCKETS) | copies


def test_the_bill_is_where_its_name_says_for_those_who_know_nothing_else_of_it(stacks: Stacks) -> None:
    assert stacks.properties("Billing")["BucketName"] == billing_bucket(stacks.config)


@pytest.mark.parametrize("bucket", RECORDS)
def test_records_can_be_locked_version_by_version_but_are_never_locked_on_arrival(stacks: Stacks, bucket: str) -> None:
    properties = stacks.properties(bucket)
    assert properties["ObjectLockEnabled"] is True
    # A default retention would lock what AWS still overwrites, and drafts of statements.
    assert "ObjectLockConfiguration" not in properties


@pytest.mark.parametrize("bucket", ["Ledger", "Statements"])
def test_what_we_publish_is_never_forgotten(stacks: Stacks, bucket: str) -> None:
    assert "LifecycleConfiguration" not in stacks.properties(bucket)


def test_of_the_bill_only_what_was_replaced_and_not_sealed_is_forgotten_and_late(stacks: Stacks) -> None:
    """AWS delivers an open month several times a day; S3 itself refuses to expire a version that is locked."""
    (rule,) = stacks.properties("Billing")["LifecycleConfiguration"]["Rules"]
    assert rule == {
        "Id": "ForgetWhatNobodySealed",
        "Status": "Enabled",
        "NoncurrentVersionExpiration": {"NoncurrentDays": 400},
        "ExpiredObjectDeleteMarker": True,
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }


def test_runs_are_forgotten_after_a_quarter(stacks: Stacks) -> None:
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
        if statement["Effect"] == "Deny" and statement.get("Condition") == condition
    ]
    (statement,) = denied
    assert statement["Principal"] == {"AWS": "*"}
    assert statement["Action"] == "s3:*"
    assert statement["Resource"] == [f"<{bucket}>", f"<{bucket}>/*"]


def test_the_bill_is_written_by_this_payers_data_exports_and_by_nobody_else(stacks: Stacks) -> None:
    payer = stacks.config.payer_account
    allowed = [s for s in statements(stacks.resources["Billing/Policy"]) if s["Effect"] == "Allow"]
    assert [{key: s[key] for key in ("Principal", "Action", "Resource", "Condition")} for s in allowed] == [
        {
            "Principal": {"Service": "bcm-data-exports.amazonaws.com"},
            "Action": "s3:PutObject",
            # Not only where the export goes: AWS tries the bucket with an object at its root.
            "Resource": "<Billing>/*",
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


@pytest.mark.parametrize("bucket", OURS)
def test_requests_to_a_bucket_are_logged_and_s3_alone_may_log_them(stacks: Stacks, bucket: str) -> None:
    folder = f"{bucket.lower()}/"
    assert stacks.properties(bucket)["LoggingConfiguration"] == {
        "DestinationBucketName": "<AccessLogs>",
        "LogFilePrefix": folder,
    }
    (grant,) = (
        s for s in statements(stacks.resources["AccessLogs/Policy"]) if s["Resource"] == f"<AccessLogs>/{folder}*"
    )
    assert (grant["Effect"], grant["Action"], grant["Principal"]) == ("Allow", "s3:PutObject", {"Service": LOGGING})
    assert grant["Condition"] == {
        "StringEquals": {"aws:SourceAccount": stacks.config.finops_account},
        "ArnEquals": {"aws:SourceArn": f"<{bucket}>"},
    }


def test_access_logs_are_kept_as_long_as_what_they_are_about(stacks: Stacks) -> None:
    properties = stacks.properties("AccessLogs")
    (rule,) = properties["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] > 365.25 * stacks.config.retention_years
    # S3 delivers logs neither to a bucket with Object Lock nor to one with a key of ours.
    assert "ObjectLockEnabled" not in properties
    (encryption,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}


def test_an_administrator_neither_writes_nor_deletes_access_logs(stacks: Stacks) -> None:
    logs = Cloud(stacks).bucket("AccessLogs")
    account = stacks.config.finops_account
    administrator = Caller(
        "administrator", account, f"arn:aws:iam::{account}:role/administrator", statements=(EVERYTHING,)
    )
    assert logs.lets(administrator, "s3:GetObject", f"{logs.arn}/billing/a")
    for action in ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"):
        assert not logs.lets(administrator, action, f"{logs.arn}/billing/a"), action


@pytest.mark.parametrize("name", ["Key", "BillingKey"])
def test_a_key_is_rotated_and_kept_and_lets_a_service_in_only_for_us(stacks: Stacks, name: str) -> None:
    key = stacks.resources[name]
    assert key.is_retained
    assert key.properties["EnableKeyRotation"] is True
    account = stacks.config.finops_account
    ours = {account, stacks.config.payer_account}
    services = set()
    for statement in key.properties["KeyPolicy"]["Statement"]:
        if statement["Effect"] == "Deny":
            continue
        if "Service" not in statement["Principal"]:
            assert statement["Principal"] == {"AWS": f"arn:aws:iam::{account}:root"}
            continue
        services.add(statement["Principal"]["Service"])
        assert any(account in str(statement["Condition"]) for account in ours), statement
        assert "kms:*" not in as_list(statement["Action"])
    exports = "bcm-data-exports.amazonaws.com"
    assert services == ({exports} if name == "BillingKey" else {f"logs.{stacks.config.region}.amazonaws.com"})


def test_nobody_puts_an_end_to_a_key_without_changing_its_policy_first(stacks: Stacks) -> None:
    account = stacks.config.finops_account
    administrator = Caller(
        "administrator", account, f"arn:aws:iam::{account}:role/administrator", statements=(EVERYTHING,)
    )
    places = ["Data", "Replica"] if stacks.config.replica_region else ["Data"]
    cloud = Cloud(stacks)
    keys = [cloud.key(name, place) for name in ("Key", "BillingKey") for place in places]
    for key in keys:
        assert key.lets(administrator, "kms:PutKeyPolicy")
        for ending in ("kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:DeleteImportedKeyMaterial"):
            assert not key.lets(administrator, ending), (key.arn, ending)


@pytest.mark.parametrize("table", ["Periods", "Responses"])
def test_a_table_of_records_can_be_restored_to_any_second_and_cannot_be_dropped(stacks: Stacks, table: str) -> None:
    resource = stacks.of("AWS::DynamoDB::GlobalTable")[table]
    assert resource.is_retained
    assert resource.properties["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    (replica,) = resource.properties["Replicas"]
    assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert replica["DeletionProtectionEnabled"] is True
    assert replica["SSESpecification"] == {"KMSMasterKeyId": "<Key>"}


def test_there_is_no_table_beside_those_we_know(stacks: Stacks) -> None:
    assert set(stacks.of("AWS::DynamoDB::GlobalTable")) == {"Periods", "Responses", "Validation/TagHygiene"}


def test_the_books_credentials_are_encrypted_with_our_key_and_not_in_the_template(stacks: Stacks) -> None:
    if stacks.config.vault and stacks.config.vault.servicenow_secret:
        assert not stacks.of("AWS::SecretsManager::Secret"), "the credentials are in Vault"
        return
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
