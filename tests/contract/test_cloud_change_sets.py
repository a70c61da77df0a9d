"""Change sets as the CDK CLI makes them: a stack comes to be whole, or says why not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws.cloud import LocalCloud
from local.aws.endpoint import Endpoint

NAME = "cdk-deploy-change-set"
PARAMETER = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Name": "/period", "Value": "2026-05"}}
NOBODYS_POLICY = {
    "Type": "AWS::S3::BucketPolicy",
    "Properties": {"Bucket": "nothing", "PolicyDocument": {"Version": "2012-10-17", "Statement": []}},
}


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path / "state") as running:
        running.accept_stacks()
        yield running


def template(outputs: dict[str, Any] | None = None, **resources: Any) -> str:
    return json.dumps({"Resources": resources, "Outputs": outputs or {}})


def propose(cloud: LocalCloud, stack: str, body: str, kind: str = "CREATE") -> dict[str, Any]:
    """Makes a change set, and says what became of it."""
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_change_set(StackName=stack, ChangeSetName=NAME, ChangeSetType=kind, TemplateBody=body)
    described: dict[str, Any] = cloudformation.describe_change_set(StackName=stack, ChangeSetName=NAME)
    return described


def create(cloud: LocalCloud, stack: str, body: str) -> dict[str, Any]:
    """Makes a stack by a change set, and describes it."""
    propose(cloud, stack, body)
    cloud.client("cloudformation").execute_change_set(StackName=stack, ChangeSetName=NAME)
    described: dict[str, Any] = cloud.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return described


def events(cloud: LocalCloud, stack: str) -> list[tuple[str, str]]:
    """What happened to whom, oldest first; the stack itself goes by its name."""
    found = cloud.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [(event["LogicalResourceId"], event["ResourceStatus"]) for event in reversed(found)]


def test_a_change_set_changes_nothing_before_it_is_executed(cloud: LocalCloud) -> None:
    described = propose(cloud, "data", template(Period=PARAMETER))

    assert (described["Status"], described["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    [change] = described["Changes"]
    assert change["ResourceChange"]["LogicalResourceId"] == "Period"
    [stack] = cloud.client("cloudformation").describe_stacks(StackName="data")["Stacks"]
    assert stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    with pytest.raises(ClientError, match="ParameterNotFound"):
        cloud.client("ssm").get_parameter(Name="/period")


def test_an_executed_change_set_is_a_complete_stack(cloud: LocalCloud) -> None:
    outputs = {"Name": {"Value": {"Ref": "Period"}}}
    body = template(outputs, Period=PARAMETER)

    stack = create(cloud, "data", body)

    assert (stack["StackStatus"], stack["Outputs"][0]["OutputValue"]) == ("CREATE_COMPLETE", "/period")
    assert cloud.client("ssm").get_parameter(Name="/period")["Parameter"]["Value"] == "2026-05"
    found = cloud.client("cloudformation").get_template(StackName="data", TemplateStage="Original")["TemplateBody"]
    assert found == json.loads(body)
    assert events(cloud, "data") == [
        ("data", "REVIEW_IN_PROGRESS"),
        ("data", "CREATE_IN_PROGRESS"),
        ("Period", "CREATE_COMPLETE"),
        ("data", "CREATE_COMPLETE"),
    ]


def test_a_resource_waits_for_what_it_depends_on(cloud: LocalCloud) -> None:
    first = {**PARAMETER, "DependsOn": "Second"}
    second = {"Type": "AWS::S3::Bucket"}

    create(cloud, "data", template(First=first, Second=second))

    assert [name for name, _ in events(cloud, "data")][2:4] == ["Second", "First"]


def test_a_stack_imports_what_an_earlier_one_exports(cloud: LocalCloud) -> None:
    create(cloud, "data", template({"Name": {"Value": "ledger", "Export": {"Name": "data:Ledger"}}}, Period=PARAMETER))
    imported = {"Type": "String", "Name": "/ledger", "Value": {"Fn::ImportValue": "data:Ledger"}}

    create(cloud, "pipeline", template(Ledger={"Type": "AWS::SSM::Parameter", "Properties": imported}))

    assert cloud.client("ssm").get_parameter(Name="/ledger")["Parameter"]["Value"] == "ledger"


def test_the_name_of_an_export_is_given_once(cloud: LocalCloud) -> None:
    exporting = {"Name": {"Value": "ledger", "Export": {"Name": "data:Ledger"}}}
    create(cloud, "data", template(exporting, Bucket={"Type": "AWS::S3::Bucket"}))

    stack = create(cloud, "more-data", template(exporting, Bucket={"Type": "AWS::S3::Bucket"}))

    assert (stack["StackStatus"], stack["StackStatusReason"]) == (
        "ROLLBACK_FAILED",
        "Another stack exports data:Ledger already.",
    )


def test_a_failure_is_told_by_the_stack_and_nothing_is_made_after_it(cloud: LocalCloud) -> None:
    later = {**PARAMETER, "DependsOn": "Policy"}

    stack = create(cloud, "data", template({"Later": {"Value": {"Ref": "Later"}}}, Policy=NOBODYS_POLICY, Later=later))

    assert stack["StackStatus"] == "ROLLBACK_FAILED"
    assert stack["StackStatusReason"].startswith("Policy (AWS::S3::BucketPolicy) was not created:")
    assert events(cloud, "data")[2:] == [("Policy", "CREATE_FAILED"), ("data", "ROLLBACK_FAILED")]
    assert cloud.client("cloudformation").list_stack_resources(StackName="data")["StackResourceSummaries"] == []
    with pytest.raises(ClientError, match="ParameterNotFound"):
        cloud.client("ssm").get_parameter(Name="/period")


def test_a_failure_is_reported_once_though_others_need_the_resource(cloud: LocalCloud) -> None:
    needs = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Ref": "Policy"}}}

    create(cloud, "data", template(Needs=needs, Policy=NOBODYS_POLICY))

    assert [status for _, status in events(cloud, "data")].count("CREATE_FAILED") == 1


def test_a_type_that_nobody_creates_is_refused_before_anything_is_made(cloud: LocalCloud) -> None:
    propose(cloud, "data", template(Period=PARAMETER, Cluster={"Type": "AWS::ECS::Cluster"}))

    with pytest.raises(ClientError, match=r"cannot create AWS::ECS::Cluster\. Add a handler"):
        cloud.client("cloudformation").execute_change_set(StackName="data", ChangeSetName=NAME)

    with pytest.raises(ClientError, match="ParameterNotFound"):
        cloud.client("ssm").get_parameter(Name="/period")


def test_the_same_template_again_is_no_change(cloud: LocalCloud) -> None:
    create(cloud, "data", template(Period=PARAMETER))

    described = propose(cloud, "data", template(Period=PARAMETER), kind="UPDATE")

    assert (described["Status"], described["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert described["StatusReason"].startswith("The submitted information didn't contain changes.")


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        (template(Period={**PARAMETER, "DeletionPolicy": "Retain"}), "Period (AWS::SSM::Parameter)"),
        (template(Period=PARAMETER, Ledger={"Type": "AWS::S3::Bucket"}), "Ledger (AWS::S3::Bucket)"),
        (template({"New": {"Value": "output"}}, Period=PARAMETER), "what surrounds its resources"),
    ],
)
def test_a_change_to_a_stack_is_refused_by_name(cloud: LocalCloud, changed: str, what: str) -> None:
    create(cloud, "data", template(Period=PARAMETER))

    described = propose(cloud, "data", changed, kind="UPDATE")

    assert f"creates and does not change: {what} would change" in described["StatusReason"]
    with pytest.raises(ClientError, match="is UNAVAILABLE"):
        cloud.client("cloudformation").execute_change_set(StackName="data", ChangeSetName=NAME)


def test_change_sets_of_two_stacks_have_one_name_and_do_not_mix(cloud: LocalCloud) -> None:
    propose(cloud, "data", template(Period=PARAMETER))
    propose(cloud, "replica", template(Ledger={"Type": "AWS::S3::Bucket"}))
    cloudformation = cloud.client("cloudformation")

    cloudformation.execute_change_set(StackName="data", ChangeSetName=NAME)

    statuses = {stack["StackName"]: stack["StackStatus"] for stack in cloudformation.describe_stacks()["Stacks"]}
    assert statuses == {"data": "CREATE_COMPLETE", "replica": "REVIEW_IN_PROGRESS"}
    [change] = cloudformation.describe_change_set(StackName="replica", ChangeSetName=NAME)["Changes"]
    assert change["ResourceChange"]["ResourceType"] == "AWS::S3::Bucket"


def test_a_change_set_is_gone_once_it_is_deleted_and_deleting_it_again_is_no_error(cloud: LocalCloud) -> None:
    propose(cloud, "data", template(Period=PARAMETER))
    cloudformation = cloud.client("cloudformation")

    for _ in range(2):
        cloudformation.delete_change_set(StackName="data", ChangeSetName=NAME)

    with pytest.raises(ClientError) as gone:
        cloudformation.describe_change_set(StackName="data", ChangeSetName=NAME)
    assert gone.value.response["Error"]["Code"] == "ChangeSetNotFound"


def test_a_stack_that_was_never_executed_may_be_begun_again(cloud: LocalCloud) -> None:
    propose(cloud, "data", template(Ledger={"Type": "AWS::S3::Bucket"}))
    cloud.client("cloudformation").delete_change_set(StackName="data", ChangeSetName=NAME)

    assert create(cloud, "data", template(Period=PARAMETER))["StackStatus"] == "CREATE_COMPLETE"


def test_a_stack_is_created_once(cloud: LocalCloud) -> None:
    create(cloud, "data", template(Period=PARAMETER))

    with pytest.raises(ClientError, match="Stack data exists and is CREATE_COMPLETE"):
        propose(cloud, "data", template(Period=PARAMETER))


def test_a_stack_is_not_deleted(cloud: LocalCloud) -> None:
    create(cloud, "data", template(Period=PARAMETER))

    with pytest.raises(ClientError, match="ends as a whole"):
        cloud.client("cloudformation").delete_stack(StackName="data")

    assert cloud.client("ssm").get_parameter(Name="/period")


def test_a_template_is_read_from_the_endpoints_own_address(cloud: LocalCloud) -> None:
    cloud.client("s3").create_bucket(Bucket="assets")
    cloud.client("s3").put_object(Bucket="assets", Key="a b/data.json", Body=template(Period=PARAMETER).encode())
    with Endpoint(cloud) as endpoint:
        cloudformation = endpoint.client("cloudformation")

        cloudformation.create_change_set(
            StackName="data",
            ChangeSetName=NAME,
            ChangeSetType="CREATE",
            TemplateURL=f"{endpoint.url}/assets/a%20b/data.json",
        )
        cloudformation.execute_change_set(StackName="data", ChangeSetName=NAME)

    assert cloud.client("ssm").get_parameter(Name="/period")
