"""Tickets as incidents: one for each concern, changed once for each reason, whatever is repeated.

An incident has no unique index on its correlation id, so whoever opens one looks first. The name of the last change is
kept in the incident itself, beside the change and in the same request. Names sort in the order in which changes are to
be made, as days do: a change that is not later than the last one has been made, or is out of date, and is left out.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Literal, NamedTuple, Self

from functions.shared.adapters.servicenow.attachments import Attachments
from functions.shared.adapters.servicenow.client import ServiceNowClient
from functions.shared.adapters.servicenow.connection import ServiceNow
from functions.shared.adapters.servicenow.mappings import IncidentMapping
from functions.shared.adapters.servicenow.queries import equals, starts_with
from functions.shared.adapters.servicenow.tables import Record, TableApi
from functions.shared.errors import (
    BooksRateLimited,
    BooksUnavailable,
    DuplicateTicket,
    PostingForbidden,
    PostingMismatch,
    PostingRejected,
    TicketClosed,
)
from functions.shared.once import make_once

TicketStatus = Literal["open", "resolved", "closed"]

_NAMED = re.compile(r"\d{4}-\d\d-\d\d")
"""How the names of changes begin. What other integrations leave in their column says nothing of what was made here."""


class NewTicket(NamedTuple):
    """What a ticket is about. ``group`` is an assignment group's name; blank leaves it to the instance's rules."""

    summary: str
    description: str
    group: str = ""
    due_on: date | None = None


class Ticket(NamedTuple):
    """A ticket as it is now; ``last_update`` names the last change that was made here, blank for none.

    Whoever works on it may move ``due_on``, which is None when no day can be read of it.
    """

    sys_id: str
    number: str
    correlation_id: str
    status: TicketStatus
    last_update: str
    due_on: date | None = None
    is_escalated: bool = False


class Tickets:
    """The tickets of an instance, by their correlation ids. All methods raise the PostingError family, too."""

    def __init__(self, client: ServiceNowClient, mapping: IncidentMapping) -> None:
        self._client = client
        self._tables = TableApi(client)
        self._mapping = mapping

    @classmethod
    def of(cls, servicenow: ServiceNow) -> Self:
        """The tickets of an instance, as its connection maps them."""
        return cls(servicenow.client, servicenow.connection.incident)

    def find(self, correlation_id: str) -> Ticket | None:
        """The ticket of a concern; None if there is none. Raises DuplicateTicket when there are more."""
        found = self._having(correlation_id, equals(self._mapping.correlation_column, correlation_id), at_most=2)
        if any(ticket.correlation_id != correlation_id for ticket in found):
            raise self._not_searched()
        return self._only(found)

    def all_of(self, prefix: str) -> list[Ticket]:
        """The tickets whose correlation ids begin with this, whatever their status, by correlation id.

        Raises PostingForbidden when there are some that are not shown to us: they would be opened once more.
        """
        found = self._having(prefix, starts_with(self._mapping.correlation_column, prefix))
        if any(not ticket.correlation_id.startswith(prefix) for ticket in found):
            raise self._not_searched()
        return sorted(found, key=lambda ticket: ticket.correlation_id)

    def latest(self, prefix: str) -> Ticket | None:
        """The last of those by correlation id; None if there is none. Raises DuplicateTicket when there are more."""
        found = [ticket for ticket in self.all_of(prefix) if ticket.correlation_id.removeprefix(prefix).isdecimal()]
        return self._only([ticket for ticket in found if ticket.correlation_id == found[-1].correlation_id])

    def open(self, correlation_id: str, content: NewTicket, update: str = "") -> tuple[Ticket, bool]:
        """The ticket of a concern and whether this attempt has surely opened it; whatever its status is.

        ``update`` names the opening, if changes of the same day are to come after it.
        """
        ticket, opened = make_once(
            lambda: self.find(correlation_id),
            lambda: self._create(correlation_id, content, update),
            self._client.let_settle,
        )
        if ticket is None:
            raise PostingMismatch(f"{self._mapping.table}: a ticket for {correlation_id} was taken but is not shown")
        return ticket, opened

    def note(self, correlation_id: str, update: str, text: str, *, due_on: date | None = None) -> Ticket:
        """Adds a work note, and sets the due date if one is given, unless ``update`` names an earlier change."""
        fields = {self._mapping.note_column: text} | self._due(due_on)
        return self._change(correlation_id, update, fields)

    def escalate(self, correlation_id: str, update: str, text: str) -> Ticket:
        """Makes the ticket more urgent and says why, unless ``update`` names an earlier change."""
        columns = self._mapping
        fields = {columns.urgency_column: columns.escalated_urgency, columns.note_column: text}
        return self._change(correlation_id, update, fields)

    def resolve(self, correlation_id: str, update: str, text: str) -> Ticket:
        """Resolves the ticket; one that is resolved already stays as it is."""
        columns = self._mapping
        fields = {
            columns.state_column: columns.resolved_state,
            columns.close_code_column: columns.close_code,
            columns.close_notes_column: text,
        }
        return self._change(correlation_id, update, fields, already="resolved")

    def reopen(self, correlation_id: str, update: str, text: str, *, due_on: date | None = None) -> Ticket:
        """Takes a resolved ticket up again; an open one stays as it is. Raises TicketClosed when it is too late."""
        columns = self._mapping
        fields = {columns.state_column: columns.in_progress_state, columns.note_column: text} | self._due(due_on)
        fields[columns.urgency_column] = columns.constants.get(columns.urgency_column, columns.ordinary_urgency)
        return self._change(correlation_id, update, fields, already="open")

    def files_of(self, ticket: Ticket) -> Attachments:
        """The files attached to a ticket."""
        return Attachments(self._client, self._mapping.table, ticket.sys_id)

    def _having(self, wanted: str, query: str, at_most: int | None = None) -> list[Ticket]:
        if not wanted:
            raise PostingRejected("a ticket is looked for by a correlation id that is not blank")
        table = self._mapping.table
        found = self._tables.find_all(table, query, self._shown, at_most=at_most)
        if found.hidden:
            raise PostingForbidden(f"{table}: {found.hidden} of {query} are not shown to us; let our user read them")
        return [self._ticket(record) for record in found.records]

    def _only(self, found: list[Ticket]) -> Ticket | None:
        columns = self._mapping
        if len(found) > 1:
            numbers = " and ".join(ticket.number for ticket in found)
            raise DuplicateTicket(
                f"{columns.table}: {numbers} have one {columns.correlation_column}, {found[0].correlation_id}; keep "
                "one and change the other's"
            )
        return found[0] if found else None

    def _not_searched(self) -> PostingRejected:
        columns = self._mapping
        return PostingRejected(
            f"{columns.table} is not searched by {columns.correlation_column}; let our user read that column"
        )

    def _create(self, correlation_id: str, content: NewTicket, update: str) -> Ticket:
        columns = self._mapping
        fields = columns.constants | {
            columns.correlation_column: correlation_id,
            columns.summary_column: content.summary,
            columns.description_column: content.description,
        }
        fields |= self._due(content.due_on)
        if update:
            fields[columns.update_column] = update
        if content.group:
            fields[columns.group_column] = self._group(content.group)
        self._client.require_time_to_settle(columns.table)
        opened = self._ticket(self._tables.create_record(columns.table, fields, self._shown))
        if opened.correlation_id != correlation_id:
            # It would never be found again, and another one be opened with the next delivery.
            raise PostingMismatch(
                f"{opened.number}: {columns.correlation_column} does not hold {correlation_id!r}; let our user "
                "write that column, and cancel the record"
            )
        return opened

    def _change(
        self, correlation_id: str, update: str, fields: Record, *, already: TicketStatus | None = None
    ) -> Ticket:
        """Changes a ticket unless that has been done, or it is ``already`` as it should become."""
        ticket = self._existing(correlation_id)
        if (_NAMED.match(ticket.last_update) and update <= ticket.last_update) or ticket.status == already:
            return ticket
        if ticket.status == "closed":
            raise TicketClosed(f"{ticket.number} is closed; open a ticket with another correlation id instead")
        fields = fields | {self._mapping.update_column: update}
        try:
            changed = self._ticket(self._tables.change_record(self._mapping.table, ticket.sys_id, fields, self._shown))
        except BooksRateLimited:
            raise
        except BooksUnavailable:
            # Perhaps only the answer was lost.
            changed = self._existing(correlation_id)
            if changed.last_update != update:
                raise
        if changed.last_update != update:
            raise PostingMismatch(
                f"{ticket.number}: {self._mapping.update_column} does not hold {update!r}; let our user write that "
                "column, and make it hold 100 characters"
            )
        return changed

    def _existing(self, correlation_id: str) -> Ticket:
        ticket = self.find(correlation_id)
        if ticket is None:
            raise PostingRejected(f"{self._mapping.table} shows no ticket for {correlation_id}; open one first")
        return ticket

    def _ticket(self, record: Record) -> Ticket:
        columns = self._mapping
        state = record.get(columns.state_column, "")
        return Ticket(
            sys_id=record.get("sys_id", ""),
            number=record.get("number", ""),
            correlation_id=record.get(columns.correlation_column, ""),
            status="resolved" if state == columns.resolved_state else _open_or_closed(state, columns.closed_states),
            last_update=record.get(columns.update_column, ""),
            due_on=_day(record.get(columns.due_column, "")),
            is_escalated=record.get(columns.urgency_column) == columns.escalated_urgency,
        )

    def _due(self, due_on: date | None) -> Record:
        """The end of the day, as ServiceNow writes moments in UTC."""
        return {} if due_on is None else {self._mapping.due_column: f"{due_on.isoformat()} 23:59:59"}

    def _group(self, name: str) -> str:
        found = self._tables.find_records("sys_user_group", equals("name", name), ["sys_id", "name"], at_most=2)
        if len(found) != 1 or found[0].get("name") != name:
            raise PostingRejected(f"sys_user_group: the group {name!r} should be there once, and is not")
        return found[0]["sys_id"]

    @property
    def _shown(self) -> list[str]:
        columns = self._mapping
        shown = [columns.correlation_column, columns.state_column, columns.update_column]
        return ["sys_id", "number", *shown, columns.due_column, columns.urgency_column]


def _open_or_closed(state: str, closed: tuple[str, ...]) -> TicketStatus:
    return "closed" if state in closed else "open"


def _day(moment: str) -> date | None:
    try:
        return datetime.strptime(moment, "%Y-%m-%d %H:%M:%S").date()  # noqa: DTZ007 - ServiceNow writes UTC
    except ValueError:
        return None
