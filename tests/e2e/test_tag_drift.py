"""On the sample organisation drift appears, gets its tickets and is mended, through the deployed state machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from functions.measure_hygiene.model import Hygiene
from functions.shared import run_files
from functions.shared.periods import BillingPeriod
from local.sample.month import write_month
from tests.statemachines.harness import Close, Execution, open_close

pytestmark = pytest.mark.slow

MARCH, MAY, JULY = "2026-03", "2026-05", "2026-07"
OPEN, IN_PROGRESS, RESOLVED = "1", "2", "6"


@pytest.fixture(scope="module")
def drifting() -> Iterator[Close]:
    """A cloud of its own: the tickets of an account are one story, which other tests' days would interrupt."""
    with open_close() as close:
        yield close


def deliver(close: Close, period: str, *, tagged: bool) -> None:
    """Delivers a month in which resources lack their tags, or all of them have been tagged since."""
    folder = close.world.out / f"cur-{period}-{tagged}"
    if not folder.exists():
        write_month(folder, period, line_items=2000, seed=7, final=False)
        for file in folder.rglob("*.parquet") if tagged else ():
            _tag_everything(file)
    close.world.deliver(folder, BillingPeriod.parse(period))


def _tag_everything(file: Path) -> None:
    mended = file.with_suffix(".mended")
    with duckdb.connect() as database:
        database.execute(
            f"copy (select * replace ('CC-1001' as tag_cost_center) from read_parquet('{file}')) "
            f"to '{mended}' (format parquet)"
        )
    mended.replace(file)


def see(close: Close, day: str) -> Execution:
    """The validation of a day, run twice, as a schedule and an arrival would."""
    close.validate({"scheduled_at": f"{day}T06:30:00Z"})
    return close.validate({"scheduled_at": f"{day}T06:30:00Z"})


def over_threshold(close: Close, execution: Execution) -> set[str]:
    content = close.work.read_json(run_files.hygiene_key(execution.output["delivery"]["run_id"]))
    return {account.account_id for account in Hygiene.model_validate(content).accounts if account.over_threshold}


def tickets(close: Close) -> dict[str, dict[str, Any]]:
    found = close.books.records("incident")
    by_concern = {incident["correlation_id"]: incident for incident in found}
    assert len(by_concern) == len(found), "two tickets for one concern"
    return by_concern


def states(close: Close, number: int) -> set[str]:
    return {one["state"] for concern, one in tickets(close).items() if concern.endswith(f"/{number:04d}")}


def test_each_account_that_drifts_has_one_ticket_from_opening_to_relapse(drifting: Close) -> None:
    deliver(drifting, MARCH, tagged=False)
    opened = see(drifting, "2026-03-10")
    drifted = over_threshold(drifting, opened)
    assert opened.status == "SUCCEEDED", opened.cause
    assert len(drifted) > 5
    assert set(tickets(drifting)) == {f"tag-hygiene/{account}/0001" for account in drifted}
    assert opened.output["tickets"] == {"open": len(drifted), "overdue": 0}
    assert {one["due_date"] for one in tickets(drifting).values()} == {"2026-03-24 23:59:59"}

    see(drifting, "2026-03-11")
    assert {one["sys_mod_count"] for one in tickets(drifting).values()} == {"0"}, "nothing is new, nothing is noted"

    overdue = see(drifting, "2026-03-25")
    assert overdue.output["tickets"] == {"open": len(drifted), "overdue": len(drifted)}
    assert {one["urgency"] for one in tickets(drifting).values()} == {"1"}

    deliver(drifting, MARCH, tagged=True)
    mended = see(drifting, "2026-03-26")
    assert mended.output["tickets"] == {"open": 0, "overdue": 0}
    assert states(drifting, 1) == {RESOLVED}

    deliver(drifting, MARCH, tagged=False)
    see(drifting, "2026-03-29")
    assert states(drifting, 1) == {IN_PROGRESS}, "within thirty days they are taken up again"
    assert len(tickets(drifting)) == len(drifted)

    deliver(drifting, MARCH, tagged=True)
    see(drifting, "2026-03-30")
    deliver(drifting, MAY, tagged=False)
    later = over_threshold(drifting, see(drifting, "2026-05-10"))
    assert states(drifting, 2) == {OPEN}
    assert {concern for concern in tickets(drifting) if concern.endswith("/0002")} == {
        f"tag-hygiene/{account}/0002" for account in later & drifted
    }


def test_a_ticket_that_the_books_refuse_fails_the_run_by_its_account_and_keeps_no_other_back(drifting: Close) -> None:
    deliver(drifting, JULY, tagged=False)
    opened = see(drifting, "2026-07-10").output["tickets"]["open"]
    deliver(drifting, JULY, tagged=True)
    drifting.books.fail_next(1, "403", on="PATCH", table="incident")

    refused = drifting.validate({"scheduled_at": "2026-07-11T06:30:00Z"})
    assert (refused.status, refused.error) == ("FAILED", "TicketsNotUpdated")
    assert "PostingForbidden" in refused.cause
    waiting = [one for one in tickets(drifting).values() if one["state"] in {OPEN, IN_PROGRESS}]
    assert opened > len(waiting) == 1

    again = drifting.validate({"scheduled_at": "2026-07-11T18:30:00Z"})
    assert again.output["tickets"] == {"open": 0, "overdue": 0}
