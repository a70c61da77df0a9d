"""An account whose tags change from day to day, and books that keep its tickets in memory."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from functions.shared.adapters.servicenow.tickets import NewTicket, Ticket
from functions.update_ticket.standing import AccountStanding, TicketRules
from functions.update_ticket.updating import TicketOutcome, update_ticket

FIRST_DAY = date(2026, 6, 1)
ACCOUNT = "410010010101"
GROUP = "Claims Cloud"
RULES = TicketRules.model_validate({"threshold": "0.05", "hysteresis": "0.01", "days_to_fix": 14, "reopen_days": 30})
RESOURCES = [
    {"resource_id": "i-0123456789abcdef0", "service_name": "AmazonEC2", "cost": "412.50"},
    {"resource_id": "arn:aws:rds:us-east-1:410010010101:db:claims", "service_name": "AmazonRDS", "cost": "88.10"},
    {"resource_id": "claims-exports", "service_name": "AmazonS3", "cost": "3.004"},
]


def day(number: int) -> date:
    """The day that many days after the first."""
    return FIRST_DAY + timedelta(days=number)


def standing(number: int, ratio: str | None, **changes: Any) -> AccountStanding:
    """The account on a day: of 10,000.00 USD in the month so far, this part has no owner tag."""
    on = day(number)
    untagged = Decimal(ratio or "0") * 10_000
    return AccountStanding.model_validate(
        {
            "account_id": ACCOUNT,
            "account_name": "claims-prod",
            "billing_period": f"{on:%Y-%m}",
            "day": on,
            "billing_currency": "USD",
            "owner_tag": "cost-center",
            "untagged_ratio": ratio or "0.0000",
            "untagged_cost": f"{untagged:f}",
            "taggable_cost": "10000.00" if ratio is not None else "0.00",
            "untagged_resources": RESOURCES if untagged else [],
            "ticket_group": GROUP,
        }
        | changes
    )


class Notebook:
    """Tickets in memory, with what has been done to them; ``acts`` has every change."""

    def __init__(self) -> None:
        self.tickets: dict[str, Ticket] = {}
        self.acts: list[tuple[str, str]] = []

    @property
    def open_tickets(self) -> list[Ticket]:
        """Those that are neither resolved nor closed."""
        return [ticket for ticket in self.tickets.values() if ticket.status == "open"]

    def latest(self, prefix: str) -> Ticket | None:
        """The last by correlation id."""
        found = sorted(concern for concern in self.tickets if concern.startswith(prefix))
        return self.tickets[found[-1]] if found else None

    def open(self, correlation_id: str, content: NewTicket, update: str = "") -> tuple[Ticket, bool]:
        """A ticket more."""
        assert correlation_id not in self.tickets
        number = f"INC{len(self.tickets) + 1}"
        return self._keep("open", Ticket(number, number, correlation_id, "open", update, content.due_on)), True

    def note(self, correlation_id: str, update: str, text: str, *, due_on: date | None = None) -> Ticket:
        """A note more."""
        assert text
        return self._change("note", correlation_id, update, **({"due_on": due_on} if due_on else {}))

    def escalate(self, correlation_id: str, update: str, text: str) -> Ticket:
        """More urgent."""
        assert text
        return self._change("escalate", correlation_id, update, is_escalated=True)

    def resolve(self, correlation_id: str, update: str, text: str) -> Ticket:
        """Done."""
        assert text
        return self._change("resolve", correlation_id, update, status="resolved")

    def reopen(self, correlation_id: str, update: str, text: str, *, due_on: date | None = None) -> Ticket:
        """Not done."""
        assert text
        return self._change("reopen", correlation_id, update, status="open", due_on=due_on, is_escalated=False)

    def by_hand(self, number: str, **changes: Any) -> None:
        """What somebody does to a ticket in ServiceNow itself."""
        [ticket] = [ticket for ticket in self.tickets.values() if ticket.number == number]
        self.tickets[ticket.correlation_id] = ticket._replace(**changes)

    def see(self, number: int, ratio: str | None, **changes: Any) -> TicketOutcome:
        """Brings the account's ticket up to a day."""
        return update_ticket(standing(number, ratio, **changes), RULES, self)

    def _change(self, act: str, correlation_id: str, update: str, **changes: Any) -> Ticket:
        ticket = self.tickets[correlation_id]
        assert update > ticket.last_update, "books leave out a change that is not later than the last"
        return self._keep(act, ticket._replace(last_update=update, **changes))

    def _keep(self, act: str, ticket: Ticket) -> Ticket:
        self.tickets[ticket.correlation_id] = ticket
        self.acts.append((act, ticket.number))
        return ticket
