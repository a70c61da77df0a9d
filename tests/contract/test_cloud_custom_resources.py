"""A custom resource is what its function answers, as with CloudFormation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local.aws.cloud import LocalCloud
from local.aws.errors import DeploymentFailed
from tests.contract.cloud_support import create_function, write_assembly, write_handler

ANSWERING = """
import json, os, urllib.request

def handler(event, context):
    print(json.dumps(event))
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": "SUCCESS", "PhysicalResourceId": "tags", "Data": {"Active": "cost-center"}}
    answer |= json.loads(os.environ["ANSWER"])
    headers = {"Content-Type": os.environ.get("CONTENT_TYPE", "")}
    body = json.dumps(answer).encode()
    urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], body, headers, method="PUT"))
"""


def deploy(cloud: LocalCloud, folder: Path, function: str, **properties: Any) -> dict[str, str]:
    """Deploys one resource; returns its reference and its attribute."""
    resource = {"Type": "Custom::CostAllocationTags", "Properties": {"ServiceToken": function, **properties}}
    outputs = {"Ref": {"Value": {"Ref": "Tags"}}, "Active": {"Value": {"Fn::GetAtt": ["Tags", "Active"]}}}
    template = {"Resources": {"Tags": resource}, "Outputs": outputs}
    return cloud.deploy(write_assembly(folder / "out", {"payer": template}))["payer"]


def answering(cloud: LocalCloud, folder: Path, answer: dict[str, Any] | None = None, **environment: str) -> str:
    handler = write_handler(folder, "answering", ANSWERING)
    return create_function(cloud, handler, ANSWER=json.dumps(answer or {}), **environment)


def test_a_resource_is_what_its_function_answers(cloud: LocalCloud, tmp_path: Path) -> None:
    outputs = deploy(cloud, tmp_path, answering(cloud, tmp_path))

    assert outputs == {"Ref": "tags", "Active": "cost-center"}


def test_a_function_is_asked_as_cloudformation_asks(cloud: LocalCloud, tmp_path: Path) -> None:
    function = answering(cloud, tmp_path)
    deploy(cloud, tmp_path, function, TagKeys=["cost-center"], BackfillMonths=1, Enabled=True)

    log = (cloud.log_dir / "answering.log").read_text(encoding="utf-8")
    asked = json.loads(next(line for line in log.splitlines() if line.startswith("{")))
    assert (asked["RequestType"], asked["ResourceType"]) == ("Create", "Custom::CostAllocationTags")
    assert asked["LogicalResourceId"] == "Tags"
    assert asked["ResourceProperties"] == {
        "ServiceToken": function,
        "TagKeys": ["cost-center"],
        "BackfillMonths": "1",
        "Enabled": "true",
    }


def test_a_failure_refuses_the_stack_with_its_reason(cloud: LocalCloud, tmp_path: Path) -> None:
    function = answering(cloud, tmp_path, {"Status": "FAILED", "Reason": "CostExplorerRefused: not the payer"})

    with pytest.raises(
        DeploymentFailed, match=r"Tags \(Custom::CostAllocationTags\).*CostExplorerRefused: not the pay"
    ):
        deploy(cloud, tmp_path, function)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"RequestId": "of another"}, "the answer is about RequestId 'of another'"),
        ({"PhysicalResourceId": ""}, "the answer has no PhysicalResourceId"),
        ({"Data": {"Active": "x" * 4096}}, "bytes, CloudFormation takes 4096"),
    ],
)
def test_an_answer_that_cloudformation_would_not_take_refuses_the_stack(
    cloud: LocalCloud, tmp_path: Path, answer: dict[str, Any], reason: str
) -> None:
    with pytest.raises(DeploymentFailed, match=reason):
        deploy(cloud, tmp_path, answering(cloud, tmp_path, answer))


def test_a_function_that_does_not_answer_refuses_the_stack_at_once(cloud: LocalCloud, tmp_path: Path) -> None:
    silent = write_handler(tmp_path, "silent", "def handler(event, context): raise KeyError('TAG_KEYS')")

    with pytest.raises(DeploymentFailed, match=r"did not answer; it ended with .*KeyError"):
        deploy(cloud, tmp_path, create_function(cloud, silent))


def test_an_answer_is_taken_as_s3_takes_it_without_a_type(cloud: LocalCloud, tmp_path: Path) -> None:
    function = answering(cloud, tmp_path, CONTENT_TYPE="application/json")

    with pytest.raises(DeploymentFailed, match=r"did not answer; it ended with .*403"):
        deploy(cloud, tmp_path, function)
