"""Charges as expense lines, in the table and columns that a mapping names."""

from __future__ import annotations

from typing import Self

from functions.post_charge.logic import BookedCharge, Charge, HeldCharges
from functions.shared.adapters.servicenow.attachments import Attachments
from functions.shared.adapters.servicenow.client import ServiceNowClient
from functions.shared.adapters.servicenow.connection import ServiceNow
from functions.shared.adapters.servicenow.import_sets import ImportSetApi
from functions.shared.adapters.servicenow.mappings import ExpenseLineMapping
from functions.shared.adapters.servicenow.queries import equals, starts_with
from functions.shared.adapters.servicenow.tables import Record, TableApi
from functions.shared.errors import PostingMismatch, PostingRejected
from functions.shared.money import format_cents, parse_money
from functions.shared.periods import BillingPeriod


class ServiceNowChargeBook:
    """Charges as expense lines: the ``ChargeBook`` that ``post_charge`` is given."""

    def __init__(self, client: ServiceNowClient, mapping: ExpenseLineMapping, *, page_size: int = 1000) -> None:
        self._client = client
        self._tables = TableApi(client, page_size=page_size)
        self._mapping = mapping

    @classmethod
    def of(cls, servicenow: ServiceNow) -> Self:
        """The book of an instance, as its connection maps it."""
        connection = servicenow.connection
        return cls(servicenow.client, connection.expense_line, page_size=connection.page_size)

    @property
    def table(self) -> str:
        """The expense lines' table."""
        return self._mapping.table

    def find(self, key: str) -> list[BookedCharge]:
        """The lines with this key, two at most. Raises PostingRejected when the table has no such column."""
        columns = self._mapping
        query = equals(columns.key_column, key)
        records = self._tables.find_records(columns.table, query, columns.shown_columns, at_most=2)
        return [self._booked(record, key) for record in records]

    def create(self, key: str, charge: Charge) -> BookedCharge | None:
        """Creates the line and answers it as it was kept; a credit has a negative amount.

        Answers None for a line that was imported, as an import does not show what became of it. Raises PostingMismatch
        when the line's key was not kept.
        """
        columns = self._mapping
        fields = columns.constants | {
            columns.key_column: key,
            columns.amount_column: format_cents(charge.amount),
            columns.currency_column: charge.billing_currency,
            columns.cost_center_column: self._cost_center_value(charge.cost_center),
            columns.description_column: charge.description,
            columns.date_column: BillingPeriod.parse(charge.billing_period).last_day.isoformat(),
        }
        if columns.statement_sha256_column:
            fields[columns.statement_sha256_column] = charge.statement_sha256
        if columns.staging_table is not None:
            ImportSetApi(self._client).import_row(columns.staging_table, fields)
            return None
        return self._booked(self._tables.create_record(columns.table, fields, columns.shown_columns), key)

    def read_batch(self, batch: str) -> HeldCharges:
        """Every line whose key begins with a batch's, read page by page."""
        columns = self._mapping
        found = self._tables.find_all(columns.table, starts_with(columns.key_column, batch), columns.shown_columns)
        return HeldCharges([self._booked(record, batch, whole=False) for record in found.records], found.hidden)

    def files_of(self, sys_id: str) -> Attachments:
        """The files attached to a line."""
        return Attachments(self._client, self.table, sys_id)

    def _booked(self, record: Record, key: str, *, whole: bool = True) -> BookedCharge:
        """A line as we know it; raises PostingMismatch when its key is not, or does not begin, as it was asked for."""
        columns = self._mapping
        held, sys_id, amount = (record.get(name, "") for name in (columns.key_column, "sys_id", columns.amount_column))
        if columns.key_column not in record:
            raise PostingRejected(
                f"{self.table} shows no column {columns.key_column}; add it, readable by us, with a unique index"
            )
        if held != key and (whole or not held.startswith(key)):
            raise PostingMismatch(
                f"{self.table}: record {sys_id} has {columns.key_column} {held!r} instead of {key}; void the record "
                "and make the column hold 64 characters"
            )
        try:
            return BookedCharge(
                key=held,
                sys_id=sys_id,
                amount=parse_money(amount),
                currency=record.get(columns.currency_column, ""),
                cost_center=record.get(columns.shown_cost_center, ""),
            )
        except ValueError:
            raise PostingMismatch(f"{self.table}: record {sys_id} holds {amount!r}, which is no amount") from None

    def _cost_center_value(self, cost_center: str) -> str:
        columns = self._mapping
        if columns.cost_center_table is None:
            return cost_center
        column = columns.cost_center_code_column
        query = equals(column, cost_center)
        found = self._tables.find_records(columns.cost_center_table, query, ["sys_id", column], at_most=2)
        if len(found) != 1 or found[0].get(column) != cost_center:
            raise PostingRejected(
                f"{columns.cost_center_table}: cost center {cost_center!r} should be there once by its {column}, and "
                "is not; nothing was posted for it"
            )
        return found[0]["sys_id"]
