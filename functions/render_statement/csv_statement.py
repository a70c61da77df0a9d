"""The statement as CSV: the business unit's ledger lines, for a spreadsheet or another program.

UTF-8 without a byte order mark, lines end with a line feed, one header row. The ``cost`` column adds up to the
statement's total, and to every amount that the PDF charges when it is summed by the columns the PDF groups by.
"""

from __future__ import annotations

import csv
import io

from functions.render_statement.model import ADJUSTMENT, ADJUSTMENT_RULE, LedgerLine, StatementModel
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
    "business_unit_name",
    "cost_center",
    "cost_center_name",
    "allocation_method",
    "pool_id",
    "pool_name",
    "rule_id",
    "sub_account_id",
    "sub_account_name",
    "service_name",
    "charge_class",
    "adjustment_reason",
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
    common, names = _common_cells(statement), _Names(statement)
    writer.writerows(_row(common, names, line) for line in sorted(statement.ledger_lines, key=_sort_key))
    return sheet.getvalue().encode("utf-8")


class _Names:
    """What people call the ids of the ledger lines."""

    def __init__(self, statement: StatementModel) -> None:
        centers = statement.cost_centers
        self.cost_centers = {center.cost_center: center.name for center in centers}
        self.pools = {pool.pool_id: pool.pool_name for center in centers for pool in center.pool_shares}
        self.accounts = {a.sub_account_id: a.sub_account_name for center in centers for a in center.accounts}
        self._reasons = {a.adjustment_id: a.reason for center in centers for a in center.adjustments}

    def reason(self, line: LedgerLine) -> str:
        """Why the policy moved the line's cost; blank for every line that is no adjustment."""
        adjustment = line.rule_id.removeprefix(ADJUSTMENT_RULE) if line.charge_class == ADJUSTMENT else ""
        return self._reasons.get(adjustment, "")


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


def _common_cells(statement: StatementModel) -> dict[str, str]:
    """What is the same in every row."""
    texts = {
        "billing_period": statement.billing_period,
        "charge_period": statement.charge_period,
        "revision": str(statement.revision),
        "billing_currency": statement.billing_currency,
        "business_unit": statement.business_unit.id,
        "business_unit_name": statement.business_unit.name,
    }
    return {column: _harmless(text) for column, text in texts.items()}


def _row(common: dict[str, str], names: _Names, line: LedgerLine) -> list[str]:
    texts = {
        "entry_id": line.entry_id,
        "billing_account_id": line.billing_account_id,
        "invoice_id": line.invoice_id,
        "cost_center": line.cost_center,
        "cost_center_name": names.cost_centers.get(line.cost_center, ""),
        "allocation_method": line.allocation_method,
        "pool_id": line.pool_id,
        "pool_name": names.pools.get(line.pool_id, ""),
        "rule_id": line.rule_id,
        "sub_account_id": line.sub_account_id,
        "sub_account_name": names.accounts.get(line.sub_account_id, ""),
        "service_name": line.service_name,
        "charge_class": line.charge_class,
        "adjustment_reason": names.reason(line),
    }
    numbers = {
        "exact_cost": f"{line.exact_cost:f}",
        "cost": format_cents(line.cost),
        "line_count": str(line.line_count),
    }
    cells = {column: _harmless(text) for column, text in texts.items()} | common | numbers
    return [cells[column] for column in COLUMNS]


def _harmless(text: str) -> str:
    """A spreadsheet takes text that starts like a formula for one, and runs it; a leading apostrophe prevents that."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
