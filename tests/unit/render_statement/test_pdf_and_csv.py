"""The PDF charges nothing that the CSV does not list: both are parsed, and compared amount by amount."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

import pytest
from pypdf import PdfReader

from functions.render_statement.logic import render_statement
from functions.render_statement.model import StatementModel
from tests.unit.render_statement.builders import statement
from tests.unit.render_statement.reading import Node, read_structure

AMOUNT = re.compile(r"[−+]?\d[\d,]*\.\d\d(?!\d|%)")
GROUPS = (
    ("business_unit",),
    ("allocation_method",),
    ("cost_center",),
    ("cost_center", "allocation_method"),
    ("cost_center", "allocation_method", "pool_id"),
    ("cost_center", "allocation_method", "sub_account_id"),
    ("cost_center", "allocation_method", "service_name"),
    ("cost_center", "allocation_method", "charge_class"),
    ("allocation_method", "service_name"),
    ("allocation_method", "pool_id"),
    ("billing_account_id", "invoice_id"),
)
"""What the PDF groups the ledger lines by."""

KINDS: dict[str, dict[str, object]] = {
    "of three cost centers": {},
    "of forty": {"cost_centers": 40, "accounts": 2, "services": 4},
    "of credits": {"sign": -1},
    "without any cost": {"cost_centers": 1, "accounts": 0, "pools": 0, "months": 1},
}


def parse(text: str) -> Decimal:
    return Decimal(text.replace(",", "").replace("−", "-"))


@cache
def rendered(kind: str) -> tuple[StatementModel, Node, list[dict[str, str]]]:
    """A statement, its PDF's structure, and its CSV's rows."""
    model = statement(**KINDS[kind])
    files = render_statement(model)
    rows = list(csv.DictReader(io.StringIO(files.csv.decode("utf-8"))))
    return model, read_structure(PdfReader(io.BytesIO(files.pdf))), rows


def sums(rows: list[dict[str, str]], columns: tuple[str, ...]) -> dict[tuple[str, ...], Decimal]:
    found: defaultdict[tuple[str, ...], Decimal] = defaultdict(lambda: Decimal("0.00"))
    for row in rows:
        found[tuple(row[column] for column in columns)] += Decimal(row["cost"])
    return found


def charged(rows: list[dict[str, str]]) -> set[Decimal]:
    return {amount for columns in GROUPS for amount in sums(rows, columns).values()} | {Decimal("0.00")}


def beside(model: StatementModel, rows: list[dict[str, str]]) -> set[Decimal]:
    """Amounts that the PDF shows beside what it charges: for comparison, and to explain how a pool was split."""
    earlier = {a for month in model.trend[:-1] for a in (month.direct, month.shared, month.total)}
    priors = {center.prior_total for center in model.cost_centers if center.prior_total is not None}
    totals = {center.total - center.prior_total for center in model.cost_centers if center.prior_total is not None}
    totals |= {model.total - month.total for month in model.trend}
    bill = model.bill
    invoices = {a for i in bill.invoices for a in (i.billed_cost, i.allocated_cost)}
    invoices |= {bill.billed_cost, bill.allocated_cost, abs(bill.commitment_bridge)}
    pools = [pool for center in model.cost_centers for pool in center.pool_shares]
    weights = {w.quantize(Decimal("0.01"), ROUND_HALF_UP) for p in pools for w in (p.weight, p.total_weight)}
    top = list(sums(rows, ("allocation_method", "service_name")).items())
    largest = sorted((cost for (method, _), cost in top if method == "direct"), key=lambda cost: -abs(cost))[:5]
    others = {model.direct - sum(largest)}
    return earlier | priors | totals | invoices | {pool.pool_cost for pool in pools} | weights | others


@pytest.mark.parametrize("kind", KINDS)
def test_every_amount_of_the_pdf_is_a_sum_of_csv_lines_or_stands_beside_them_for_comparison(kind: str) -> None:
    model, document, rows = rendered(kind)
    known = charged(rows) | beside(model, rows)
    printed = {parse(text) for node in document.walk() for text in AMOUNT.findall(f"{node.text} {node.alternate}")}
    assert len(printed) > 1
    assert printed - known == set()


@pytest.mark.parametrize("kind", KINDS)
def test_every_sum_of_csv_lines_that_the_pdf_groups_by_is_printed(kind: str) -> None:
    _, document, rows = rendered(kind)
    printed = {parse(text) for node in document.walk() for text in AMOUNT.findall(node.text)}
    direct = [row for row in rows if row["allocation_method"] == "direct"]
    shared = [row for row in rows if row["allocation_method"] == "shared"]
    for columns in GROUPS[:8]:
        of = shared if "pool_id" in columns else direct if len(columns) == 3 else rows
        assert set(sums(of, columns).values()) - printed == set(), columns


@pytest.mark.parametrize("kind", KINDS)
def test_the_csv_calls_things_by_the_names_that_the_pdf_prints(kind: str) -> None:
    model, document, rows = rendered(kind)
    text = " ".join(node.text for node in document.walk())
    for column in ("business_unit_name", "cost_center_name", "pool_name", "sub_account_name", "service_name"):
        names = {row[column] for row in rows if row[column]}
        assert {name for name in names if name not in text} == set(), column
    assert {row["business_unit_name"] for row in rows} <= {model.business_unit.name}
