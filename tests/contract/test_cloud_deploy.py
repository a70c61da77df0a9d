"""Synthesized stacks deploy to the local cloud with nothing lost, or are refused."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws import patching
from local.aws.cloud import LocalCloud
from local.aws.errors import DeploymentFailed, WrongMotoVersion
from tests.contract.cloud_support import deploy, write_assembly

POLICY = {"Version": "2012-10-17", "Statement": []}
ROLE = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": POLICY}}
ROLE_ARN = {"Fn::GetAtt": ["Role", "Arn"]}


def test_stacks_are_deployed_in_the_order_of_their_dependencies(cloud: LocalCloud, tmp_path: Path) -> None:
    data = {
        "Resources": {"Ledger": {"Type": "AWS::S3::Bucket"}},
        "Outputs": {"Name": {"Value": {"Ref": "Ledger"}, "Export": {"Name": "data:Ledger"}}},
    }
    parameter = {"Type": "String", "Name": "/ledger", "Value": {"Fn::ImportValue": "data:Ledger"}}
    pipeline = {
        "Resources": {"Parameter": {"Type": "AWS::SSM::Parameter", "Properties": parameter}},
        "Outputs": {"Imported": {"Value": {"Fn::ImportValue": "data:Ledger"}}},
    }
    stacks = {"a-pipeline": pipeline, "z-data": data}

    outputs = cloud.deploy(write_assembly(tmp_path / "out", stacks, depends_on={"a-pipeline": ["z-data"]}))

    bucket = outputs["z-data"]["Name"]
    assert outputs["a-pipeline"] == {"Imported": bucket}
    assert cloud.client("ssm").get_parameter(Name="/ledger")["Parameter"]["Value"] == bucket


def test_names_are_the_same_at_every_deployment(tmp_path: Path) -> None:
    resources = {
        "Ledger": {"Type": "AWS::S3::Bucket"},
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": POLICY}},
    }
    names = []
    for _ in range(2):
        with LocalCloud(tmp_path / "state") as cloud:
            names.append(deploy(cloud, tmp_path / "out", **resources))

    assert names[0] == names[1]
    assert names[0]["LedgerRef"].startswith("chargeback-ledger-")


def test_a_type_that_nobody_creates_refuses_the_stack(cloud: LocalCloud, tmp_path: Path) -> None:
    resources = {"Ledger": {"Type": "AWS::S3::Bucket"}, "Cluster": {"Type": "AWS::ECS::Cluster"}}

    with pytest.raises(DeploymentFailed, match=r"Stack chargeback: .* cannot create AWS::ECS::Cluster\. Add a handler"):
        deploy(cloud, tmp_path / "out", **resources)


def test_a_property_that_nobody_applies_refuses_the_stack(cloud: LocalCloud, tmp_path: Path) -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"WebsiteConfiguration": {"IndexDocument": "index.html"}}}

    with pytest.raises(DeploymentFailed, match=r"Ledger \(AWS::S3::Bucket\).*does not apply WebsiteConfiguration"):
        deploy(cloud, tmp_path / "out", Ledger=bucket)


def test_types_without_a_meaning_on_one_machine_are_accepted(cloud: LocalCloud, tmp_path: Path) -> None:
    export = {"Type": "AWS::BCMDataExports::Export", "Properties": {"Export": {"Name": "cur"}}}

    assert deploy(cloud, tmp_path / "out", Export=export)["ExportRef"].startswith("arn:aws:bcmdataexports:")


def test_an_attribute_that_a_resource_does_not_have_is_refused(cloud: LocalCloud, tmp_path: Path) -> None:
    parameter = {"Type": "String", "Name": "/x", "Value": {"Fn::GetAtt": ["Ledger", "WebsiteURL"]}}
    resources = {
        "Ledger": {"Type": "AWS::S3::Bucket"},
        "Parameter": {"Type": "AWS::SSM::Parameter", "Properties": parameter},
    }

    with pytest.raises(DeploymentFailed, match=r"AWS::S3::Bucket has no attribute WebsiteURL"):
        deploy(cloud, tmp_path / "out", **resources)


def test_a_second_deployment_to_the_same_cloud_is_refused(cloud: LocalCloud, tmp_path: Path) -> None:
    deploy(cloud, tmp_path / "out", Ledger={"Type": "AWS::S3::Bucket"})

    with pytest.raises(DeploymentFailed, match="deployed to already"):
        deploy(cloud, tmp_path / "out", Ledger={"Type": "AWS::S3::Bucket"})


def test_a_stack_of_another_account_is_refused(cloud: LocalCloud, tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path / "out", {"data": {"Resources": {}}})
    manifest = assembly / "manifest.json"
    manifest.write_text(manifest.read_text().replace("123456789012", "210987654321"))

    with pytest.raises(DeploymentFailed, match="Stack data is for 210987654321/us-east-1"):
        cloud.deploy(assembly)


def test_a_folder_that_is_no_assembly_is_refused(cloud: LocalCloud, tmp_path: Path) -> None:
    with pytest.raises(DeploymentFailed, match="not a cloud assembly"):
        cloud.deploy(tmp_path)


def machine(definition: str, **substitutions: Any) -> dict[str, Any]:
    properties = {"DefinitionString": definition, "DefinitionSubstitutions": substitutions, "RoleArn": ROLE_ARN}
    return {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}


DEFINITION = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Pass", "Result": "${Table}", "End": True}}})


def test_substitutions_are_put_into_a_state_machine(cloud: LocalCloud, tmp_path: Path) -> None:
    names = deploy(cloud, tmp_path / "out", Role=ROLE, Close=machine(DEFINITION, Table='the "periods" table'))

    described = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=names["CloseRef"])
    assert json.loads(described["definition"])["States"]["Done"]["Result"] == 'the "periods" table'


def test_a_substitution_without_a_value_refuses_the_stack(cloud: LocalCloud, tmp_path: Path) -> None:
    with pytest.raises(DeploymentFailed, match=r"Close .* no DefinitionSubstitutions for \$\{Table\}"):
        deploy(cloud, tmp_path / "out", Role=ROLE, Close=machine(DEFINITION))


def test_a_definition_that_is_no_state_machine_refuses_the_stack(cloud: LocalCloud, tmp_path: Path) -> None:
    with pytest.raises(DeploymentFailed, match="Close"):
        deploy(cloud, tmp_path / "out", Role=ROLE, Close=machine('{"StartAt": "Done", "States": {"Done": {}}}'))


def test_a_bucket_has_every_setting_that_its_stack_declares(cloud: LocalCloud, tmp_path: Path) -> None:
    properties = {
        "VersioningConfiguration": {"Status": "Enabled"},
        "ObjectLockEnabled": True,
        "ObjectLockConfiguration": {
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}},
        },
        "PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "BlockPublicPolicy": True},
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
            ]
        },
        "LifecycleConfiguration": {
            "Rules": [{"Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 30}}]
        },
    }
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
    insecure = {**deny, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    policy = {"Bucket": {"Ref": "Ledger"}, "PolicyDocument": {**POLICY, "Statement": [insecure]}}
    names = deploy(
        cloud,
        tmp_path / "out",
        Ledger={"Type": "AWS::S3::Bucket", "Properties": properties},
        Policy={"Type": "AWS::S3::BucketPolicy", "Properties": policy},
    )
    s3, where = cloud.client("s3"), {"Bucket": names["LedgerRef"]}

    s3.put_object(**where, Key="2026-05", Body=b"{}")
    head = s3.head_object(**where, Key="2026-05")

    assert (head["ObjectLockMode"], head["ServerSideEncryption"]) == ("COMPLIANCE", "aws:kms")
    assert head["VersionId"] != "null"
    assert s3.get_public_access_block(**where)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"]
    [rule] = s3.get_bucket_lifecycle_configuration(**where)["Rules"]
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert json.loads(s3.get_bucket_policy(**where)["Policy"])["Statement"] == [insecure]


def test_notifications_as_cdk_declares_them_do_not_wait_for_a_provider(cloud: LocalCloud, tmp_path: Path) -> None:
    notifications = {
        "ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:provider",
        "BucketName": {"Ref": "Billing"},
        "NotificationConfiguration": {"EventBridgeConfiguration": {}},
        "Managed": True,
        "SkipDestinationValidation": False,
    }
    target = {"Id": "queue", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}
    names = deploy(
        cloud,
        tmp_path / "out",
        Billing={"Type": "AWS::S3::Bucket"},
        Notifications={"Type": "Custom::S3BucketNotifications", "Properties": notifications},
        Queue={"Type": "AWS::SQS::Queue"},
        Rule={"Type": "AWS::Events::Rule", "Properties": {"EventPattern": {"source": ["aws.s3"]}, "Targets": [target]}},
    )

    cloud.client("s3").put_object(Bucket=names["BillingRef"], Key="cur", Body=b"{}")

    assert len(cloud.client("sqs").receive_message(QueueUrl=names["QueueRef"])["Messages"]) == 1


def test_a_table_of_one_region_is_a_table(cloud: LocalCloud, tmp_path: Path) -> None:
    properties = {
        "KeySchema": [{"AttributeName": "period", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "period", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
        "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS"},
        "Replicas": [
            {
                "Region": "us-east-1",
                "DeletionProtectionEnabled": True,
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            }
        ],
    }
    names = deploy(cloud, tmp_path / "out", Periods={"Type": "AWS::DynamoDB::GlobalTable", "Properties": properties})
    dynamodb, where = cloud.client("dynamodb"), {"TableName": names["PeriodsRef"]}

    assert dynamodb.describe_table(**where)["Table"]["DeletionProtectionEnabled"]
    assert dynamodb.describe_time_to_live(**where)["TimeToLiveDescription"]["AttributeName"] == "expires"
    backups = dynamodb.describe_continuous_backups(**where)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_glue_and_athena_have_what_their_stack_declares(cloud: LocalCloud, tmp_path: Path) -> None:
    column = {"Name": "line_item_unblended_cost", "Type": "decimal(38,10)"}
    table = {
        "Name": "cur",
        "Parameters": {"projection.enabled": True, "classification": "parquet"},
        "StorageDescriptor": {"Columns": [column], "Location": "s3://billing/cur/"},
    }
    work_group = {
        "EnforceWorkGroupConfiguration": "true",
        "BytesScannedCutoffPerQuery": 10_000_000,
        "ResultConfiguration": {"OutputLocation": "s3://work/results/"},
    }
    database = {"CatalogId": "123456789012", "DatabaseInput": {"Name": "chargeback"}}
    deploy(
        cloud,
        tmp_path / "out",
        Database={"Type": "AWS::Glue::Database", "Properties": database},
        Cur={
            "Type": "AWS::Glue::Table",
            "DependsOn": "Database",
            "Properties": {"CatalogId": "123456789012", "DatabaseName": {"Ref": "Database"}, "TableInput": table},
        },
        Queries={
            "Type": "AWS::Athena::WorkGroup",
            "Properties": {"Name": "chargeback", "WorkGroupConfiguration": work_group},
        },
    )

    found = cloud.client("glue").get_table(DatabaseName="chargeback", Name="cur")["Table"]
    assert found["StorageDescriptor"]["Columns"] == [column]
    assert found["Parameters"] == {"projection.enabled": "true", "classification": "parquet"}
    group = cloud.client("athena").get_work_group(WorkGroup="chargeback")["WorkGroup"]["Configuration"]
    assert group["BytesScannedCutoffPerQuery"] == 10_000_000
    assert group["EnforceWorkGroupConfiguration"] is True


def test_a_stack_of_ours_leaves_no_declared_resource_out(cloud: LocalCloud, tmp_path: Path) -> None:
    read = {**POLICY, "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    topic = {"Ref": "Topic"}
    transformation = {"MetricName": "Errors", "MetricNamespace": "Chargeback", "MetricValue": "1"}
    alarm = {
        "MetricName": "Errors",
        "Namespace": "Chargeback",
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "AlarmActions": [topic],
    }
    schedule = {
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ScheduleExpression": "cron(0 6 * * ? *)",
        "Target": {"Arn": {"Ref": "Close"}, "RoleArn": ROLE_ARN, "Input": "{}"},
    }
    deploy(
        cloud,
        tmp_path / "out",
        Role=ROLE,
        Policy={
            "Type": "AWS::IAM::Policy",
            "Properties": {"PolicyName": "p", "PolicyDocument": read, "Roles": [{"Ref": "Role"}]},
        },
        Topic={"Type": "AWS::SNS::Topic"},
        TopicPolicy={"Type": "AWS::SNS::TopicPolicy", "Properties": {"PolicyDocument": POLICY, "Topics": [topic]}},
        Mail={
            "Type": "AWS::SNS::Subscription",
            "Properties": {"TopicArn": topic, "Protocol": "email", "Endpoint": "finops@example.com"},
        },
        Queue={"Type": "AWS::SQS::Queue"},
        QueuePolicy={
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {"PolicyDocument": POLICY, "Queues": [{"Ref": "Queue"}]},
        },
        Logs={"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 30}},
        Errors={
            "Type": "AWS::Logs::MetricFilter",
            "Properties": {
                "LogGroupName": {"Ref": "Logs"},
                "FilterPattern": "ERROR",
                "MetricTransformations": [transformation],
            },
        },
        Alarm={"Type": "AWS::CloudWatch::Alarm", "Properties": alarm},
        Dashboard={"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": '{"widgets": []}'}},
        Close=machine(DEFINITION.replace("${Table}", "periods")),
        Daily={"Type": "AWS::Scheduler::Schedule", "Properties": schedule},
    )

    assert len(cloud.client("sns").list_subscriptions()["Subscriptions"]) == 1
    assert cloud.client("logs").describe_log_groups()["logGroups"][0]["retentionInDays"] == 30
    assert len(cloud.client("logs").describe_metric_filters()["metricFilters"]) == 1
    [found] = cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert found["AlarmActions"][0].startswith("arn:aws:sns:")
    assert len(cloud.client("cloudwatch").list_dashboards()["DashboardEntries"]) == 1
    assert len(cloud.client("scheduler").list_schedules()["Schedules"]) == 1


def test_assets_are_published_to_where_the_stacks_look_for_them(cloud: LocalCloud, tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path / "out", {"data": {"Resources": {"Role": ROLE}}})
    (assembly / "asset.1").mkdir()
    (assembly / "asset.1" / "handler.py").write_text("def handler(event, context): ...")
    bucket = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"
    assets = {
        "code": {
            "source": {"path": "asset.1", "packaging": "zip"},
            "destinations": {"here": {"bucketName": bucket, "objectKey": "code.zip"}},
        }
    }
    (assembly / "data.assets.json").write_text(json.dumps({"version": "48.0.0", "files": assets}))
    manifest = json.loads((assembly / "manifest.json").read_text())
    manifest["artifacts"]["data.assets"] = {"type": "cdk:asset-manifest", "properties": {"file": "data.assets.json"}}
    (assembly / "manifest.json").write_text(json.dumps(manifest))

    cloud.deploy(assembly)

    published = {"Bucket": "cdk-hnb659fds-assets-123456789012-us-east-1", "Key": "code.zip"}
    assert cloud.client("s3").get_object(**published)["Body"].read().startswith(b"PK")
    version = cloud.client("ssm").get_parameter(Name="/cdk-bootstrap/hnb659fds/version")
    assert int(version["Parameter"]["Value"]) >= 6


def test_the_cloud_is_refused_on_another_version_of_moto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patching, "version", lambda _: "5.3.0")

    with pytest.raises(WrongMotoVersion, match=r"written for moto 5\.2\.5 and moto 5\.3\.0 is installed"):
        LocalCloud(tmp_path).start()


def test_the_operators_own_aws_configuration_does_not_apply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://production.example.com")
    before = dict(os.environ)

    with LocalCloud(tmp_path) as cloud:
        assert cloud.client("s3").list_buckets()["Buckets"] == []
        assert "AWS_PROFILE" not in os.environ

    assert dict(os.environ) == before


def test_nothing_of_the_cloud_is_left_when_it_stops(tmp_path: Path) -> None:
    from moto.events.models import Rule
    from moto.s3.models import FakeKey, S3Backend

    hooked = (S3Backend, "put_object"), (FakeKey, "value"), (Rule, "send_to_targets")
    before = [vars(owner)[name] for owner, name in hooked]
    threads = set(threading.enumerate())

    with LocalCloud(tmp_path / "state") as cloud:
        deploy(cloud, tmp_path / "out", Ledger={"Type": "AWS::S3::Bucket"})

    assert [vars(owner)[name] for owner, name in hooked] == before
    assert set(threading.enumerate()) <= threads


def test_a_failed_deployment_leaves_a_cloud_that_can_be_stopped(tmp_path: Path) -> None:
    policy = {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": "nothing", "PolicyDocument": POLICY}}

    with LocalCloud(tmp_path / "state") as cloud, pytest.raises(DeploymentFailed, match="NoSuchBucket"):
        deploy(cloud, tmp_path / "out", Policy=policy)

    with LocalCloud(tmp_path / "state") as cloud, pytest.raises(ClientError, match="NoSuchBucket"):
        cloud.client("s3").list_objects_v2(Bucket="nothing")
