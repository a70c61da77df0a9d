"""Names what went wrong in an execution, and notes it on the period."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from functions.shared.errors import InvoicesNotFinal, QueryFailed, UnreadableDataFile
from functions.shared.payload import Payload
from functions.shared.period_state import RECOMPUTED, PeriodRecord, PeriodStatus

_BAD_DATA = re.compile(r"HIVE_BAD_DATA|HIVE_CANNOT_OPEN_SPLIT|HIVE_CURSOR_ERROR|HIVE_FILESYSTEM_ERROR")
_CAUSE_LIMIT = 4000


class RunState(BaseModel):
    """The parts of the execution's state that a failure is recorded with; absent ones are not reached yet."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    delivery: dict[str, Any] = {}


class CaughtError(Payload):
    """Error and cause as Step Functions hands them to a Catch."""

    Error: str
    Cause: str | None = None


class RecordFailureRequest(Payload):
    """The caught error, the state it left behind, and when; ``what`` has failed."""

    caught: CaughtError
    run: RunState
    execution_id: str
    at: str
    what: Literal["close", "replay", "validation"] = "close"


class Failure(Payload):
    """The error by its class name, and its cause in one line."""

    error: str
    cause: str


def explain(caught: CaughtError) -> Failure:
    """Finds the named error and its message in what Step Functions caught.

    A function's error carries its message in JSON; a failed query its reason; an execution that was started by this one
    its own error and cause. Anything else is shown as it is.
    """
    told = caught.Cause or caught.Error
    try:
        cause = json.loads(told)
    except json.JSONDecodeError:
        return Failure(error=caught.Error, cause=_one_line(told))
    if not isinstance(cause, dict):
        return Failure(error=caught.Error, cause=_one_line(told))
    if "errorMessage" in cause:
        return Failure(error=str(cause.get("errorType", caught.Error)), cause=_one_line(str(cause["errorMessage"])))
    if "QueryExecution" in cause:
        reason = _one_line(str(cause["QueryExecution"]["Status"].get("StateChangeReason", "no reason given")))
        if _BAD_DATA.search(reason):
            return Failure(error=UnreadableDataFile.__name__, cause=f"{reason}; have the month delivered again")
        return Failure(error=QueryFailed.__name__, cause=reason)
    if "ExecutionArn" in cause:
        ended = f"{cause['ExecutionArn']} ended as {cause.get('Status', 'not known')}"
        return Failure(error=cause.get("Error") or caught.Error, cause=_one_line(cause.get("Cause") or ended))
    return Failure(error=caught.Error, cause=_one_line(told))


def note_failure(record: PeriodRecord, failure: Failure, at: str) -> PeriodRecord:
    """The period with its failure on it, free for the next run.

    Before the ledger is reconciled nothing remains of the run but what it found out: that AWS has issued the month's
    invoices, for else it would not be running. After it the period keeps its status, to be resumed.
    """
    status = record.status
    if status in RECOMPUTED and failure.error == InvoicesNotFinal.__name__:
        status = PeriodStatus.OPEN
    elif status is PeriodStatus.RUNNING:
        status = PeriodStatus.FINAL
    return record.changed(
        status=status,
        execution_id="",
        updated_at=at,
        failure_error=failure.error,
        failure_cause=failure.cause[:_CAUSE_LIMIT],
    )


def open_period(billing_period: str, failure: Failure, at: str) -> PeriodRecord:
    """The first record of a period that could not even begin."""
    return PeriodRecord(
        billing_period=billing_period,
        status=PeriodStatus.OPEN,
        revision=1,
        updated_at=at,
        failure_error=failure.error,
        failure_cause=failure.cause[:_CAUSE_LIMIT],
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
