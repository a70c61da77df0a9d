"""Decides what becomes of an account's ticket on a day.

Everything that the decision needs of the past is in the ticket: its status, its due date, and the name of the last
change, which says of which day and month it is and what was said then. So whatever runs twice decides the second time
that there is nothing to do.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date, timedelta
from typing import Literal, NamedTuple, Protocol

from functions.shared.periods import BillingPeriod
from functions.update_ticket.standing import AccountStanding, TicketRules

Act = Literal["leave", "open", "note", "escalate", "reopen", "resolve"]

TICKETS = "tag-hygiene/"
"""What the correlation ids of all of these tickets begin with."""

_RANKS: dict[Act, int] = {"open": 1, "note": 2, "escalate": 3, "reopen": 4, "resolve": 5}
"""The order of the changes of one day, none of which is made twice in it: what is resolved is so until the next."""

_ESCALATED = ("escalate", "late")
"""What the last change of a ticket is called that was escalated: the escalation, or a note since."""

_CHANGE = re.compile(r"(\d{4}-\d\d-\d\d) ([1-5])-([a-z]+) (\d{4}-\d\d) ([0-9a-f]{12})")
_NUMBER = re.compile(r"(\d{4,})")
_FINGERPRINT_DIGITS = 12


class KnownTicket(Protocol):
    """The account's latest ticket, as far as the decision needs it."""

    @property
    def correlation_id(self) -> str: ...
    @property
    def status(self) -> Literal["open", "resolved", "closed"]: ...
    @property
    def last_update(self) -> str: ...
    @property
    def due_on(self) -> date | None: ...
    @property
    def is_escalated(self) -> bool: ...


class Decision(NamedTuple):
    """What to do with which ticket; ``update`` is the name of the change, ``due_on`` the day by which it is due."""

    act: Act
    correlation_id: str = ""
    update: str = ""
    due_on: date | None = None


LEAVE = Decision("leave")


class LastChange(NamedTuple):
    """What the name of a change says."""

    day: date
    rank: int
    word: str
    billing_period: str
    fingerprint: str

    @classmethod
    def of(cls, ticket: KnownTicket) -> LastChange | None:
        """The last change of a ticket; None when somebody else has named it."""
        found = _CHANGE.fullmatch(ticket.last_update)
        return cls(date.fromisoformat(found[1]), int(found[2]), *found.groups()[2:]) if found else None


def prefix_of(account_id: str) -> str:
    """What the correlation ids of an account's tickets begin with."""
    return f"{TICKETS}{account_id}/"


def decide(standing: AccountStanding, rules: TicketRules, ticket: KnownTicket | None) -> Decision:
    """What becomes of the account's latest ticket, or that a new one is opened, or that all is left as it is.

    A day, or a month, that the ticket has left behind changes nothing. An account in which nothing was used gets no
    ticket, and the one that is open is resolved when the month is a week old: in its first days nobody can say yet.
    """
    if standing.is_unused and not (ticket and _ends_unused(standing, ticket)):
        return LEAVE
    if ticket is None:
        return _open(standing, rules, 1) if rules.drifts(standing) and not _is_over(standing) else LEAVE
    last = LastChange.of(ticket)
    if last and (standing.day < last.day or standing.billing_period < last.billing_period):
        return LEAVE
    decision = (
        _of_open(standing, rules, ticket) if ticket.status == "open" else _of_ended(standing, rules, ticket, last)
    )
    if decision.act == "leave" or last is None or standing.day > last.day:
        return decision
    # What is left is a second change on the day of the last one.
    if decision.act == "open" or _RANKS[decision.act] <= last.rank:
        return LEAVE
    return decision


def _of_open(standing: AccountStanding, rules: TicketRules, ticket: KnownTicket) -> Decision:
    if standing.is_unused or rules.is_clean(standing):
        return _change("resolve", standing, ticket)
    last = LastChange.of(ticket)
    is_late = ticket.due_on is not None and standing.day > ticket.due_on
    # Whoever made it less urgent since it was escalated has decided so, until the day by which it is due moves.
    was_escalated = (
        last is not None and ticket.due_on is not None and last.word in _ESCALATED and last.day > ticket.due_on
    )
    if is_late and not (ticket.is_escalated or was_escalated):
        return _change("escalate", standing, ticket)._replace(due_on=ticket.due_on)
    if last and last.fingerprint == fingerprint(standing):
        return LEAVE
    word = "late" if is_late else "note"
    return Decision("note", ticket.correlation_id, _name("note", standing, word), ticket.due_on)


def _of_ended(standing: AccountStanding, rules: TicketRules, ticket: KnownTicket, last: LastChange | None) -> Decision:
    """A ticket that somebody resolved by hand though the account drifts is taken up again like any other."""
    if not rules.drifts(standing) or _is_over(standing):
        return LEAVE
    is_recent = last is None or standing.day - last.day <= timedelta(days=rules.reopen_days)
    if ticket.status == "resolved" and is_recent:
        return _change("reopen", standing, ticket)._replace(due_on=_due(standing, rules))
    number = ticket.correlation_id.removeprefix(prefix_of(standing.account_id))
    return _open(standing, rules, int(number) + 1 if _NUMBER.fullmatch(number) else 1)


def _ends_unused(standing: AccountStanding, ticket: KnownTicket) -> bool:
    """Whether a month without usage ends a ticket: a past one says nothing of a ticket whose last day is unknown."""
    is_dated = LastChange.of(ticket) is not None
    return ticket.status == "open" and standing.has_settled and (is_dated or not _is_over(standing))


def _is_over(standing: AccountStanding) -> bool:
    """Whether nothing that is tagged from now on can change the month: AWS delivers past months again, too."""
    return standing.day > BillingPeriod.parse(standing.billing_period).last_day


def _open(standing: AccountStanding, rules: TicketRules, number: int) -> Decision:
    correlation_id = f"{prefix_of(standing.account_id)}{number:04d}"
    return Decision("open", correlation_id, _name("open", standing), _due(standing, rules))


def _change(act: Act, standing: AccountStanding, ticket: KnownTicket) -> Decision:
    return Decision(act, ticket.correlation_id, _name(act, standing))


def _due(standing: AccountStanding, rules: TicketRules) -> date:
    return standing.day + timedelta(days=rules.days_to_fix)


def _name(act: Act, standing: AccountStanding, word: str = "") -> str:
    """The name of a change; names sort by day, and within a day by rank."""
    return f"{standing.day} {_RANKS[act]}-{word or act} {standing.billing_period} {fingerprint(standing)}"


def fingerprint(standing: AccountStanding) -> str:
    """12 hex digits of what a note would say: the month, the amounts and the resources, not the day."""
    said = standing.model_dump_json(include={"billing_period", "untagged_cost", "taggable_cost", "untagged_resources"})
    return hashlib.sha256(said.encode()).hexdigest()[:_FINGERPRINT_DIGITS]
