"""The statement as CSV: the business unit's ledger lines, for a spreadsheet or another program.

UTF-8 without a byte order mark, lines end with a line feed, one header row. The ``cost`` column adds up to the
statement's total.
"""

from __future__ import annotations

import csv
import io

from functions.render_statement.model import LedgerLine, StatementModel
from functions.shared.money import format_cents

COLUMNS = (
    "entry_id",
    "billing_period",
    "charge_period",
    "revision",
    "billing_account_id",
    "invoice_id",
    "billing_currency",
    "business_unit",
    "cost_center",
    "allocation_method",
    "pool_id",
    "rule_id",
    "sub_account_id",
    "service_name",
    "charge_class",
    "exact_cost",
    "cost",
    "line_count",
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_csv(statement: StatementModel) -> bytes:
    """Writes the ledger lines, sorted, so that equal statements give equal bytes."""
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_row(statement, line) for line in sorted(statement.ledger_lines, key=_sort_key))
    return sheet.getvalue().encode("utf-8")


def _sort_key(line: LedgerLine) -> tuple[str, ...]:
    return (
        line.cost_center,
        line.allocation_method,
        line.pool_id,
        line.billing_account_id,
        line.invoice_id,
        line.rule_id,
        line.sub_account_id,
        line.service_name,
        line.charge_class,
        line.entry_id,
    )


def _row(statement: StatementModel, line: LedgerLine) -> list[str]:
    texts = {
        "entry_id": line.entry_id,
        "billing_period": statement.billing_period,
        "charge_period": statement.charge_period,
        "billing_account_id": line.billing_account_id,
        "invoice_id": line.invoice_id,
        "billing_currency": statement.billing_currency,
        "business_unit": statement.business_unit.id,
        "cost_center": line.cost_center,
        "allocation_method": line.allocation_method,
        "pool_id": line.pool_id,
        "rule_id": line.rule_id,
        "sub_account_id": line.sub_account_id,
        "service_name": line.service_name,
        "charge_class": line.charge_class,
    }
    numbers = {
        "revision": str(statement.revision),
        "exact_cost": f"{line.exact_cost:f}",
        "cost": format_cents(line.cost),
        "line_count": str(line.line_count),
    }
    cells = {column: _harmless(text) for column, text in texts.items()} | numbers
    return [cells[column] for column in COLUMNS]


def _harmless(text: str) -> str:
    """A spreadsheet takes text that starts like a formula for one, and runs it; a leading apostrophe prevents that."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
