"""One ticket for each concern, and each change to it once, whatever is repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from functions.shared.adapters.servicenow.mappings import IncidentMapping
from functions.shared.adapters.servicenow.tickets import NewTicket, Tickets
from functions.shared.errors import (
    BooksUnavailable,
    DuplicateTicket,
    PostingForbidden,
    PostingMismatch,
    PostingRejected,
    TicketClosed,
)
from local.servicenow.faults import FaultKind
from local.servicenow.server import ServiceNowStandIn
from tests.unit.servicenow_bench import Desk

CONCERN = "tag-hygiene/111122223333"
DRIFT = NewTicket("Untagged cost in 111122223333", "1,234.00 USD of May 2026", "Claims Cloud", date(2026, 6, 18))


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    with ServiceNowStandIn(tmp_path, slow_seconds=60) as stand_in:
        stand_in.add_record("sys_user_group", {"name": "Claims Cloud"})
        yield stand_in


@pytest.fixture
def tickets(instance: ServiceNowStandIn) -> Tickets:
    return Tickets(Desk(instance).client, IncidentMapping(constants={"category": "inquiry"}))


def notes(instance: ServiceNowStandIn) -> list[str]:
    return [entry["value"] for entry in instance.records("sys_journal_field")]


def test_a_ticket_says_what_it_is_about_and_whose_it_is(instance: ServiceNowStandIn, tickets: Tickets) -> None:
    ticket, opened = tickets.open(CONCERN, DRIFT)

    [incident] = instance.records("incident")
    [group] = instance.records("sys_user_group")
    assert opened
    assert (ticket.number, ticket.status, ticket.sys_id) == ("INC0010001", "open", incident["sys_id"])
    written = {name: incident[name] for name in ("short_description", "description", "due_date", "category")}
    assert written == {
        "short_description": "Untagged cost in 111122223333",
        "description": "1,234.00 USD of May 2026",
        "due_date": "2026-06-18 23:59:59",
        "category": "inquiry",
    }
    assert incident["assignment_group"] == group["sys_id"]


def test_a_concern_has_one_ticket_however_often_it_is_opened(instance: ServiceNowStandIn, tickets: Tickets) -> None:
    first, _ = tickets.open(CONCERN, DRIFT)
    second, opened = tickets.open(CONCERN, DRIFT)

    assert (second, opened) == (first, False)
    assert len(instance.records("incident")) == 1


@pytest.mark.parametrize("kind", ["reset_after_act", "garbled"])
def test_a_ticket_whose_opening_was_not_answered_is_found(
    instance: ServiceNowStandIn, tickets: Tickets, kind: FaultKind
) -> None:
    instance.fail_next(1, kind, on="POST", table="incident")

    ticket, _ = tickets.open(CONCERN, DRIFT)

    assert [incident["number"] for incident in instance.records("incident")] == [ticket.number]


def test_two_tickets_for_one_concern_are_named(instance: ServiceNowStandIn, tickets: Tickets) -> None:
    for _ in range(2):
        instance.add_record("incident", {"correlation_id": CONCERN})

    with pytest.raises(DuplicateTicket, match=r"INC001000[12] and INC001000[12] have one correlation_id"):
        tickets.find(CONCERN)


def test_an_unknown_group_is_named_and_nothing_is_opened(instance: ServiceNowStandIn, tickets: Tickets) -> None:
    with pytest.raises(PostingRejected, match="the group 'Nobody' should be there once"):
        tickets.open(CONCERN, DRIFT._replace(group="Nobody"))
    assert instance.records("incident") == []


def act_note(tickets: Tickets) -> object:
    return tickets.note(CONCERN, "2026-06-05", "Still 1,300.00 USD", due_on=date(2026, 6, 25))


def act_resolve(tickets: Tickets) -> object:
    return tickets.resolve(CONCERN, "2026-06-06", "Everything is tagged")


def act_reopen(tickets: Tickets) -> object:
    return tickets.reopen(CONCERN, "2026-06-20", "It is back")


ACTS: list[Callable[[Tickets], object]] = [act_note, act_resolve, act_reopen]


def test_a_note_is_added_once_for_each_update_and_never_after_a_later_one(
    instance: ServiceNowStandIn, tickets: Tickets
) -> None:
    tickets.open(CONCERN, DRIFT)
    for _ in range(3):
        act_note(tickets)
    tickets.note(CONCERN, "2026-06-06", "Only 200.00 USD now")
    act_note(tickets)

    assert notes(instance) == ["Still 1,300.00 USD", "Only 200.00 USD now"]
    assert instance.records("incident")[0]["due_date"] == "2026-06-25 23:59:59"


def test_a_ticket_is_resolved_and_taken_up_again(instance: ServiceNowStandIn, tickets: Tickets) -> None:
    tickets.open(CONCERN, DRIFT)

    resolved = [
        tickets.resolve(CONCERN, update, "Everything is tagged").status for update in ("2026-06-05", "2026-06-06")
    ]
    [incident] = instance.records("incident")
    assert resolved == ["resolved", "resolved"]
    assert (incident["state"], incident["close_code"]) == ("6", "Solution provided")
    assert incident["close_notes"] == "Everything is tagged"
    assert incident["sys_mod_count"] == "1"

    reopened = [tickets.reopen(CONCERN, update, "It is back").status for update in ("2026-06-07", "2026-06-08")]
    assert reopened == ["open", "open"]
    assert notes(instance) == ["It is back"]


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("kind", ["reset_after_act", "garbled"])
def test_a_change_whose_answer_was_lost_is_not_made_twice(
    instance: ServiceNowStandIn, tickets: Tickets, act: Callable[[Tickets], object], kind: FaultKind
) -> None:
    tickets.open(CONCERN, DRIFT)
    if act is act_reopen:
        act_resolve(tickets)
    changes = int(instance.records("incident")[0]["sys_mod_count"])
    instance.fail_next(1, kind, on="PATCH")

    act(tickets)
    act(tickets)

    assert int(instance.records("incident")[0]["sys_mod_count"]) == changes + 1
    assert len(notes(instance)) == (act is not act_resolve)


@pytest.mark.parametrize("act", ACTS)
def test_a_change_that_did_not_arrive_is_made_by_the_next_attempt(
    instance: ServiceNowStandIn, tickets: Tickets, act: Callable[[Tickets], object]
) -> None:
    tickets.open(CONCERN, DRIFT)
    if act is act_reopen:
        act_resolve(tickets)
    instance.fail_next(1, "500", on="PATCH")
    with pytest.raises(BooksUnavailable):
        act(tickets)

    before = instance.records("incident")[0]
    act(tickets)
    assert int(instance.records("incident")[0]["sys_mod_count"]) == int(before["sys_mod_count"]) + 1


@pytest.mark.parametrize("act", ACTS)
def test_a_closed_ticket_is_not_changed_any_more(
    instance: ServiceNowStandIn, tickets: Tickets, act: Callable[[Tickets], object]
) -> None:
    ticket, _ = tickets.open(CONCERN, DRIFT)
    instance.change_record("incident", ticket.sys_id, {"state": "7"})

    with pytest.raises(TicketClosed, match="INC0010001 is closed; open a ticket with another correlation id"):
        act(tickets)


def test_a_ticket_that_was_never_opened_is_not_changed(tickets: Tickets) -> None:
    with pytest.raises(PostingRejected, match="open one first"):
        act_note(tickets)


def test_a_name_of_an_update_that_is_not_kept_would_repeat_it_for_ever(
    instance: ServiceNowStandIn, tickets: Tickets
) -> None:
    tickets.open(CONCERN, DRIFT)

    with pytest.raises(PostingMismatch, match="correlation_display does not hold"):
        tickets.note(CONCERN, "u" * 101, "too long a name")
    assert len(notes(instance)) == 1


def test_what_a_data_policy_asks_for_is_said(instance: ServiceNowStandIn) -> None:
    tickets = Tickets(Desk(instance).client, IncidentMapping(close_code=""))
    tickets.open(CONCERN, DRIFT)

    with pytest.raises(PostingForbidden, match="The following fields are mandatory: close_code"):
        act_resolve(tickets)


def test_a_user_without_the_role_opens_nothing(tmp_path: Path) -> None:
    with ServiceNowStandIn(tmp_path, roles=("financial_mgmt_user",)) as instance:
        with pytest.raises(PostingForbidden):
            Tickets(Desk(instance).client, IncidentMapping()).open(CONCERN, DRIFT)
        assert instance.records("incident") == []
