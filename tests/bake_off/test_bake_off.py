"""docs/bake-off.md says what other formulas make of the sample bill; here it is computed again."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from local.sample.month import DEFAULT_LINE_ITEMS, write_month
from tests.bake_off.formulas import FORMULAS, by_line_type, invoice_total, total

DOCUMENT = Path(__file__).parents[2] / "docs" / "bake-off.md"
CENT = Decimal("0.01")


@pytest.fixture(scope="module")
def data_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("cur")
    write_month(folder, "2026-05", line_items=DEFAULT_LINE_ITEMS, seed=7)
    return sorted((folder / "data").rglob("*.parquet"))


def table(data_files: list[Path]) -> list[str]:
    """The rows of the document's table, as they are true."""
    invoice = invoice_total(data_files)
    rows = []
    for formula in FORMULAS:
        found = total(formula, data_files)
        rows.append(f"| {formula.system} | {formula.measure} | {money(found)} | {money(found - invoice)} |")
    return rows


def money(amount: Decimal) -> str:
    return f"{amount.quantize(CENT, ROUND_HALF_UP) + Decimal(0):,f}"


def test_the_documented_totals_are_those_of_the_formulas(data_files: list[Path]) -> None:
    document = DOCUMENT.read_text(encoding="utf-8").splitlines()
    for row in table(data_files):
        assert row in document


def test_only_the_bridged_formula_ties_to_the_invoice(data_files: list[Path]) -> None:
    invoice = invoice_total(data_files)
    tied = [formula.measure for formula in FORMULAS if total(formula, data_files) == invoice]
    assert tied == ["amortized cost + true-up + upfront fees"]


def test_opencost_reads_neither_tax_nor_credits_nor_refunds(data_files: list[Path]) -> None:
    [opencost] = [formula for formula in FORMULAS if formula.system == "OpenCost"]
    assert {"Tax", "Credit", "Refund", "BundledDiscount"} <= by_line_type(opencost, data_files).keys()


def test_koku_loses_the_unused_commitment_and_the_upfront_fee(data_files: list[Path]) -> None:
    [koku] = [formula for formula in FORMULAS if formula.system == "koku"]
    lost = by_line_type(koku, data_files)
    assert lost["SavingsPlanRecurringFee"] < 0
    assert lost["SavingsPlanUpfrontFee"] < 0
