"""The copy of the records in a second region: what is copied, with which key, and by whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from infra.environments import ENVIRONMENTS
from infra.names import name_of, replica_bucket
from tests.infra.stacks import Stacks, statements

RECORDS = ("Billing", "Ledger", "Statements")
COPIED = [name for name, config in ENVIRONMENTS.items() if config.replica_region]


@pytest.fixture(params=COPIED)
def copied(request: pytest.FixtureRequest, stacks_of: Callable[[str], Stacks]) -> Stacks:
    """An environment that keeps a copy."""
    return stacks_of(request.param)


def rule_of(stacks: Stacks, record: str) -> dict[str, Any]:
    (rule,) = stacks.properties(record)["ReplicationConfiguration"]["Rules"]
    found: dict[str, Any] = rule
    return found


def key_behind(stacks: Stacks, alias_arn: str) -> str:
    """The key of the replica stack that an alias stands for."""
    config = stacks.config
    prefix = f"arn:aws:kms:{config.replica_region}:{config.finops_account}:"
    (alias,) = (a for a in stacks.of("AWS::KMS::Alias").values() if prefix + a.properties["AliasName"] == alias_arn)
    return str(alias.properties["TargetKeyId"])


def test_an_environment_without_a_second_region_copies_nothing(stacks: Stacks) -> None:
    copying = {n for n, b in stacks.of("AWS::S3::Bucket").items() if "ReplicationConfiguration" in b.properties}
    assert copying == (set(RECORDS) if stacks.config.replica_region else set())


@pytest.mark.parametrize("record", RECORDS)
def test_every_record_is_copied_to_the_bucket_that_bears_its_name_elsewhere(copied: Stacks, record: str) -> None:
    rule = rule_of(copied, record)
    name = replica_bucket(copied.config, record.lower())
    assert rule["Status"] == "Enabled"
    assert rule["Destination"]["Bucket"] == f"arn:aws:s3:::{name}"
    assert copied.properties(f"Replica/{record}")["BucketName"] == name


def test_what_is_copied_is_what_must_survive(copied: Stacks) -> None:
    prefixes = {record: rule_of(copied, record)["Filter"] for record in RECORDS}
    assert prefixes == {
        "Billing": {"Prefix": copied.config.export_prefix},
        "Ledger": {"Prefix": ""},
        "Statements": {"Prefix": "charge_period="},
    }


@pytest.mark.parametrize("record", RECORDS)
def test_a_deletion_here_is_no_deletion_there(copied: Stacks, record: str) -> None:
    assert rule_of(copied, record)["DeleteMarkerReplication"] == {"Status": "Disabled"}


@pytest.mark.parametrize("record", RECORDS)
def test_a_copy_can_be_locked_as_its_original_is_and_is_as_private(copied: Stacks, record: str) -> None:
    original, copy = copied.properties(record), copied.properties(f"Replica/{record}")
    for setting in (
        "ObjectLockEnabled",
        "VersioningConfiguration",
        "PublicAccessBlockConfiguration",
        "OwnershipControls",
    ):
        assert copy[setting] == original[setting], setting
    assert copy.get("LifecycleConfiguration") == original.get("LifecycleConfiguration")
    assert copied.resources[f"Replica/{record}"].is_retained
    assert copy["LoggingConfiguration"] == {
        "DestinationBucketName": "<Replica/AccessLogs>",
        "LogFilePrefix": f"{record.lower()}/",
    }


@pytest.mark.parametrize("record", RECORDS)
def test_a_copy_is_encrypted_with_a_key_of_its_region_and_the_bill_with_its_own(copied: Stacks, record: str) -> None:
    rule = rule_of(copied, record)
    assert rule["SourceSelectionCriteria"] == {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    key = key_behind(copied, rule["Destination"]["EncryptionConfiguration"]["ReplicaKmsKeyID"])
    assert key == ("<Replica/BillingKey>" if record == "Billing" else "<Replica/Key>")
    (default,) = copied.properties(f"Replica/{record}")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert default["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    assert copied.resources[key.strip("<>")].is_retained


def test_s3_copies_with_exactly_the_rights_that_it_needs(copied: Stacks) -> None:
    """It reads versions with their retention here, writes copies there, and uses the keys through S3 only."""
    here, there = copied.config.region, copied.config.replica_region
    objects = {
        "Billing": f"<Billing>/{copied.config.export_prefix}*",
        "Ledger": "<Ledger>/*",
        "Statements": "<Statements>/charge_period=*",
    }
    version = ("ObjectVersionForReplication", "ObjectVersionAcl", "ObjectVersionTagging")
    reads = (*version, "ObjectRetention", "ObjectLegalHold")
    expected = set()
    for record in RECORDS:
        source, copy = f"<{record}>", f"<Replica/{record}>"
        key = "BillingKey" if record == "Billing" else "Key"
        expected |= {f"s3:GetReplicationConfiguration {source}", f"s3:ListBucket {source}"}
        expected |= {f"s3:Get{what} {objects[record]}" for what in reads}
        expected |= {f"s3:ReplicateObject {copy}/*"}
        for region, bucket, name, uses in (
            (here, source, key, ("Decrypt",)),
            (there, copy, f"Replica/{key}", ("Decrypt", "Encrypt", "GenerateDataKey")),
        ):
            for use in uses:
                right = f"kms:{use} <{name}> when "
                expected.add(f"{right}kms:ViaService is s3.{region}.amazonaws.com")
                expected.add(f"{right}kms:EncryptionContext:aws:s3:arn is {bucket}")
    # What it may do here is granted by the stack of the records, which knows the role by its name.
    here_and_there = ("Replica/Replication", name_of(copied.config, "replicate_records"))
    assert frozenset().union(*(copied.roles.get(role, ()) for role in here_and_there)) == expected


def test_only_s3_takes_the_role_that_copies(copied: Stacks) -> None:
    role = copied.properties("Replica/Replication")
    assert role["RoleName"] == name_of(copied.config, "replicate_records")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "s3.amazonaws.com"}
    roles = {copied.properties(record)["ReplicationConfiguration"]["Role"] for record in RECORDS}
    assert roles == {f"arn:aws:iam::{copied.config.finops_account}:role/{role['RoleName']}"}


@pytest.mark.parametrize("record", RECORDS)
def test_nobody_but_that_role_writes_a_copy(copied: Stacks, record: str) -> None:
    denied = {
        action
        for statement in statements(copied.resources[f"Replica/{record}/Policy"])
        if statement.get("Condition") == {"ArnNotEquals": {"aws:PrincipalArn": ["<Replica/Replication>"]}}
        for action in (statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]])
    }
    assert {"s3:PutObject", "s3:ReplicateObject", "s3:ReplicateDelete", "s3:PutObjectRetention"} <= denied
    (deletion,) = (
        s for s in statements(copied.resources[f"Replica/{record}/Policy"]) if s.get("Sid") == "NobodyDeletes"
    )
    assert "Condition" not in deletion
