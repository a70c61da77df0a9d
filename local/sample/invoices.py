"""The invoices of a sample month, and the truth about them.

The truth never sees the Parquet: it adds the generator's whole numbers (1e-10 dollars) with Python integers, so that
an allocation can be checked against something that does not share its arithmetic.
"""

from __future__ import annotations

import json
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from functions.shared.periods import BillingPeriod
from local.sample.columns import UNITS_PER_DOLLAR, Batch, Integers, gather, text
from local.sample.organisation import PAYER

_UNITS_PER_CENT = UNITS_PER_DOLLAR // 100
_AWS_INC = "Amazon Web Services, Inc."
_AWS_EMEA = "Amazon Web Services EMEA SARL"


class Invoice(IntEnum):
    """The invoices AWS sends for a month, by their position in ``invoice_columns``."""

    USAGE = 0
    EMEA = 1
    MARKETPLACE = 2
    SAVINGS_PLAN_PURCHASE = 3
    RESERVATION_PURCHASE = 4
    CREDIT_MEMO = 5


class ControlTotal(NamedTuple):
    """One invoice: its exact total, the same in cents, and how many lines of the export carry it."""

    billing_account_id: str
    invoice_id: str
    billed_cost: str
    exact: str
    lines: int


class MonthTruth(NamedTuple):
    """What a sample month adds up to."""

    billing_period: str
    rows: int
    billed_cost: str
    control_totals: tuple[ControlTotal, ...]

    def write(self, path: Path) -> None:
        """Writes the truth as JSON; all amounts are text."""
        path.parent.mkdir(parents=True, exist_ok=True)
        truth = self._asdict() | {"control_totals": [total._asdict() for total in self.control_totals]}
        path.write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")


def invoice_columns(period: BillingPeriod, *, final: bool) -> Batch:
    """The columns that tell invoices apart, one row per ``Invoice``.

    In an open month only the purchases have been invoiced. The missing ids are NULL or empty, as exports have both.
    """
    number = f"{period.year % 100:02d}{period.month:02d}"
    issued: tuple[tuple[str, str, str, str], ...] = (
        ("Anniversary", "AWS", _AWS_INC, f"21{number}4471"),
        ("Anniversary", "AWS", _AWS_EMEA, f"EUINIE{number}-88213"),
        ("Anniversary", "AWS Marketplace", _AWS_INC, f"21{number}4960"),
        ("Purchase", "AWS", _AWS_INC, f"21{number}0318"),
        ("Purchase", "AWS", _AWS_INC, f"21{number}0902"),
        ("Refund", "AWS", _AWS_INC, f"21{number}7705"),
    )
    bill_types, billing_entities, sellers, ids = zip(*issued, strict=True)
    open_ids = [i if kind == "Purchase" else "" if e != "AWS" else None for kind, e, _, i in issued]
    return {
        "bill_bill_type": text(bill_types),
        "bill_billing_entity": text(billing_entities),
        "bill_invoicing_entity": text(sellers),
        "line_item_legal_entity": text(sellers),
        "bill_invoice_id": text(ids if final else open_ids),
    }


class InvoiceBook:
    """Adds up exact line costs per invoice while a month is being generated."""

    def __init__(self, invoices: Batch) -> None:
        self._ids = [invoice_id or "" for invoice_id in invoices["bill_invoice_id"].to_pylist()]
        self._units = dict.fromkeys(self._ids, 0)
        self._lines = dict.fromkeys(self._ids, 0)

    def enter(self, invoice: Integers, units: Integers) -> None:
        """Takes lines in: the ``Invoice`` of each, and its unblended cost in units of 1e-10 dollars."""
        for code in np.unique(invoice).tolist():
            on_it = invoice == code
            self._units[self._ids[code]] += int(units[on_it].sum())
            self._lines[self._ids[code]] += int(on_it.sum())

    def truth(self, period: BillingPeriod) -> MonthTruth:
        """The control totals of everything entered; an invoice without lines is not mentioned."""
        control_totals = tuple(
            ControlTotal(
                billing_account_id=PAYER.account_id,
                invoice_id=invoice_id,
                billed_cost=_in_cents(round_to_cents(units)),
                exact=_exactly(units),
                lines=self._lines[invoice_id],
            )
            for invoice_id, units in sorted(self._units.items())
            if self._lines[invoice_id]
        )
        billed = sum(round_to_cents(units) for units in self._units.values())
        return MonthTruth(str(period), sum(self._lines.values()), _in_cents(billed), control_totals)


def round_to_cents(units: int) -> int:
    """Whole cents of an amount in units of 1e-10 dollars, half away from zero."""
    cents, rest = divmod(abs(units), _UNITS_PER_CENT)
    cents += 2 * rest >= _UNITS_PER_CENT
    return -cents if units < 0 else cents


def _in_cents(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _exactly(units: int) -> str:
    whole, part = divmod(abs(units), UNITS_PER_DOLLAR)
    return f"{'-' if units < 0 else ''}{whole}.{part:010d}"


def on_invoice(invoices: Batch, invoice: Integers) -> dict[str, pa.Array]:
    """The invoice columns of lines."""
    return {name: gather(values, invoice) for name, values in invoices.items()}
