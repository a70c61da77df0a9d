"""The local cloud answers other programs over HTTP as it answers this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from local.aws.cloud import LocalCloud
from local.aws.endpoint import Endpoint
from local.aws.errors import LocalCloudError
from tests.contract.cloud_support import create_function, create_state_machine, write_handler

KEYS = ("cur/BILLING_PERIOD=2026-05/a b.parquet", "cur/ä+%2F.parquet", "cur//twice")


@pytest.mark.parametrize("key", KEYS)
def test_bytes_come_back_as_they_were_put_under_any_key(cloud: LocalCloud, endpoint: Endpoint, key: str) -> None:
    content = bytes(range(256)) * 1000
    s3 = endpoint.client("s3")
    s3.create_bucket(Bucket="billing")

    s3.put_object(Bucket="billing", Key=key, Body=content, Metadata={"origin": "test"})

    assert [item["Key"] for item in cloud.client("s3").list_objects_v2(Bucket="billing")["Contents"]] == [key]
    assert cloud.client("s3").get_object(Bucket="billing", Key=key)["Body"].read() == content
    found = s3.get_object(Bucket="billing", Key=key)
    assert (found["Body"].read(), found["Metadata"]) == (content, {"origin": "test"})
    assert s3.head_object(Bucket="billing", Key=key)["ContentLength"] == len(content)
    part = s3.get_object(Bucket="billing", Key=key, Range="bytes=10-19")
    assert part["Body"].read() == content[10:20]


def test_a_function_sees_what_another_program_has_put(cloud: LocalCloud, endpoint: Endpoint, tmp_path: Path) -> None:
    source = """
        import boto3

        def handler(event, context):
            return boto3.client("s3").get_object(Bucket="billing", Key=event["key"])["Body"].read().decode()
    """
    function = create_function(cloud, write_handler(tmp_path, "read", source))
    s3 = endpoint.client("s3")
    s3.create_bucket(Bucket="billing")
    s3.put_object(Bucket="billing", Key="cur", Body=b"the bill")

    answer = endpoint.client("lambda").invoke(FunctionName=function, Payload=b'{"key": "cur"}')

    assert json.loads(answer["Payload"].read()) == "the bill"


def test_an_object_that_another_program_puts_starts_a_state_machine(cloud: LocalCloud, endpoint: Endpoint) -> None:
    machine = create_state_machine(cloud, {"Done": {"Type": "Pass", "End": True}})
    s3, events = endpoint.client("s3"), endpoint.client("events")
    s3.create_bucket(Bucket="billing")
    s3.put_bucket_notification_configuration(
        Bucket="billing", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    events.put_rule(Name="arrived", EventPattern=json.dumps({"source": ["aws.s3"]}))
    events.put_targets(Rule="arrived", Targets=[{"Id": "1", "Arn": machine, "Input": '{"here": true}'}])

    s3.put_object(Bucket="billing", Key="manifest", Body=b"{}")

    client = endpoint.client("stepfunctions")
    [execution] = client.list_executions(stateMachineArn=machine)["executions"]
    assert client.describe_execution(executionArn=execution["executionArn"])["input"] == '{"here": true}'


def test_every_region_has_its_own(endpoint: Endpoint) -> None:
    for region in ("us-east-1", "us-west-2"):
        endpoint.client("ssm", region).put_parameter(Name="/where", Value=region, Type="String")

    assert endpoint.client("ssm", "us-west-2").get_parameter(Name="/where")["Parameter"]["Value"] == "us-west-2"


def test_a_refusal_is_the_services_own(endpoint: Endpoint) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        endpoint.client("s3").list_objects_v2(Bucket="nothing")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        endpoint.client("dynamodb").describe_table(TableName="nothing")


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("cloudformation", "describe_type", {"Type": "RESOURCE", "TypeName": "AWS::S3::Bucket"}),
        ("cloudtrail", "lookup_events", {}),
        ("bcm-data-exports", "list_exports", {}),
    ],
)
def test_what_nobody_does_here_is_refused_once(
    endpoint: Endpoint, service: str, operation: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(endpoint.client(service), operation)(**arguments)

    assert refused.value.response["Error"]["Code"] == "NotImplemented"
    assert refused.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_a_request_without_a_signature_is_refused(endpoint: Endpoint) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(endpoint.url)  # noqa: S310 - our own address

    assert refused.value.code == 403


def test_the_printed_environment_is_all_that_a_program_needs(cloud: LocalCloud, endpoint: Endpoint) -> None:
    cloud.client("s3").create_bucket(Bucket="billing")
    program = "import boto3; print([b['Name'] for b in boto3.client('s3').list_buckets()['Buckets']])"
    environment = {"PATH": os.environ["PATH"], **endpoint.environment()}

    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )

    assert (ended.stdout, ended.stderr) == ("['billing']\n", "")


def test_only_a_role_that_is_there_is_assumed(cloud: LocalCloud, endpoint: Endpoint) -> None:
    everybody_here = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "123456789012"}}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [everybody_here]})
    role = cloud.client("iam").create_role(RoleName="deploy", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    sts = endpoint.client("sts")

    given = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    with pytest.raises(ClientError, match="AccessDenied"):
        sts.assume_role(RoleArn=f"{role}-of-nobody", RoleSessionName="test")

    session = boto3.session.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    caller = session.client("sts", region_name="us-east-1", endpoint_url=endpoint.url).get_caller_identity()
    assert caller["Arn"] == "arn:aws:sts::123456789012:assumed-role/deploy/test"


def test_nobody_answers_once_it_has_stopped(cloud: LocalCloud) -> None:
    with Endpoint(cloud) as endpoint:
        client = endpoint.client("sts")
        assert client.get_caller_identity()["Account"] == "123456789012"

    client.meta.config.retries = {"total_max_attempts": 1}
    with pytest.raises(EndpointConnectionError):
        client.get_caller_identity()


def test_a_port_that_is_taken_is_said_in_one_line(cloud: LocalCloud, endpoint: Endpoint) -> None:
    port = int(endpoint.url.rpartition(":")[2])

    with (
        pytest.raises(LocalCloudError, match=f"^Port {port} cannot be opened: choose another one\\.$"),
        Endpoint(cloud, port),
    ):
        pass
