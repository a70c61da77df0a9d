"""A failed run is known by the name and message of its error, and its month is free for the next run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.record_failure.logic import CaughtError, Failure, explain, note_failure, open_period
from functions.shared.period_state import PeriodRecord, PeriodStatus
from tests.unit.function_bench import FunctionBench

MINE = "arn:aws:states:us-east-1:123456789012:execution:close:mine"
AT = "2026-06-03T09:00:00Z"
FAILURE = Failure(error="ReconciliationFailed", cause="invoice INV-1: delta 0.01")


def raised(error: str, message: str) -> CaughtError:
    """As Step Functions hands on what a function has raised."""
    return CaughtError(
        Error=error, Cause=json.dumps({"errorMessage": message, "errorType": error, "stackTrace": ["line 1"]})
    )


def query_failed(reason: str | None) -> CaughtError:
    status = {"State": "FAILED"} | ({"StateChangeReason": reason} if reason is not None else {})
    cause = {"QueryExecution": {"QueryExecutionId": "q-1", "Status": status}}
    return CaughtError(Error="States.TaskFailed", Cause=json.dumps(cause))


def record(**changes: Any) -> PeriodRecord:
    whole = {
        "billing_period": "2026-05",
        "status": "RUNNING",
        "revision": 1,
        "booked_in": "2026-05",
        "run_id": "run-1",
        "execution_id": MINE,
    }
    return PeriodRecord.model_validate(whole | changes)


def test_a_function_s_error_is_its_class_and_its_message() -> None:
    assert explain(raised("WrongCurrency", "in EUR,\n  but the policy is in USD")) == Failure(
        error="WrongCurrency", cause="in EUR, but the policy is in USD"
    )


def test_a_failed_query_says_athena_s_reason() -> None:
    assert explain(query_failed("SYNTAX_ERROR: line 3")) == Failure(error="QueryFailed", cause="SYNTAX_ERROR: line 3")
    assert explain(query_failed(None)) == Failure(error="QueryFailed", cause="no reason given")


@pytest.mark.parametrize("code", ["HIVE_BAD_DATA", "HIVE_CANNOT_OPEN_SPLIT", "HIVE_CURSOR_ERROR"])
def test_a_query_that_cannot_read_a_file_is_about_the_file(code: str) -> None:
    assert explain(query_failed(f"{code}: s3://billing/x.parquet")).error == "UnreadableDataFile"


@pytest.mark.parametrize(
    ("caught", "cause"),
    [
        (CaughtError(Error="States.Timeout"), "States.Timeout"),
        (CaughtError(Error="States.Runtime", Cause="no\nsuch path"), "no such path"),
        (CaughtError(Error="States.TaskFailed", Cause='["odd"]'), '["odd"]'),
        (CaughtError(Error="Lambda.Unknown", Cause='{"odd": 1}'), '{"odd": 1}'),
    ],
)
def test_anything_else_is_shown_as_it_is(caught: CaughtError, cause: str) -> None:
    assert explain(caught) == Failure(error=caught.Error, cause=cause)


@pytest.mark.parametrize(("status", "then"), [("OPEN", "OPEN"), ("FINAL", "FINAL"), ("RUNNING", "FINAL")])
def test_before_the_ledger_is_reconciled_the_next_run_starts_over(status: str, then: str) -> None:
    """A month is final when a run has found its invoices, whatever else it fails with; not before."""
    noted = note_failure(record(status=status), FAILURE, AT)

    assert (noted.status, noted.execution_id) == (then, "")
    assert (noted.failure_error, noted.failure_cause, noted.updated_at) == (FAILURE.error, FAILURE.cause, AT)


@pytest.mark.parametrize("status", ["RECONCILED", "PUBLISHED", "POSTED"])
def test_from_then_on_the_month_keeps_its_status_and_its_run_to_be_resumed(status: str) -> None:
    noted = note_failure(record(status=status), FAILURE, AT)

    assert (noted.status, noted.run_id, noted.execution_id) == (status, "run-1", "")


def test_a_month_without_its_invoices_is_open() -> None:
    noted = note_failure(record(status="FINAL"), Failure(error="InvoicesNotFinal", cause="…"), AT)

    assert noted.status == PeriodStatus.OPEN


def test_a_very_long_cause_is_cut_to_fit_an_item() -> None:
    long = Failure(error="InvalidPolicy", cause="defect; " * 100_000)

    for noted in (note_failure(record(), long, AT), open_period("2026-05", long, AT)):
        assert len(noted.failure_cause or "") == 4000


def event(**changes: Any) -> dict[str, Any]:
    return {
        "caught": raised("InvoicesNotFinal", "2026-05 is still open").model_dump(),
        "run": {"delivery": {"billing_period": "2026-05", "preview": False}, "attempt": 1, "steps": {}},
        "execution_id": MINE,
        "at": AT,
    } | changes


def test_a_month_that_could_not_begin_is_noted_as_open(bench: FunctionBench) -> None:
    answer = bench.invoke("record_failure", event())

    assert answer == {"error": "InvoicesNotFinal", "cause": "2026-05 is still open"}
    noted = bench.periods.load("2026-05")
    assert noted is not None
    assert (noted.status, noted.revision, noted.failure_error) == ("OPEN", 1, "InvoicesNotFinal")


def test_the_month_of_this_execution_is_freed(bench: FunctionBench) -> None:
    bench.periods.save(record(), replaces=None)

    bench.invoke("record_failure", event(caught=raised("QueryFailed", "scan limit").model_dump()))

    noted = bench.periods.load("2026-05")
    assert noted is not None
    assert (noted.status, noted.execution_id, noted.failure_cause) == ("FINAL", "", "scan limit")


@pytest.mark.parametrize(
    "kept",
    [record(execution_id="arn:another"), record(status="CLOSED", execution_id=MINE)],
    ids=["held by another execution", "closed"],
)
def test_a_month_that_is_not_this_executions_to_touch_stays_as_it_is(bench: FunctionBench, kept: PeriodRecord) -> None:
    bench.periods.save(kept, replaces=None)

    assert bench.invoke("record_failure", event())["error"] == "InvoicesNotFinal"
    assert bench.periods.load("2026-05") == kept


@pytest.mark.parametrize(
    "run", [{"delivery": {"billing_period": "2026-05", "preview": True}}, {"request": {}}], ids=["preview", "no month"]
)
def test_a_preview_and_a_run_without_a_month_leave_no_record(bench: FunctionBench, run: dict[str, Any]) -> None:
    assert bench.invoke("record_failure", event(run=run))["cause"] == "2026-05 is still open"
    assert bench.periods.load("2026-05") is None
