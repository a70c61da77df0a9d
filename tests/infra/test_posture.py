"""Whoever loosens the guard of the billing bucket, the owners hear of it, in words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from moto.events.models import EventPattern

from infra.constructs.bucket_posture import ACCOUNT_CHANGES, BUCKET_CHANGES, CONFIG_RULES, KEY_CHANGES
from infra.environments import ENVIRONMENTS
from infra.names import billing_bucket, billing_key_parameter
from tests.infra.stacks import Resource, Stacks, statements

ADMINISTRATOR = "arn:aws:sts::222222222222:assumed-role/administrator/jane"
KEY = "<BillingKey>"


def called(name: str, service: str = "s3", **details: Any) -> dict[str, Any]:
    """An event as CloudTrail gives it to EventBridge."""
    return {
        "source": f"aws.{service}",
        "detail-type": "AWS API Call via CloudTrail",
        "detail": {
            "eventSource": f"{service}.amazonaws.com",
            "eventName": name,
            "eventTime": "2026-06-30T23:00:00Z",
            "sourceIPAddress": "192.0.2.1",
            "userIdentity": {"type": "AssumedRole", "arn": ADMINISTRATOR},
            **details,
        },
    }


def on_bucket(name: str, bucket: str) -> dict[str, Any]:
    return called(name, requestParameters={"bucketName": bucket, "Host": f"{bucket}.s3.amazonaws.com"})


def on_key(name: str, arn: str) -> dict[str, Any]:
    """The resources are a list with one member; EventBridge looks into it, moto does not."""
    resources = {"accountId": "222222222222", "type": "AWS::KMS::Key", "ARN": arn}
    return called(name, "kms", requestParameters={"keyId": arn}, resources=resources)


def found(rule: str, bucket: str, compliance: str = "NON_COMPLIANT") -> dict[str, Any]:
    """An event of AWS Config when a rule sees a resource otherwise than before."""
    return {
        "source": "aws.config",
        "detail-type": "Config Rules Compliance Change",
        "detail": {
            "messageType": "ComplianceChangeNotification",
            "configRuleName": rule,
            "resourceType": "AWS::S3::Bucket",
            "resourceId": bucket,
            "newEvaluationResult": {"complianceType": compliance, "resultRecordedTime": "2026-06-30T23:00:00Z"},
        },
    }


def told(stacks: Stacks, event: dict[str, Any]) -> list[str]:
    """What the topics of this environment are told of an event: the text of each message."""
    messages = []
    for rule in stacks.of("AWS::Events::Rule").values():
        pattern = json.dumps(rule.properties.get("EventPattern", {"source": ["nothing"]}))
        if EventPattern.load(_with_the_key(stacks, pattern)).matches_event(event):  # type: ignore[arg-type]
            messages += [_text(target, event) for target in rule.properties["Targets"] if "InputTransformer" in target]
    return messages


def _with_the_key(stacks: Stacks, pattern: str) -> str:
    """As CloudFormation reads the parameter in which the stack of the records has written the key's ARN."""
    name = billing_key_parameter(stacks.config)
    defaults = [p.get("Default") for t in stacks.templates.values() for p in t.get("Parameters", {}).values()]
    assert defaults.count(name) == 1
    (written,) = (p for p in stacks.of("AWS::SSM::Parameter").values() if p.properties.get("Name") == name)
    return re.sub(r"<[\w/]+/KeyArn>", written.properties["Value"], pattern)


def _text(target: dict[str, Any], event: dict[str, Any]) -> str:
    """As EventBridge fills a template: a line a string, a path that leads nowhere leaves nothing."""
    transformer = target["InputTransformer"]

    def value(match: re.Match[str]) -> str:
        node: Any = event
        for name in transformer["InputPathsMap"][match[1]].removeprefix("$.").split("."):
            node = node.get(name, "")
        return str(node)

    lines = [json.loads(line) for line in transformer["InputTemplate"].split("\n")]
    return re.sub(r"<([\w-]+)>", value, "\n".join(lines))


@pytest.fixture
def bucket(stacks: Stacks) -> str:
    return billing_bucket(stacks.config)


@pytest.mark.parametrize("name", BUCKET_CHANGES)
def test_a_change_of_the_buckets_guard_is_told_once(stacks: Stacks, bucket: str, name: str) -> None:
    assert len(told(stacks, on_bucket(name, bucket))) == 1


@pytest.mark.parametrize(
    "name",
    [
        "PutBucketPolicy",
        "DeleteBucketPolicy",
        "PutBucketPublicAccessBlock",
        "DeleteBucketPublicAccessBlock",
        "PutBucketAcl",
        "PutBucketObjectLockConfiguration",
        "PutBucketVersioning",
        "PutBucketEncryption",
        "DeleteBucketEncryption",
        "PutBucketLifecycle",
        "PutBucketReplication",
        "PutBucketOwnershipControls",
    ],
)
def test_what_can_loosen_the_guard_is_among_what_is_told(name: str) -> None:
    assert name in BUCKET_CHANGES


@pytest.mark.parametrize("name", ACCOUNT_CHANGES)
def test_a_change_of_the_accounts_block_on_public_access_is_told(stacks: Stacks, name: str) -> None:
    assert len(told(stacks, called(name, requestParameters={"accountId": stacks.config.finops_account}))) == 1


@pytest.mark.parametrize("name", KEY_CHANGES)
def test_a_change_of_the_bills_key_is_told(stacks: Stacks, name: str) -> None:
    assert len(told(stacks, on_key(name, KEY))) == 1


