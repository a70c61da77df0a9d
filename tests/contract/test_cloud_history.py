"""The history of an execution comes in pages, in either direction, as the service gives it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from local.aws.cloud import LocalCloud
from tests.contract.cloud_support import create_state_machine

STATES: dict[str, Any] = {
    **{f"Step{number}": {"Type": "Pass", "Next": f"Step{number + 1}"} for number in range(60)},
    "Step60": {"Type": "Pass", "End": True},
}
EVENTS = 2 * 61 + 2


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    """A client, and the ARN of an execution with more events than a page has."""
    with LocalCloud(tmp_path_factory.mktemp("history")) as cloud:
        client = cloud.client("stepfunctions")
        arn = client.start_execution(stateMachineArn=create_state_machine(cloud, STATES))["executionArn"]
        assert cloud.wait(arn, seconds=20)["status"] == "SUCCEEDED"
        yield client, arn


def ids_of(page: dict[str, Any]) -> list[int]:
    return [event["id"] for event in page["events"]]


def test_a_page_has_a_hundred_events_unless_told(history: tuple[Any, str]) -> None:
    client, arn = history
    first = client.get_execution_history(executionArn=arn)
    assert ids_of(first) == list(range(1, 101))
    second = client.get_execution_history(executionArn=arn, nextToken=first["nextToken"])
    assert ids_of(second) == list(range(101, EVENTS + 1))
    assert "nextToken" not in second


def test_the_newest_events_come_first_when_asked(history: tuple[Any, str]) -> None:
    client, arn = history
    first = client.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=3)
    assert ids_of(first) == [EVENTS, EVENTS - 1, EVENTS - 2]
    second = client.get_execution_history(
        executionArn=arn, reverseOrder=True, maxResults=3, nextToken=first["nextToken"]
    )
    assert ids_of(second) == [EVENTS - 3, EVENTS - 4, EVENTS - 5]


@pytest.mark.parametrize("backwards", [False, True])
def test_the_pages_together_are_the_whole_history(history: tuple[Any, str], backwards: bool) -> None:
    client, arn = history
    pages = client.get_paginator("get_execution_history").paginate(
        executionArn=arn, reverseOrder=backwards, PaginationConfig={"PageSize": 7}
    )
    ids = [event["id"] for page in pages for event in page["events"]]
    assert ids == sorted(range(1, EVENTS + 1), reverse=backwards)
