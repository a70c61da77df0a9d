"""Whether every account's ticket is up to the day, how many wait to be mended, and how many of these are late."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Literal, Protocol

from functions.shared.errors import TicketsNotUpdated
from functions.shared.payload import Payload
from functions.update_ticket.updating import RefusedTicket, TicketOutcome

_REFUSALS_SHOWN = 3


class CountTicketsRequest(Payload):
    """The run whose accounts' tickets were brought up to the day, and how many accounts there are."""

    run_id: str
    day: date
    accounts: int


class DatedTicket(Protocol):
    """A ticket, as far as it is counted."""

    @property
    def status(self) -> Literal["open", "resolved", "closed"]: ...
    @property
    def due_on(self) -> date | None: ...


class TicketCounts(Payload):
    """``overdue`` tickets are open ones whose due date has passed."""

    open: int
    overdue: int


def count_tickets(tickets: Iterable[DatedTicket], day: date) -> TicketCounts:
    """Counts the tickets as they stand on a day; one without a due date is never late."""
    waiting = [ticket for ticket in tickets if ticket.status == "open"]
    late = [ticket for ticket in waiting if ticket.due_on and ticket.due_on < day]
    return TicketCounts(open=len(waiting), overdue=len(late))


def require_updated(records: Iterable[dict[str, Any]], accounts: int) -> None:
    """Raises TicketsNotUpdated when the run's records tell of a refusal, or an account has none."""
    outcomes = [read_outcome(record) for record in records]
    refused = [outcome for outcome in outcomes if isinstance(outcome, RefusedTicket)]
    if not refused and len(outcomes) == accounts:
        return
    told = [f"{one.account_id}: {one.error}: {one.cause}" for one in refused[:_REFUSALS_SHOWN]]
    if len(refused) > len(told):
        told.append(f"{len(refused) - len(told)} more in the log of UpdateTicket")
    if len(outcomes) != accounts:
        told.append(f"{len(outcomes)} of {accounts} accounts were looked at")
    raise TicketsNotUpdated("; ".join(told) + "; mend the cause and validate again")


def read_outcome(record: dict[str, Any]) -> TicketOutcome | RefusedTicket:
    """A run's record of a ticket, typed: only a refusal has an error."""
    return RefusedTicket.model_validate(record) if "error" in record else TicketOutcome.model_validate(record)
