"""A month that nothing disturbs: the deployed state machine closes it, and a second start changes nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from functions.shared.money import parse_money, total
from local.sample.invoices import MonthTruth
from tests.statemachines.harness import Close, Execution

pytestmark = pytest.mark.slow

MAY = "2026-05"
MAX_PAYLOAD = 262_144
"""Bytes that Step Functions hands from state to state at most."""


@dataclass(frozen=True)
class ClosedMonth:
    """A month closed under the ratified policy, what its generator says of it, and what the functions logged."""

    truth: MonthTruth
    execution: Execution
    log: str


@pytest.fixture(scope="module")
def closed(close: Close) -> ClosedMonth:
    truth = close.deliver(MAY)
    before = {file: file.stat().st_size for file in logs(close)}
    execution = close.run_as_asked({"billing_period": MAY})
    return ClosedMonth(truth, execution, "".join(file.read_text()[before.get(file, 0) :] for file in logs(close)))


def logs(close: Close) -> list[Path]:
    return sorted(close.world.cloud.log_dir.glob("*.log"))


def test_a_final_month_is_closed(close: Close, closed: ClosedMonth) -> None:
    assert (closed.execution.status, closed.execution.cause) == ("SUCCEEDED", "")
    assert closed.execution.states[-1] == "Closed"

    record = close.period(MAY)
    assert record is not None
    assert (record.status, record.revision, record.booked_in, record.failure_error) == ("CLOSED", 1, MAY, None)
    assert record.closed_fingerprint == closed.execution.output["delivery"]["fingerprint"]


def test_the_output_shows_a_reviewer_the_amounts_the_counts_and_the_delta(closed: ClosedMonth) -> None:
    output = closed.execution.output

    assert output["reconciliation"]["billed_cost"] == closed.truth.billed_cost
    assert output["reconciliation"]["allocated_cost"] == closed.truth.billed_cost
    assert output["reconciliation"]["delta"] == "0.00"
    assert output["reconciliation"]["invoices"] == len(closed.truth.control_totals)
    assert (output["books"]["line_items"], output["books"]["final"]) == (closed.truth.rows, True)
    assert output["postings"]["total"] == output["prepared"]["total"] == closed.truth.billed_cost
    assert output["postings"]["charges"] == output["prepared"]["charges"]["count"] > 0
    assert output["rendered"]["count"] == len(output["prepared"]["business_units"]) > 0
    assert output["seal"]["files"] == output["seal_check"]["files"] == output["delivery"]["data_files"]


def test_nothing_is_published_before_it_is_reconciled_and_nothing_posted_before_it_is_published(
    closed: ClosedMonth,
) -> None:
    milestones = [
        "TakePeriodLock",
        "SealBillingData",
        "ReconcileLedger",
        "CheckSeal",
        "MarkReconciled",
        "PublishLedger",
        "RenderStatements",
        "PostCharges",
        "CheckPostings",
        "AttachStatements",
        "ClosePeriod",
    ]

    assert [state for state in closed.execution.states if state in milestones] == milestones


def test_every_query_is_recorded_with_its_id_its_bytes_and_its_duration(closed: ClosedMonth) -> None:
    steps = dict(closed.execution.output["steps"])
    levels = steps.pop("a040_pool_shares")["levels"]

    assert len(levels) == len(closed.execution.output["policy"]["pool_levels"])
    for step in [*steps.values(), *levels]:
        assert step.keys() == {"query_execution_id", "bytes_scanned", "milliseconds", "result"}


def test_the_books_hold_the_bill_each_cost_center_once(close: Close, closed: ClosedMonth) -> None:
    held = close.charges(MAY)

    assert all(len(amounts) == 1 for amounts in held.values())
    assert total(parse_money(amounts[0]) for amounts in held.values()) == Decimal(closed.truth.billed_cost)


def test_the_statement_of_every_unit_hangs_once_on_a_line_of_its_own_as_it_was_filed(
    close: Close, closed: ClosedMonth
) -> None:
    filed = [record.key for record in close.statements.latest_versions(f"charge_period={MAY}/")]
    attached = close.attached(MAY)

    assert closed.execution.output["attached"]["count"] == len(closed.execution.output["prepared"]["business_units"])
    assert sorted(attached) == sorted(key.rpartition("/")[2] for key in filed)
    assert all(attached[key.rpartition("/")[2]] == [close.statements.read(key)] for key in filed)


def test_no_payload_comes_near_the_limit_of_step_functions(closed: ClosedMonth) -> None:
    details = [value for event in closed.execution.events for value in event.values() if isinstance(value, dict)]
    payloads = [text for detail in details for text in detail.values() if isinstance(text, str)]

    assert max(len(payload.encode()) for payload in payloads) < MAX_PAYLOAD / 2
    assert len(json.dumps(closed.execution.output).encode()) < MAX_PAYLOAD / 20


def test_neither_the_history_nor_a_log_knows_the_secret_of_the_books(close: Close, closed: ClosedMonth) -> None:
    told = json.dumps(closed.execution.events, default=str) + closed.log

    assert "charge posted" in told
    assert close.books.credentials["client_secret"] not in told
    assert close.books.credentials["client_id"] not in told


def test_no_function_fails_in_a_month_that_closes(closed: ClosedMonth) -> None:
    """The Map of charges tolerates failing items: a handler that fails after its work would go unnoticed."""
    assert "Traceback" not in closed.log


def test_a_state_waits_at_least_as_long_as_its_function_may_take(close: Close, closed: ClosedMonth) -> None:
    machine = close.world.cloud.client("stepfunctions").describe_state_machine_for_execution(
        executionArn=closed.execution.arn
    )
    functions = close.world.cloud.client("lambda").list_functions()["Functions"]
    timeouts = {function["FunctionArn"]: function["Timeout"] for function in functions}
    states = dict(json.loads(machine["definition"])["States"])
    for outer in ("RenderStatements", "PostCharges"):
        states |= states[outer]["ItemProcessor"]["States"]
    impatient = {
        name: (state["TimeoutSeconds"], timeouts[state["Resource"]])
        for name, state in states.items()
        if state.get("Resource") in timeouts and state["TimeoutSeconds"] < timeouts[state["Resource"]]
    }

    assert not impatient


def test_a_closed_month_is_not_closed_again(close: Close, closed: ClosedMonth) -> None:
    record, published, charged = close.period(MAY), close.published(MAY), close.charges(MAY)

    again = close.run_as_asked({"billing_period": MAY})

    assert (again.status, again.states[-1]) == ("SUCCEEDED", "AlreadyClosed")
    assert again.output["period"]["run_id"] == closed.execution.output["period"]["run_id"]
    assert (close.period(MAY), close.published(MAY), close.charges(MAY)) == (record, published, charged)


@pytest.mark.parametrize(
    ("request_", "error", "said"),
    [
        ({"billing_perod": "2026-05"}, "InvalidRequest", "billing_perod"),
        ({"billing_period": "May"}, "InvalidPeriod", "YYYY-MM"),
        ({"billing_period": "2019-01"}, "ManifestNotFound", "no manifest for 2019-01"),
        ({}, "InvalidRequest", "name the month"),
    ],
)
def test_a_start_that_names_no_month_there_is_says_so(
    close: Close, request_: dict[str, str], error: str, said: str
) -> None:
    failed = close.run_as_asked(request_)

    assert (failed.status, failed.error, failed.states[-1]) == ("FAILED", error, "CloseFailed")
    assert said in failed.cause
    assert "\n" not in failed.cause
