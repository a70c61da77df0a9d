"""Where there are approvers nothing is posted before one of them has approved this very run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from functions.shared.money import parse_money, total
from functions.shared.period_state import PeriodRecord
from tests.statemachines.harness import Close

pytestmark = pytest.mark.slow

A_MINUTE = 60.0


@pytest.fixture(scope="module")
def approved_close(close: Close) -> Iterator[Close]:
    """The deployed close as an environment with approvers has it."""
    step_functions = close.world.cloud.client("stepfunctions")
    [machine] = [
        found["stateMachineArn"]
        for found in step_functions.list_state_machines()["stateMachines"]
        if found["name"].endswith("month_end_close")
    ]
    topic = close.world.cloud.client("sns").create_topic(Name="approvals")["TopicArn"]
    deployed = step_functions.describe_state_machine(stateMachineArn=machine)["definition"]
    definition = json.loads(deployed)
    definition["States"]["BeginRun"]["Parameters"]["approval"] = "required"
    definition["States"]["AskForApproval"]["Parameters"]["TopicArn"] = topic
    step_functions.update_state_machine(stateMachineArn=machine, definition=json.dumps(definition))
    yield close
    step_functions.update_state_machine(stateMachineArn=machine, definition=deployed)


def start_and_wait_for_the_question(close: Close, period: str) -> tuple[str, PeriodRecord]:
    """An execution that waits for an approval, and what the month's record says meanwhile."""
    arn = close.start(period)
    deadline = time.monotonic() + A_MINUTE
    while True:
        record = close.period(period)
        if record is not None and record.approval_token and record.execution_id == arn:
            return arn, record
        assert time.monotonic() < deadline, "nobody was asked"
        time.sleep(0.1)


def decide(close: Close, period: str, decision: str, **more: str) -> dict[str, Any]:
    lambdas = close.world.cloud.client("lambda")
    names = [function["FunctionName"] for function in lambdas.list_functions()["Functions"]]
    [function] = [name for name in names if name.endswith("DecideApproval")]
    event = {"billing_period": period, "decision": decision, "by": "controller@meridian.example", **more}
    answer = lambdas.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    content: dict[str, Any] = json.loads(answer["Payload"].read())
    assert ("FunctionError" in answer) == ("errorType" in content)
    return content


def test_an_approved_month_is_posted_and_says_who_approved_it_and_when(approved_close: Close) -> None:
    close, period = approved_close, "2022-01"
    truth = close.deliver(period)
    arn, record = start_and_wait_for_the_question(close, period)

    assert (record.status, close.charges(period)) == ("PUBLISHED", {})
    decided = decide(close, period, "approve")
    ended = close.wait(arn)

    assert (ended.status, decided["decision"]) == ("SUCCEEDED", "approve")
    assert total(parse_money(amounts[0]) for amounts in close.charges(period).values()) == Decimal(truth.billed_cost)
    closed = close.period(period)
    assert closed is not None
    assert (closed.status, closed.decided_by) == ("CLOSED", "controller@meridian.example")
    assert closed.decided_at == decided["at"]
    assert closed.approved_run_id == closed.run_id


def test_a_rejected_month_posts_nothing_and_asks_again_when_it_is_run_again(approved_close: Close) -> None:
    close, period = approved_close, "2022-02"
    close.deliver(period)
    arn, _ = start_and_wait_for_the_question(close, period)

    decide(close, period, "reject", reason="The driver of May is missing")
    rejected = close.wait(arn)

    assert (rejected.status, rejected.error) == ("FAILED", "PostingNotApproved")
    assert "The driver of May is missing" in rejected.cause
    assert close.charges(period) == {}

    again, record = start_and_wait_for_the_question(close, period)
    assert (record.status, record.approved_run_id) == ("PUBLISHED", "")
    decide(close, period, "approve")
    ended = close.wait(again)
    assert (ended.status, ended.output["period"]["action"]) == ("SUCCEEDED", "resume")
    assert all(len(amounts) == 1 for amounts in close.charges(period).values())


def test_an_approval_outlives_the_execution_that_waited_for_it(approved_close: Close) -> None:
    close, period = approved_close, "2022-03"
    close.deliver(period)
    close.books.fail_next(1, "403", on="POST")
    arn, _ = start_and_wait_for_the_question(close, period)
    decide(close, period, "approve")

    assert close.wait(arn).error == "PostingForbidden"
    resumed = close.run(period)

    assert resumed.status == "SUCCEEDED"
    assert "AskForApproval" not in resumed.states


def test_nobody_approves_a_month_that_does_not_wait(approved_close: Close) -> None:
    content = decide(approved_close, "2022-04", "approve")

    assert content["errorType"] == "ApprovalNotAwaited"
    assert "2022-04 was never begun" in content["errorMessage"]
