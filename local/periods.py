"""``python -m local periods`` and ``respond``: where every month stands, and what owners said to their statements."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from functions.shared.adapters.period_table import PeriodTable
from functions.shared.adapters.response_table import ResponseTable
from functions.shared.period_state import PeriodRecord
from local.outcome import CLOSED, ExecutionFailed, UsageError
from local.progress import Show
from local.world import World, open_world

COLUMNS = ("month", "rev", "status", "booked in", "since", "statements")
WIDTHS = (8, 4, 11, 10, 17, 0)


class Response(NamedTuple):
    """What an owner says to a statement, as the function RecordResponse takes it."""

    charge_period: str
    revision: int
    business_unit: str
    response: str
    by: str
    reason: str
    adjustment: str


def periods(out: Path, show: Show) -> int:
    """Lists every month that was ever begun, newest last, and why the last run on it failed; returns the exit code."""
    with _world(out) as world:
        records = PeriodTable(world.periods_table).all()
        responses = ResponseTable(world.responses_table)
        if not records:
            show(f"no month was begun in {out}: python -m local close")
            return CLOSED
        show(_row(COLUMNS))
        for record in records:
            said = Counter(response.status.lower() for response in responses.of_period(record.billing_period))
            show(_row(_cells(record, said)))
            if record.failure_error:
                show(f"{'':<{WIDTHS[0]}}{record.failure_error}: {record.failure_cause}")
    return CLOSED


def respond(out: Path, response: Response, show: Show) -> int:
    """Records what an owner says to a statement; raises ExecutionFailed with the error of the deployed function."""
    with _world(out) as world:
        answer = _invoke(world, world.record_response, response._asdict())
    show(f"{answer['charge_period']}  {answer['business_unit']}, revision {answer['revision']}: {answer['status']}")
    return CLOSED


def _world(out: Path) -> Any:
    if not (out / ".cloud").is_dir():
        raise UsageError(f"--out {out}: no month was closed there; python -m local close")
    return open_world(out)


def _invoke(world: World, function: str, payload: dict[str, Any]) -> dict[str, Any]:
    done = world.cloud.client("lambda").invoke(FunctionName=function, Payload=json.dumps(payload))
    answer: dict[str, Any] = json.loads(done["Payload"].read())
    if "FunctionError" in done:
        raise ExecutionFailed(answer["errorType"], answer["errorMessage"])
    return answer


def _cells(record: PeriodRecord, said: Counter[str]) -> tuple[str, ...]:
    approved = f"approved by {record.decided_by}" if record.approved_run_id == record.run_id != "" else ""
    words = [f"{count} {status}" for status, count in sorted(said.items())]
    return (
        record.billing_period,
        str(record.revision),
        record.status,
        record.booked_in,
        record.updated_at[:16],
        ", ".join(filter(None, [approved, *words])),
    )


def _row(cells: tuple[str, ...]) -> str:
    return "".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()