def test_what_changes_nothing_or_another_bucket_or_key_is_not_told(stacks: Stacks, bucket: str) -> None:
    for event in (
        on_bucket("GetBucketPolicy", bucket),
        on_bucket("PutBucketPolicy", "another-bucket"),
        on_key("Decrypt", KEY),
        on_key("PutKeyPolicy", "arn:aws:kms:us-east-1:222222222222:key/another"),
    ):
        assert told(stacks, event) == [], event["detail"]["eventName"]


def test_the_message_says_what_was_done_to_which_bucket_by_whom_and_when(stacks: Stacks, bucket: str) -> None:
    (message,) = told(stacks, on_bucket("DeleteBucketPolicy", bucket))
    for said in (bucket, "DeleteBucketPolicy", ADMINISTRATOR, "192.0.2.1", "2026-06-30T23:00:00Z"):
        assert said in message
    assert "<" not in message
    refused = on_bucket("DeleteBucketPolicy", bucket)
    refused["detail"]["errorCode"] = "AccessDenied"
    assert "AccessDenied" in told(stacks, refused)[0]


def posture(stacks: Stacks) -> list[Resource]:
    """The rules that tell of the billing bucket, or of the account that it is in."""
    name = billing_bucket(stacks.config)
    return [rule for rule in stacks.of("AWS::Events::Rule").values() if name in rule.properties.get("Description", "")]


def test_a_message_that_cannot_be_delivered_is_kept(stacks: Stacks) -> None:
    rules = posture(stacks)
    assert len(rules) == (4 if stacks.config.records_configuration else 3)
    (queue,) = {target["DeadLetterConfig"]["Arn"] for rule in rules for target in rule.properties["Targets"]}
    properties = stacks.properties(queue.strip("<>"))
    assert properties["SqsManagedSseEnabled"] is True
    assert properties["MessageRetentionPeriod"] == 14 * 24 * 60 * 60
    let_in = {
        s["Condition"]["ArnEquals"]["aws:SourceArn"]
        for s in statements(stacks.resources[f"{queue.strip('<>')}/Policy"])
        if s["Effect"] == "Allow"
    }
    assert let_in == {f"<{rule.name}>" for rule in rules}


def test_eventbridge_may_publish_to_the_owners_topic_and_nothing_else(stacks: Stacks) -> None:
    targets = [target for rule in posture(stacks) for target in rule.properties["Targets"]]
    ((role, topic),) = {(target["RoleArn"], target["Arn"]) for target in targets}
    assert stacks.resources[topic.strip("<>")].kind == "AWS::SNS::Topic"
    key = stacks.properties(topic.strip("<>"))["KmsMasterKeyId"]
    rights = stacks.roles[role.strip("<>")]
    assert rights == {f"sns:Publish {topic}", f"kms:GenerateDataKey {key}", f"kms:Decrypt {key}"}


def config_rules(stacks: Stacks) -> dict[str, dict[str, Any]]:
    rules = stacks.of("AWS::Config::ConfigRule").values()
    return {rule.properties["Source"]["SourceIdentifier"]: rule.properties for rule in rules}


def test_where_aws_config_records_it_looks_at_the_bucket_and_only_at_it(stacks: Stacks, bucket: str) -> None:
    rules = config_rules(stacks)
    if not stacks.config.records_configuration:
        assert rules == {}
        return
    expected = {*CONFIG_RULES.values(), "S3_BUCKET_POLICY_NOT_MORE_PERMISSIVE"}
    assert set(rules) == expected | ({"S3_BUCKET_REPLICATION_ENABLED"} if stacks.config.replica_region else set())
    for rule in rules.values():
        assert rule["Source"]["Owner"] == "AWS"
        assert rule["Scope"] == {"ComplianceResourceId": bucket, "ComplianceResourceTypes": ["AWS::S3::Bucket"]}


def test_a_finding_of_aws_config_is_told_and_its_end_is_not(stacks: Stacks, bucket: str) -> None:
    for rule in config_rules(stacks).values():
        (message,) = told(stacks, found(rule["ConfigRuleName"], bucket))
        for said in (bucket, rule["ConfigRuleName"], "2026-06-30T23:00:00Z"):
            assert said in message
        assert told(stacks, found(rule["ConfigRuleName"], bucket, "COMPLIANT")) == []
        assert told(stacks, found(rule["ConfigRuleName"], "another-bucket")) == []
    assert told(stacks, found("a-rule-of-somebody-else", bucket)) == []


@pytest.mark.parametrize("name", [name for name, config in ENVIRONMENTS.items() if config.records_configuration])
def test_the_most_that_the_policy_may_allow_is_what_it_allows(stacks_of: Callable[[str], Stacks], name: str) -> None:
    stacks = stacks_of(name)
    parameters = config_rules(stacks)["S3_BUCKET_POLICY_NOT_MORE_PERMISSIVE"]["InputParameters"]
    control = json.loads(parameters["controlPolicy"])["Statement"]
    allowed = [s for s in statements(stacks.resources["Billing/Policy"]) if s["Effect"] == "Allow"]
    bucket = f"arn:aws:s3:::{billing_bucket(stacks.config)}"
    unnamed = [{key: value for key, value in statement.items() if key != "Sid"} for statement in allowed]
    assert control == json.loads(json.dumps(unnamed).replace("<Billing>", bucket))
