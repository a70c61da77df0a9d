"""After the accounts' tickets, somebody looks whether all of them were brought up to the day, and counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from functions.count_tickets.logic import count_tickets, require_updated
from functions.shared import run_files
from functions.shared.adapters.servicenow.tickets import TicketStatus
from functions.shared.errors import TicketsNotUpdated
from local.servicenow.server import ServiceNowStandIn
from tests.unit.function_bench import VALUES, FunctionBench
from tests.unit.run_samples import RUN_ID

TODAY = date(2026, 6, 20)


class Standing(NamedTuple):
    """A ticket, as it is counted."""

    status: TicketStatus
    due_on: date | None


def done(account_id: str) -> dict[str, Any]:
    return {"account_id": account_id, "act": "leave", "number": "", "status": "", "due_on": None}


def refused(account_id: str) -> dict[str, Any]:
    return {"account_id": account_id, "error": "DuplicateTicket", "cause": "INC1 and INC2 have one correlation_id"}


def test_open_tickets_count_and_late_ones_from_the_day_after_they_are_due() -> None:
    counts = count_tickets(
        [
            Standing("open", date(2026, 6, 19)),
            Standing("open", TODAY),
            Standing("open", None),
            Standing("resolved", date(2026, 6, 1)),
            Standing("closed", date(2026, 6, 1)),
        ],
        TODAY,
    )
    assert (counts.open, counts.overdue) == (3, 1)


def test_refused_accounts_are_named_with_the_reason_and_the_others_counted() -> None:
    records = [done("1"), *(refused(str(number)) for number in range(2, 7))]

    with pytest.raises(TicketsNotUpdated) as told:
        require_updated(records, accounts=6)
    assert str(told.value) == (
        "2: DuplicateTicket: INC1 and INC2 have one correlation_id; "
        "3: DuplicateTicket: INC1 and INC2 have one correlation_id; "
        "4: DuplicateTicket: INC1 and INC2 have one correlation_id; "
        "2 more in the log of UpdateTicket; mend the cause and validate again"
    )


def test_an_account_of_which_nothing_was_heard_is_missed() -> None:
    with pytest.raises(TicketsNotUpdated, match="1 of 2 accounts were looked at"):
        require_updated([done("1")], accounts=2)
    require_updated([done("1"), done("2")], accounts=2)


@pytest.fixture
def books(bench: FunctionBench, tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    """Books with a late ticket of ours, a resolved one, and somebody else's."""
    bench.work.write_json(run_files.ticket_key(RUN_ID, "1"), done("1"))
    with ServiceNowStandIn(tmp_path) as stand_in:
        late = {"due_date": "2026-06-19 23:59:59"}
        stand_in.add_record("incident", {"correlation_id": "tag-hygiene/1/0001", "state": "1"} | late)
        ended = {"state": "6", "close_code": "Solution provided", "close_notes": "tagged"}
        stand_in.add_record("incident", {"correlation_id": "tag-hygiene/2/0001"} | ended | late)
        stand_in.add_record("incident", {"correlation_id": "printer", "state": "1"} | late)
        secret = json.dumps({"base_url": stand_in.url, "credentials": stand_in.credentials})
        boto3.client("secretsmanager").create_secret(Name=VALUES["SERVICENOW_SECRET"], SecretString=secret)
        yield stand_in


@pytest.mark.usefixtures("books")
def test_what_is_counted_is_what_the_books_hold(bench: FunctionBench) -> None:
    event = {"run_id": RUN_ID, "day": "2026-06-20", "accounts": 1}

    assert bench.invoke("count_tickets", event) == {"open": 1, "overdue": 1}


@pytest.mark.usefixtures("books")
def test_a_refused_account_fails_the_run_by_name(bench: FunctionBench) -> None:
    bench.work.write_json(run_files.ticket_key(RUN_ID, "2"), refused("2"))

    with pytest.raises(TicketsNotUpdated, match="2: DuplicateTicket"):
        bench.invoke("count_tickets", {"run_id": RUN_ID, "day": "2026-06-20", "accounts": 2})
