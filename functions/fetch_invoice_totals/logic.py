"""Reads what AWS's own invoices say: from the Invoicing API, or from a file that a reviewer supplies."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from functions.shared.errors import InvalidInvoiceFile
from functions.shared.money import Cents, format_cents, parse_money, total
from functions.shared.payload import Payload

Source = Literal["file", "invoicing_api", "none"]
COLUMNS = ("billing_account_id", "invoice_id", "billing_currency", "total")


class FetchInvoiceTotalsRequest(Payload):
    """The run, its month and the bill's accounts; ``invoices_key`` names a reviewer's file, blank for none."""

    run_id: str
    billing_period: str
    billing_accounts: list[str]
    invoices_key: str


class InvoiceTotal(Payload):
    """One invoice of AWS, with its total in the billing currency."""

    billing_account_id: str
    invoice_id: str
    billing_currency: str
    invoiced_cost: Cents


class InvoiceTotalsFetched(Payload):
    """Where the totals came from; without a source the bill is reconciled to its own lines only."""

    source: Source
    found: bool
    invoices: int
    total: Cents


def read_invoice_file(name: str, text: str | None) -> list[InvoiceTotal]:
    """Reads a CSV of billing_account_id, invoice_id, billing_currency, total.

    Raises InvalidInvoiceFile that names line and column, also when there is no such file (None).
    """
    if text is None:
        raise InvalidInvoiceFile(f"{name}: there is no such file in the work bucket")
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise InvalidInvoiceFile(f"{name}: the header must be {','.join(COLUMNS)}")
    totals = []
    for row in reader:
        try:
            amount = parse_money(row["total"])
            format_cents(amount)
        except ValueError as error:
            raise InvalidInvoiceFile(f"{name}: line {reader.line_num}, total: {error}") from None
        blank = [column for column in COLUMNS if not row[column]]
        if blank:
            raise InvalidInvoiceFile(f"{name}: line {reader.line_num} has no {', '.join(blank)}")
        totals.append(_invoice(row, amount))
    if not totals:
        raise InvalidInvoiceFile(f"{name}: lists no invoice")
    return totals


def read_summaries(summaries: Iterable[Mapping[str, Any]]) -> list[InvoiceTotal]:
    """The totals of ListInvoiceSummaries in the currency of the usage; a payment's receipt is no invoice."""
    return [
        InvoiceTotal(
            billing_account_id=summary["AccountId"],
            invoice_id=summary["InvoiceId"],
            billing_currency=summary["BaseCurrencyAmount"]["CurrencyCode"],
            invoiced_cost=summary["BaseCurrencyAmount"]["TotalAmount"],
        )
        for summary in summaries
        if summary.get("InvoiceType") != "PAYMENT_RECEIPT"
    ]


def describe_totals(
    source: Literal["file", "invoicing_api", "none"], totals: list[InvoiceTotal]
) -> InvoiceTotalsFetched:
    """The totals as a reviewer of the execution sees them."""
    return InvoiceTotalsFetched(
        source=source,
        found=bool(totals),
        invoices=len(totals),
        total=total(invoice.invoiced_cost for invoice in totals),
    )


def _invoice(row: Mapping[str, str], amount: Any) -> InvoiceTotal:
    return InvoiceTotal(
        billing_account_id=row["billing_account_id"],
        invoice_id=row["invoice_id"],
        billing_currency=row["billing_currency"],
        invoiced_cost=amount,
    )
