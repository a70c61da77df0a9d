"""Does in the books what was decided, one account at a time."""

from __future__ import annotations

from datetime import date
from typing import Protocol

from functions.shared.adapters.servicenow.tickets import NewTicket, Ticket
from functions.shared.payload import Payload
from functions.update_ticket import words
from functions.update_ticket.logic import Act, Decision, decide, prefix_of
from functions.update_ticket.standing import AccountStanding, TicketRules


class TicketDesk(Protocol):
    """Where tickets are kept; ``functions/shared/adapters/servicenow/tickets.py`` is one."""

    def latest(self, prefix: str) -> Ticket | None: ...
    def open(self, correlation_id: str, content: NewTicket, update: str = "") -> tuple[Ticket, bool]: ...
    def note(self, correlation_id: str, update: str, text: str, *, due_on: date | None = None) -> Ticket: ...
    def escalate(self, correlation_id: str, update: str, text: str) -> Ticket: ...
    def resolve(self, correlation_id: str, update: str, text: str) -> Ticket: ...
    def reopen(self, correlation_id: str, update: str, text: str, *, due_on: date | None = None) -> Ticket: ...


class TicketOutcome(Payload):
    """What was done on a day, and how the account's ticket stands then; blank when the account has none."""

    account_id: str
    act: Act
    number: str = ""
    status: str = ""
    due_on: date | None = None


class RefusedTicket(Payload):
    """Why the last attempt at an account's ticket failed: the error's class name and message."""

    account_id: str
    error: str
    cause: str


def update_ticket(standing: AccountStanding, rules: TicketRules, desk: TicketDesk) -> TicketOutcome:
    """Brings the account's ticket up to the day; raises what the books raise.

    Two that work on one account at the same moment would both find no ticket: the caller lets one in at a time.
    """
    before = desk.latest(prefix_of(standing.account_id))
    decision = decide(standing, rules, before)
    after = before if decision.act == "leave" else _act(decision, standing, rules, desk)
    account_id = standing.account_id
    if after is None:
        return TicketOutcome(account_id=account_id, act=decision.act)
    return TicketOutcome(
        account_id=account_id, act=decision.act, number=after.number, status=after.status, due_on=after.due_on
    )


def _act(decision: Decision, standing: AccountStanding, rules: TicketRules, desk: TicketDesk) -> Ticket:
    concern, update, due_on = decision.correlation_id, decision.update, decision.due_on
    if decision.act == "open" and due_on:
        text = words.description(standing, rules, due_on)
        content = NewTicket(words.summary(standing), text, standing.ticket_group, due_on)
        return desk.open(concern, content, update)[0]
    if decision.act == "resolve":
        return desk.resolve(concern, update, words.resolution(standing, rules))
    if decision.act == "escalate":
        return desk.escalate(concern, update, words.escalation(standing, due_on))
    if decision.act == "reopen":
        return desk.reopen(concern, update, words.relapse(standing, due_on), due_on=due_on)
    return desk.note(concern, update, words.note(standing, due_on))
