"""What stacks declare is created with every setting that was declared, where the service's own API shows it."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from local.aws.cloud import LocalCloud
from local.aws.errors import DeploymentFailed
from tests.contract.cloud_support import deploy

POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
TRUST = {"Version": "2012-10-17", "Statement": []}
TAGS = [{"Key": "application", "Value": "chargeback"}]


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def test_a_role_has_its_policies_and_those_of_aws(cloud: LocalCloud, tmp_path: Path) -> None:
    role = resource(
        "AWS::IAM::Role",
        RoleName="wiz",
        AssumeRolePolicyDocument=TRUST,
        Description="reads the account's configuration",
        ManagedPolicyArns=["arn:aws:iam::aws:policy/SecurityAudit", {"Ref": "Ours"}],
        MaxSessionDuration=7200,
        Policies=[{"PolicyName": "inline", "PolicyDocument": POLICY}],
        Tags=TAGS,
    )
    attached = resource("AWS::IAM::Policy", PolicyName="more", PolicyDocument=POLICY, Roles=[{"Ref": "Role"}])
    deploy(
        cloud,
        tmp_path / "out",
        Ours=resource("AWS::IAM::ManagedPolicy", PolicyDocument=POLICY),
        Role=role,
        Policy=attached,
    )
    iam = cloud.client("iam")

    found = iam.get_role(RoleName="wiz")["Role"]
    assert (found["Description"], found["MaxSessionDuration"], found["Tags"]) == (
        "reads the account's configuration",
        7200,
        TAGS,
    )
    assert iam.list_role_policies(RoleName="wiz")["PolicyNames"] == ["inline", "more"]
    assert iam.get_role_policy(RoleName="wiz", PolicyName="more")["PolicyDocument"] == POLICY
    managed = [policy["PolicyArn"] for policy in iam.list_attached_role_policies(RoleName="wiz")["AttachedPolicies"]]
    assert managed[0] == "arn:aws:iam::aws:policy/SecurityAudit"
    assert len(managed) == 2


def test_a_policy_that_aws_does_not_have_refuses_the_stack(cloud: LocalCloud, tmp_path: Path) -> None:
    arn = "arn:aws:iam::aws:policy/ReadNothing"
    role = resource("AWS::IAM::Role", AssumeRolePolicyDocument=TRUST, ManagedPolicyArns=[arn])

    with pytest.raises(DeploymentFailed, match=f"AWS has no policy {arn}"):
        deploy(cloud, tmp_path / "out", Role=role)


def test_github_can_be_trusted(cloud: LocalCloud, tmp_path: Path) -> None:
    provider = resource(
        "AWS::IAM::OIDCProvider", Url="https://token.actions.githubusercontent.com", ClientIdList=["sts.amazonaws.com"]
    )
    names = deploy(cloud, tmp_path / "out", Provider=provider)

    found = cloud.client("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=names["ProviderRef"])
    assert (found["Url"], found["ClientIDList"]) == ("token.actions.githubusercontent.com", ["sts.amazonaws.com"])


def test_a_queue_and_a_topic_have_their_attributes(cloud: LocalCloud, tmp_path: Path) -> None:
    failures = {"Fn::GetAtt": ["Failures", "Arn"]}
    names = deploy(
        cloud,
        tmp_path / "out",
        Failures=resource("AWS::SQS::Queue", QueueName="failures", SqsManagedSseEnabled=True, Tags=TAGS),
        Work=resource(
            "AWS::SQS::Queue",
            MessageRetentionPeriod=1_209_600,
            KmsMasterKeyId="alias/chargeback",
            RedrivePolicy={"deadLetterTargetArn": failures, "maxReceiveCount": 3},
        ),
        Alerts=resource(
            "AWS::SNS::Topic", TopicName="alerts", DisplayName="Chargeback", KmsMasterKeyId="alias/x", Tags=TAGS
        ),
    )
    sqs = cloud.client("sqs")

    attributes = sqs.get_queue_attributes(QueueUrl=names["WorkRef"], AttributeNames=["All"])["Attributes"]
    assert (attributes["MessageRetentionPeriod"], attributes["KmsMasterKeyId"]) == ("1209600", "alias/chargeback")
    assert json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"].endswith(":failures")
    assert sqs.list_queue_tags(QueueUrl=names["FailuresRef"])["Tags"] == {"application": "chargeback"}
    topic = cloud.client("sns").get_topic_attributes(TopicArn=names["AlertsRef"])["Attributes"]
    assert (topic["DisplayName"], topic["KmsMasterKeyId"]) == ("Chargeback", "alias/x")
    assert cloud.client("sns").list_tags_for_resource(ResourceArn=names["AlertsRef"])["Tags"] == TAGS


def test_a_bucket_knows_where_its_access_logs_and_its_copies_go(cloud: LocalCloud, tmp_path: Path) -> None:
    versioned = {"Status": "Enabled"}
    rule = {
        "Id": "copy",
        "Status": "Enabled",
        "Priority": "1",
        "Filter": {"Prefix": "ledger/"},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": {"Fn::GetAtt": ["Copies", "Arn"]}, "StorageClass": "STANDARD_IA"},
    }
    names = deploy(
        cloud,
        tmp_path / "out",
        Logs=resource("AWS::S3::Bucket"),
        Copies=resource("AWS::S3::Bucket", VersioningConfiguration=versioned),
        Ledger=resource(
            "AWS::S3::Bucket",
            VersioningConfiguration=versioned,
            LoggingConfiguration={"DestinationBucketName": {"Ref": "Logs"}, "LogFilePrefix": "ledger/"},
            ReplicationConfiguration={"Role": "arn:aws:iam::123456789012:role/copy", "Rules": [rule]},
        ),
    )
    s3, where = cloud.client("s3"), {"Bucket": names["LedgerRef"]}

    assert s3.get_bucket_logging(**where)["LoggingEnabled"] == {
        "TargetBucket": names["LogsRef"],
        "TargetPrefix": "ledger/",
    }
    [found] = s3.get_bucket_replication(**where)["ReplicationConfiguration"]["Rules"]
    assert (found["ID"], found["Priority"]) == ("copy", 1)
    assert found["Destination"]["Bucket"] == f"arn:aws:s3:::{names['CopiesRef']}"
    s3.put_object(**where, Key="ledger/2026-05", Body=b"{}")
    assert s3.list_objects_v2(Bucket=names["LogsRef"])["KeyCount"] == 0, "an access log was made up"


@pytest.mark.parametrize(
    "settings",
    [
        {"LoggingConfiguration": {"DestinationBucketName": "nothing"}},
        {
            "VersioningConfiguration": {"Status": "Enabled"},
            "ReplicationConfiguration": {
                "Role": "arn:aws:iam::123456789012:role/copy",
                "Rules": [{"Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::nothing"}}],
            },
        },
    ],
)
def test_logs_and_copies_need_a_bucket_to_go_to(cloud: LocalCloud, tmp_path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(DeploymentFailed, match=r"Ledger \(AWS::S3::Bucket\) was not created: .*404"):
        deploy(cloud, tmp_path / "out", Ledger=resource("AWS::S3::Bucket", **settings))


def test_schedules_keep_to_their_group(cloud: LocalCloud, tmp_path: Path) -> None:
    deploy(
        cloud,
        tmp_path / "out",
        Group=resource("AWS::Scheduler::ScheduleGroup", Name="chargeback"),
        Daily=resource(
            "AWS::Scheduler::Schedule",
            GroupName={"Ref": "Group"},
            FlexibleTimeWindow={"Mode": "OFF"},
            ScheduleExpression="cron(0 6 * * ? *)",
            Target={"Arn": "arn:aws:states:us-east-1:123456789012:stateMachine:close", "RoleArn": "arn:aws:iam::1:x"},
        ),
    )

    [found] = cloud.client("scheduler").list_schedules(GroupName="chargeback")["Schedules"]
    assert found["GroupName"] == "chargeback"


def test_posture_is_kept_as_declared(cloud: LocalCloud, tmp_path: Path) -> None:
    feature = {"Name": "LAMBDA_NETWORK_LOGS", "Status": "ENABLED"}
    names = deploy(
        cloud,
        tmp_path / "out",
        Locked=resource(
            "AWS::Config::ConfigRule",
            ConfigRuleName="object-lock",
            Scope={"ComplianceResourceTypes": ["AWS::S3::Bucket"]},
            Source={"Owner": "AWS", "SourceIdentifier": "S3_BUCKET_DEFAULT_LOCK_ENABLED"},
            InputParameters={"mode": "COMPLIANCE"},
        ),
        Threats=resource("AWS::GuardDuty::Detector", Enable=True, Features=[feature], Tags=TAGS),
    )

    [rule] = cloud.client("config").describe_config_rules()["ConfigRules"]
    assert (rule["ConfigRuleName"], json.loads(rule["InputParameters"])) == ("object-lock", {"mode": "COMPLIANCE"})
    detector = cloud.client("guardduty").get_detector(DetectorId=names["ThreatsRef"])
    assert (detector["Status"], detector["Tags"]) == ("ENABLED", {"application": "chargeback"})
    [found] = [one for one in detector["Features"] if one["Name"] == feature["Name"]]
    assert found["Status"] == "ENABLED"


def test_a_cost_category_has_its_rules(cloud: LocalCloud, tmp_path: Path) -> None:
    rules = [{"Value": "claims", "Rule": {"Tags": {"Key": "cost-center", "Values": ["CC-1001"]}}, "Type": "REGULAR"}]
    names = deploy(
        cloud,
        tmp_path / "out",
        Unit=resource(
            "AWS::CE::CostCategory",
            Name="business unit",
            RuleVersion="CostCategoryExpression.v1",
            Rules=json.dumps(rules),
            DefaultValue="unowned",
        ),
    )

    found = cloud.client("ce").describe_cost_category_definition(CostCategoryArn=names["UnitRef"])["CostCategory"]
    assert (found["Rules"], found["DefaultValue"]) == (rules, "unowned")


def test_a_parameter_without_a_name_gets_one(cloud: LocalCloud, tmp_path: Path) -> None:
    names = deploy(
        cloud, tmp_path / "out", Here=resource("AWS::SSM::Parameter", Type="String", Value="local", Tags={"a": "b"})
    )

    found = cloud.client("ssm").get_parameter(Name=names["HereRef"])["Parameter"]
    assert (found["Type"], found["Value"]) == ("String", "local")


def test_images_have_a_repository_with_its_policies(cloud: LocalCloud, tmp_path: Path) -> None:
    days = {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": 365}
    rule = {"rulePriority": 1, "selection": {"tagStatus": "untagged", **days}, "action": {"type": "expire"}}
    text = json.dumps({"rules": [rule]})
    pull = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "ecr:BatchGetImage"}
    policy = {"Version": "2012-10-17", "Statement": [pull]}
    names = deploy(
        cloud,
        tmp_path / "out",
        Images=resource(
            "AWS::ECR::Repository",
            ImageTagMutability="IMMUTABLE",
            LifecyclePolicy={"LifecyclePolicyText": text},
            RepositoryPolicyText=policy,
        ),
    )
    ecr, where = cloud.client("ecr"), {"repositoryName": names["ImagesRef"]}

    [found] = ecr.describe_repositories()["repositories"]
    assert found["imageTagMutability"] == "IMMUTABLE"
    assert json.loads(ecr.get_lifecycle_policy(**where)["lifecyclePolicyText"]) == json.loads(text)
    assert json.loads(ecr.get_repository_policy(**where)["policyText"]) == policy


def test_a_function_has_its_layer_and_its_reserved_concurrency(cloud: LocalCloud, tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("python/packages.txt", "pydantic")
    cloud.client("s3").create_bucket(Bucket="layers")
    cloud.client("s3").put_object(Bucket="layers", Key="base.zip", Body=archive.getvalue())
    public = "arn:aws:lambda:us-east-1:017000801446:layer:AWSLambdaPowertoolsPythonV3-python312-x86_64:18"
    role = {"Fn::GetAtt": ["Role", "Arn"]}
    names = deploy(
        cloud,
        tmp_path / "out",
        Role=resource("AWS::IAM::Role", AssumeRolePolicyDocument=TRUST),
        Base=resource("AWS::Lambda::LayerVersion", Content={"S3Bucket": "layers", "S3Key": "base.zip"}),
        Read=resource(
            "AWS::Lambda::Function",
            Code={"ZipFile": "def handler(event, context): ..."},
            Handler="index.handler",
            Runtime="python3.12",
            Role=role,
            Layers=[public, {"Ref": "Base"}],
            ReservedConcurrentExecutions=1,
        ),
    )
    lambda_ = cloud.client("lambda")

    found = lambda_.get_function(FunctionName=names["ReadRef"])
    assert found["Concurrency"] == {"ReservedConcurrentExecutions": 1}
    assert [layer["Arn"] for layer in found["Configuration"]["Layers"]] == [names["BaseRef"]]
