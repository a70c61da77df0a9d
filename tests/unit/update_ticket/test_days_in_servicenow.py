"""An account drifts, is mended and relapses over weeks, in ServiceNow's books over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from functions.shared.adapters.servicenow.mappings import IncidentMapping
from functions.shared.adapters.servicenow.tickets import Tickets
from functions.shared.errors import BooksUnavailable, DuplicateTicket, PostingForbidden, PostingMismatch
from functions.update_ticket.updating import TicketOutcome, update_ticket
from local.servicenow.faults import FaultKind, FaultyRequests
from local.servicenow.server import ServiceNowStandIn
from tests.unit.servicenow_bench import Desk
from tests.unit.update_ticket.drifting import ACCOUNT, GROUP, RULES, standing

DRIFT, MENDED = "0.0800", "0.0100"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    with ServiceNowStandIn(tmp_path, slow_seconds=60) as stand_in:
        stand_in.add_record("sys_user_group", {"name": GROUP})
        yield stand_in


@pytest.fixture
def tickets(instance: ServiceNowStandIn) -> Tickets:
    return Tickets(Desk(instance).client, IncidentMapping())


def see(tickets: Tickets, number: int, ratio: str) -> TicketOutcome:
    return update_ticket(standing(number, ratio), RULES, tickets)


def notes(instance: ServiceNowStandIn) -> list[str]:
    return [entry["value"].splitlines()[0] for entry in instance.records("sys_journal_field")]


def test_a_drift_has_one_ticket_from_its_beginning_to_its_relapse_and_a_later_one_another(
    instance: ServiceNowStandIn, tickets: Tickets
) -> None:
    seen = [(number, DRIFT) for number in (0, 1)] + [(2, "0.0700"), (15, "0.0700"), (16, "0.0450")]
    acts = [see(tickets, *one).act for one in seen]
    [incident] = instance.records("incident")
    assert acts == ["open", "leave", "note", "escalate", "note"]
    assert (incident["state"], incident["urgency"], incident["due_date"]) == ("1", "1", "2026-06-15 23:59:59")
    assert notes(instance) == [
        "2026-06-03: 700.00 USD of 10,000.00 USD in June 2026 have no tag cost-center, 7 %. Due 2026-06-15.",
        "Past due since 2026-06-15, and more urgent for that.",
        "2026-06-17: 450.00 USD of 10,000.00 USD in June 2026 have no tag cost-center, 4.5 %. Due 2026-06-15.",
    ]

    assert [see(tickets, number, ratio).act for number, ratio in ((17, MENDED), (18, "0.0500"))] == ["resolve", "leave"]
    [incident] = instance.records("incident")
    assert (incident["state"], incident["close_code"]) == ("6", "Solution provided")
    assert incident["close_notes"].endswith("1 %. That is below 4 %.")

    assert see(tickets, 47, DRIFT).act == "reopen"
    [incident] = instance.records("incident")
    assert (incident["state"], incident["urgency"], incident["due_date"]) == ("2", "3", "2026-08-01 23:59:59")

    see(tickets, 48, MENDED)
    assert see(tickets, 79, DRIFT).act == "open"
    assert [incident["state"] for incident in instance.records("incident")] == ["6", "1"]


def test_the_owners_group_gets_the_ticket_with_what_is_at_stake(instance: ServiceNowStandIn, tickets: Tickets) -> None:
    see(tickets, 0, DRIFT)

    [incident] = instance.records("incident")
    [group] = instance.records("sys_user_group")
    assert incident["assignment_group"] == group["sys_id"]
    assert incident["short_description"] == "claims-prod (410010010101): cost without cost-center"
    assert "800.00 USD of 10,000.00 USD" in incident["description"]
    assert "- 412.50 USD  AmazonEC2  i-0123456789abcdef0" in incident["description"]


@pytest.mark.parametrize("kind", ["reset_after_act", "garbled"])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_lost_answers_and_double_runs_leave_one_ticket_with_each_change_once(
    instance: ServiceNowStandIn, tickets: Tickets, kind: FaultKind, method: FaultyRequests
) -> None:
    for number, ratio in ((0, DRIFT), (1, "0.0700"), (15, "0.0700"), (16, MENDED), (20, DRIFT)):
        instance.fail_next(1, kind, on=method, table="incident")
        for _ in range(3):
            see(tickets, number, ratio)

    [incident] = instance.records("incident")
    assert (incident["state"], incident["sys_mod_count"]) == ("2", "4")
    assert len(notes(instance)) == 3


@pytest.mark.parametrize("number", [0, 1, 15, 16])
def test_a_day_whose_change_did_not_arrive_is_made_up_for_by_the_retry(
    instance: ServiceNowStandIn, tickets: Tickets, number: int
) -> None:
    course = {0: DRIFT, 1: "0.0700", 15: "0.0700", 16: MENDED}
    for earlier in range(number):
        if earlier in course:
            see(tickets, earlier, course[earlier])
    instance.fail_next(1, "500", on="POST" if number == 0 else "PATCH", table="incident")
    with pytest.raises(BooksUnavailable):
        see(tickets, number, course[number])

    assert see(tickets, number, course[number]).act != "leave"
    assert see(tickets, number, course[number]).act == "leave"
    assert len(instance.records("incident")) == 1


def test_two_tickets_of_one_concern_are_named_instead_of_one_being_chosen(
    instance: ServiceNowStandIn, tickets: Tickets
) -> None:
    see(tickets, 0, DRIFT)
    instance.add_record("incident", {"correlation_id": f"tag-hygiene/{ACCOUNT}/0001"})

    with pytest.raises(DuplicateTicket, match="keep one"):
        see(tickets, 1, "0.0700")


def test_what_another_integration_leaves_in_our_column_freezes_no_ticket(
    instance: ServiceNowStandIn, tickets: Tickets
) -> None:
    see(tickets, 0, DRIFT)
    [incident] = instance.records("incident")
    instance.change_record("incident", incident["sys_id"], {"correlation_display": "PagerDuty"})

    see(tickets, 16, MENDED)

    [incident] = instance.records("incident")
    assert incident["state"] == "6"


def test_a_ticket_that_somebody_renamed_to_keep_the_other_is_none_of_ours(
    instance: ServiceNowStandIn, tickets: Tickets
) -> None:
    see(tickets, 0, DRIFT)
    instance.add_record("incident", {"correlation_id": f"tag-hygiene/{ACCOUNT}/0001-duplicate", "state": "7"})

    assert [see(tickets, number, ratio).act for number, ratio in ((1, "0.0700"), (2, MENDED))] == ["note", "resolve"]


class WithoutOurName(httpx.BaseTransport):
    """An instance whose access rules drop the correlation id from whatever our user creates."""

    def __init__(self) -> None:
        self._instance = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path.endswith("/incident"):
            fields = json.loads(request.read())
            del fields["correlation_id"]
            headers = {name: value for name, value in request.headers.items() if name != "content-length"}
            request = httpx.Request("POST", request.url, headers=headers, json=fields, extensions=request.extensions)
        return self._instance.handle_request(request)

    def close(self) -> None:
        self._instance.close()


def test_a_ticket_that_could_not_be_found_again_is_noticed_when_it_is_opened(instance: ServiceNowStandIn) -> None:
    tickets = Tickets(Desk(instance, transport=WithoutOurName()).client, IncidentMapping())

    with pytest.raises(PostingMismatch, match="let our user write that column, and cancel the record"):
        see(tickets, 0, DRIFT)


def test_a_ticket_that_an_access_rule_hides_is_not_opened_once_more(
    instance: ServiceNowStandIn, tickets: Tickets
) -> None:
    see(tickets, 0, DRIFT)
    [incident] = instance.records("incident")
    instance.hide(incident["sys_id"])

    with pytest.raises(PostingForbidden, match="1 of correlation_idSTARTSWITHtag-hygiene/410010010101/ are not shown"):
        see(tickets, 1, DRIFT)
    assert len(instance.records("incident")) == 1
