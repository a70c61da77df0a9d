"""A month is closed by one execution at a time; a lock whose holder is dead holds nobody up."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from functions.shared.errors import PeriodLocked
from functions.shared.period_state import PeriodRecord, PeriodStatus
from tests.unit.function_bench import FunctionBench

DEAD = "arn:aws:states:us-east-1:123456789012:execution:close:dead"
MINE = "arn:aws:states:us-east-1:123456789012:execution:close:mine"


def event(**changes: str) -> dict[str, Any]:
    return {
        "billing_period": "2026-05",
        "run_id": "run-2",
        "fingerprint": "bytes-1",
        "execution_id": MINE,
        "at": "2026-06-03T08:00:00Z",
    } | changes


def record(**changes: Any) -> PeriodRecord:
    whole = {
        "billing_period": "2026-05",
        "status": "RUNNING",
        "revision": 1,
        "booked_in": "2026-05",
        "run_id": "run-1",
        "execution_id": DEAD,
        "delivery_fingerprint": "bytes-1",
        "updated_at": "2026-06-02T08:00:00Z",
    }
    return PeriodRecord.model_validate(whole | changes)


def keep(bench: FunctionBench, **changes: Any) -> PeriodRecord:
    kept = record(**changes)
    bench.periods.save(kept, replaces=None)
    return kept


def start_execution_that_runs() -> str:
    """An execution that Step Functions says is running."""
    client = boto3.client("stepfunctions")
    machine = client.create_state_machine(
        name="close",
        definition=json.dumps({"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 9, "End": True}}}),
        roleArn="arn:aws:iam::123456789012:role/machine",
    )
    arn: str = client.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
    return arn


def test_the_first_run_of_a_month_takes_it(bench: FunctionBench) -> None:
    admission = bench.invoke("take_period_lock", event())

    assert admission == {
        "action": "close",
        "revision": 1,
        "billing_period": "2026-05",
        "run_id": "run-2",
        "approved": False,
    }
    assert bench.periods.load("2026-05") == record(
        run_id="run-2", execution_id=MINE, updated_at="2026-06-03T08:00:00Z", item_version=1
    )


def test_a_month_held_by_a_running_execution_stays_with_it(bench: FunctionBench) -> None:
    running = start_execution_that_runs()
    held = keep(bench, execution_id=running)

    with pytest.raises(PeriodLocked, match=f"2026-05 is being closed by {running}; wait for it to end, or stop it"):
        bench.invoke("take_period_lock", event())
    assert bench.periods.load("2026-05") == held


def test_a_lock_held_by_a_dead_execution_is_taken_over(bench: FunctionBench) -> None:
    keep(bench)

    assert bench.invoke("take_period_lock", event())["action"] == "close"

    taken = bench.periods.load("2026-05")
    assert taken is not None
    assert (taken.execution_id, taken.run_id, taken.item_version) == (MINE, "run-2", 2)


def test_a_run_that_starts_over_keeps_its_own_lock(bench: FunctionBench) -> None:
    keep(bench, execution_id=MINE)

    admission = bench.invoke("take_period_lock", event(run_id="run-3", fingerprint="bytes-2"))

    taken = bench.periods.load("2026-05")
    assert taken is not None
    assert (admission["action"], taken.run_id, taken.delivery_fingerprint) == ("close", "run-3", "bytes-2")


@pytest.mark.parametrize("status", [PeriodStatus.RECONCILED, PeriodStatus.PUBLISHED, PeriodStatus.POSTED])
def test_a_reconciled_month_is_resumed_with_its_own_run_and_bytes(bench: FunctionBench, status: PeriodStatus) -> None:
    keep(bench, status=status, execution_id="", failure_error="PostingRejected", failure_cause="no budget")

    admission = bench.invoke("take_period_lock", event(fingerprint="bytes-2"))

    assert admission == {
        "action": "resume",
        "revision": 1,
        "billing_period": "2026-05",
        "run_id": "run-1",
        "approved": False,
    }
    assert bench.periods.load("2026-05") == record(
        status=status, execution_id=MINE, item_version=2, updated_at="2026-06-03T08:00:00Z"
    )


def test_a_closed_month_with_the_same_bytes_is_left_as_it_is(bench: FunctionBench) -> None:
    closed = keep(bench, status="CLOSED", closed_fingerprint="bytes-1")

    admission = bench.invoke("take_period_lock", event())

    assert admission == {
        "action": "closed",
        "revision": 1,
        "billing_period": "2026-05",
        "run_id": "run-1",
        "approved": False,
    }
    assert bench.periods.load("2026-05") == closed


def test_a_closed_month_that_aws_restates_gets_a_revision_booked_in_the_month_it_is_made(bench: FunctionBench) -> None:
    keep(bench, status="CLOSED", closed_fingerprint="bytes-1")

    admission = bench.invoke("take_period_lock", event(fingerprint="bytes-2", at="2026-08-04T08:00:00Z"))

    assert admission == {
        "action": "close",
        "revision": 2,
        "billing_period": "2026-08",
        "run_id": "run-2",
        "approved": False,
    }
    restated = bench.periods.load("2026-05")
    assert restated is not None
    assert (restated.status, restated.booked_in, restated.closed_fingerprint) == ("RUNNING", "2026-08", "bytes-1")


def test_a_lambda_that_is_called_twice_for_one_state_admits_the_same_run(bench: FunctionBench) -> None:
    keep(bench, status="CLOSED", closed_fingerprint="bytes-1")
    restated = event(fingerprint="bytes-2", at="2026-08-04T08:00:00Z")

    assert bench.invoke("take_period_lock", restated) == bench.invoke("take_period_lock", restated)
