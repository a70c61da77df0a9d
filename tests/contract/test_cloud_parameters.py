"""Parameters that functions put outlive the process; those that stacks declare are declared again at every start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.aws.cloud import LocalCloud
from tests.contract.cloud_support import deploy

NAME = "/chargeback/local/signing-identity"
DECLARED = {"Type": "AWS::SSM::Parameter", "Properties": {"Name": NAME, "Type": "String", "Value": "declared"}}
TOPIC = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "alarms"}}
Start = Callable[..., LocalCloud]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Ends the running cloud, if any, starts one on the same state, and deploys the resources."""
    running: list[LocalCloud] = []

    def restart(**resources: Any) -> LocalCloud:
        while running:
            running.pop().stop()
        cloud = LocalCloud(tmp_path / "state")
        cloud.start()
        running.append(cloud)
        deploy(cloud, tmp_path / "cdk.out", **resources)
        return cloud

    yield restart
    while running:
        running.pop().stop()


def value(cloud: LocalCloud) -> str:
    found: str = cloud.client("ssm").get_parameter(Name=NAME)["Parameter"]["Value"]
    return found


def put(cloud: LocalCloud, text: str) -> int:
    version: int = cloud.client("ssm").put_parameter(Name=NAME, Value=text, Type="String", Overwrite=True)["Version"]
    return version


def test_what_a_function_puts_is_there_after_a_restart(start: Start) -> None:
    put(start(Alarm=TOPIC), "first")
    put(start(Alarm=TOPIC), "second")

    assert value(start(Alarm=TOPIC)) == "second"


def test_a_parameter_that_its_stack_declares_keeps_what_was_put_in_its_place(start: Start) -> None:
    put(start(Identity=DECLARED), "put later")

    assert value(start(Identity=DECLARED)) == "put later"
    assert value(start(Identity=DECLARED)) == "put later"


def test_a_parameter_that_nobody_has_put_is_as_it_is_declared(start: Start) -> None:
    start(Identity=DECLARED)
    changed = DECLARED | {"Properties": DECLARED["Properties"] | {"Value": "declared anew"}}  # type: ignore[operator]

    assert value(start(Identity=changed)) == "declared anew"


def test_nothing_is_put_in_place_of_a_parameter_by_mistake(start: Start) -> None:
    cloud = start(Identity=DECLARED)
    put(cloud, "put later")
    cloud = start(Identity=DECLARED)

    with pytest.raises(cloud.client("ssm").exceptions.ParameterAlreadyExists):
        cloud.client("ssm").put_parameter(Name=NAME, Value="by mistake", Type="String")
    assert value(cloud) == "put later"
