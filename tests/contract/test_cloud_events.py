"""Events of the local cloud reach their targets as on EventBridge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws.cloud import LocalCloud
from local.aws.events import target_input, wait_for_deliveries
from tests.contract.cloud_support import create_function, create_state_machine, write_handler

MANIFESTS = {
    "source": ["aws.s3"],
    "detail-type": ["Object Created"],
    "detail": {"bucket": {"name": ["billing"]}, "object": {"key": [{"wildcard": "cur/*-Manifest.json"}]}},
}


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCloud]:
    monkeypatch.syspath_prepend(tmp_path)
    with LocalCloud(tmp_path / "state") as running:
        s3 = running.client("s3")
        s3.create_bucket(Bucket="billing")
        s3.put_bucket_versioning(Bucket="billing", VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_notification_configuration(
            Bucket="billing", NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        yield running


@pytest.fixture
def machine(cloud: LocalCloud) -> str:
    return create_state_machine(cloud, {"Done": {"Type": "Pass", "End": True}})


def add_rule(
    cloud: LocalCloud, target: str, pattern: Any = MANIFESTS, name: str = "manifests", **settings: Any
) -> None:
    cloud.client("events").put_rule(Name=name, EventPattern=json.dumps(pattern))
    cloud.client("events").put_targets(Rule=name, Targets=[{"Id": "1", "Arn": target, **settings}])


def inputs(cloud: LocalCloud, machine: str) -> list[Any]:
    """What the executions of a state machine were started with."""
    client = cloud.client("stepfunctions")
    arns = [one["executionArn"] for one in client.list_executions(stateMachineArn=machine)["executions"]]
    return [json.loads(client.describe_execution(executionArn=arn)["input"]) for arn in arns]


@pytest.mark.parametrize(
    ("key", "started"),
    [
        ("cur/2026-05-Manifest.json", 1),
        ("cur/a/b/c-Manifest.json", 1),
        ("cur/-Manifest.json", 1),
        ("cur/Manifest.json", 0),
        ("cur/2026-05-Manifest.json.bak", 0),
        ("other/2026-05-Manifest.json", 0),
    ],
)
def test_a_wildcard_selects_keys_as_on_aws(cloud: LocalCloud, machine: str, key: str, started: int) -> None:
    add_rule(cloud, machine)

    cloud.client("s3").put_object(Bucket="billing", Key=key, Body=b"{}")

    assert len(inputs(cloud, machine)) == started


def test_a_state_machine_receives_the_transformed_event(cloud: LocalCloud, machine: str) -> None:
    transformer = {
        "InputPathsMap": {
            "bucket": "$.detail.bucket.name",
            "key": "$.detail.object.key",
            "size": "$.detail.object.size",
        },
        "InputTemplate": '{"manifest": "s3://<bucket>/<key>", "key": <key>, "size": <size>}',
    }
    add_rule(cloud, machine, InputTransformer=transformer)

    cloud.client("s3").put_object(Bucket="billing", Key='cur/"x"-Manifest.json', Body=b"{}")

    key = 'cur/"x"-Manifest.json'
    assert inputs(cloud, machine) == [{"manifest": f"s3://billing/{key}", "key": key, "size": 2}]


def test_a_state_machine_receives_a_part_of_the_event(cloud: LocalCloud, machine: str) -> None:
    add_rule(cloud, machine, InputPath="$.detail.object")

    version = cloud.client("s3").put_object(Bucket="billing", Key="cur/a-Manifest.json", Body=b"{}")["VersionId"]

    [received] = inputs(cloud, machine)
    assert (received["key"], received["size"], received["version-id"]) == ("cur/a-Manifest.json", 2, version)


def test_a_linked_file_causes_the_event_of_a_put(cloud: LocalCloud, machine: str, tmp_path: Path) -> None:
    add_rule(cloud, machine, InputPath="$.detail.object.size")
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"dataFiles": []}')

    cloud.link("billing", "cur/a-Manifest.json", manifest)

    assert inputs(cloud, machine) == [17]


def test_an_upload_in_parts_causes_one_event(cloud: LocalCloud, machine: str) -> None:
    add_rule(cloud, machine, InputPath="$.detail.reason")
    s3, where = cloud.client("s3"), {"Bucket": "billing", "Key": "cur/a-Manifest.json"}
    upload = s3.create_multipart_upload(**where)["UploadId"]
    part = s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"{}")

    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=parts)

    assert inputs(cloud, machine) == ["CompleteMultipartUpload"]


def test_a_schedule_is_not_started_by_an_event(cloud: LocalCloud, machine: str) -> None:
    cloud.client("events").put_rule(Name="nightly", ScheduleExpression="cron(0 5 * * ? *)")
    cloud.client("events").put_targets(Rule="nightly", Targets=[{"Id": "1", "Arn": machine}])

    cloud.client("s3").put_object(Bucket="billing", Key="cur/a-Manifest.json", Body=b"{}")
    cloud.client("events").put_events(Entries=[{"Source": "chargeback", "DetailType": "Closed", "Detail": "{}"}])

    assert inputs(cloud, machine) == []


def test_a_disabled_rule_starts_nothing(cloud: LocalCloud, machine: str) -> None:
    add_rule(cloud, machine)
    cloud.client("events").disable_rule(Name="manifests")

    cloud.client("s3").put_object(Bucket="billing", Key="cur/a-Manifest.json", Body=b"{}")

    assert inputs(cloud, machine) == []


def test_an_event_of_ours_reaches_a_function_and_a_queue(cloud: LocalCloud, tmp_path: Path) -> None:
    function = create_function(
        cloud, write_handler(tmp_path, "told", "def handler(event, context): print(event['detail'])")
    )
    queue = cloud.client("sqs").create_queue(QueueName="closed")["QueueUrl"]
    pattern = {"source": ["chargeback"]}
    add_rule(cloud, function, pattern, name="function")
    add_rule(cloud, "arn:aws:sqs:us-east-1:123456789012:closed", pattern, name="queue")

    entry = {"Source": "chargeback", "DetailType": "Closed", "Detail": '{"period": "2026-05"}'}
    cloud.client("events").put_events(Entries=[entry])
    wait_for_deliveries()

    assert "{'period': '2026-05'}" in (cloud.log_dir / "told.log").read_text()
    [message] = cloud.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"])["detail"] == {"period": "2026-05"}


def test_the_object_is_complete_when_its_event_arrives(cloud: LocalCloud, tmp_path: Path) -> None:
    source = """
        import boto3

        def handler(event, context):
            print(boto3.client("s3").head_object(Bucket="billing", Key=event["key"])["Metadata"])
        """
    add_rule(cloud, create_function(cloud, write_handler(tmp_path, "reading", source)), InputPath="$.detail.object")

    cloud.client("s3").put_object(
        Bucket="billing", Key="cur/a-Manifest.json", Body=b"{}", Metadata={"period": "2026-05"}
    )
    wait_for_deliveries()

    assert "{'period': '2026-05'}" in (cloud.log_dir / "reading.log").read_text()


def test_a_fixed_input_replaces_the_event() -> None:
    assert target_input({"Input": '{"mode": "daily"}'}, {"detail": {}}) == '{"mode": "daily"}'


def test_what_cannot_be_delivered_is_in_the_dead_letter_queue(cloud: LocalCloud) -> None:
    sqs = cloud.client("sqs")
    queue = sqs.create_queue(QueueName="undelivered")["QueueUrl"]
    nobody = "arn:aws:states:us-east-1:123456789012:stateMachine:nobody"
    dead_letters = {"Arn": "arn:aws:sqs:us-east-1:123456789012:undelivered"}
    add_rule(cloud, nobody, DeadLetterConfig=dead_letters)

    cloud.client("s3").put_object(Bucket="billing", Key="cur/2026-05-Manifest.json", Body=b"{}")

    [message] = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"])["Messages"]
    assert json.loads(message["Body"])["detail"]["object"]["key"] == "cur/2026-05-Manifest.json"
    about = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert (about["TARGET_ARN"], about["ERROR_CODE"]) == (nobody, "StateMachineDoesNotExist")
    assert about["RULE_ARN"].endswith(":rule/manifests")


def test_what_cannot_be_delivered_and_has_no_queue_is_an_error(cloud: LocalCloud) -> None:
    add_rule(cloud, "arn:aws:states:us-east-1:123456789012:stateMachine:nobody")

    with pytest.raises(ClientError, match="StateMachineDoesNotExist"):
        cloud.client("s3").put_object(Bucket="billing", Key="cur/2026-05-Manifest.json", Body=b"{}")
