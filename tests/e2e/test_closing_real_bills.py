"""Published real bills close to the truth that was computed without this program."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pypdf import PdfReader

from tests.e2e.command import Ended, close, period_record, posted, posted_by_cost_center, published, summary_of

pytestmark = pytest.mark.slow

LEDGER_COLUMNS = {
    "entry_id": pa.string(),
    "billing_period": pa.string(),
    "charge_period": pa.string(),
    "revision": pa.int32(),
    "billing_account_id": pa.string(),
    "invoice_id": pa.string(),
    "billing_currency": pa.string(),
    "business_unit": pa.string(),
    "cost_center": pa.string(),
    "allocation_method": pa.string(),
    "pool_id": pa.string(),
    "rule_id": pa.string(),
    "sub_account_id": pa.string(),
    "service_name": pa.string(),
    "charge_class": pa.string(),
    "exact_cost": pa.decimal128(38, 10),
    "cost": pa.decimal128(38, 2),
    "line_count": pa.int64(),
}
"""The ledger's columns are a contract, in this order: other programs read them."""

SUMMARY_KEYS = {
    "billing_period",
    "revision",
    "status",
    "billing_currency",
    "cost_basis",
    "billed_cost",
    "allocated_cost",
    "delta",
    "control_totals",
    "cost_centers",
    "pools",
    "untagged_ratio",
    "line_items",
    "statements",
    "postings",
    "executions",
}
"""What other programs read of a summary; it may say more."""

Closed = tuple[Path, Ended]


def truth_of(real_bills: Path, name: str) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads((real_bills / "truth" / name).read_text())
    return truth


def without(key: str, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in entry.items() if name != key} for entry in entries]


def ledger_of(folder: Path) -> list[dict[str, Any]]:
    files = sorted(folder.glob("ledger/billing_period=*/*.parquet"))
    return [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]


@pytest.fixture(scope="module")
def final(real_bills: Path, tmp_path_factory: pytest.TempPathFactory) -> Closed:
    """October 2018 of a real account: final, one invoice, mostly untagged."""
    out = tmp_path_factory.mktemp("final") / "out"
    return out, close(real_bills / "wa-labs", real_bills / "policies" / "wa-labs.yaml", "2018-10", out)


@pytest.fixture(scope="module")
def still_open(real_bills: Path, tmp_path_factory: pytest.TempPathFactory) -> Closed:
    """April 2026 of a real account: nothing is invoiced yet, and credits cancel the usage."""
    out = tmp_path_factory.mktemp("open") / "out"
    return out, close(real_bills / "ha-project", real_bills / "policies" / "ha-project.yaml", "2026-04", out)


@pytest.fixture(scope="module")
def previewed(real_bills: Path, still_open: Closed) -> Closed:
    """The open month again, as a preview in the same output folder."""
    out, _ = still_open
    policy = real_bills / "policies" / "ha-project.yaml"
    return out, close(real_bills / "ha-project", policy, "2026-04", out, "--preview")


def test_a_final_month_closes_and_says_where_to_look(final: Closed) -> None:
    out, ended = final
    assert (ended.code, ended.err) == (0, [])
    folder = out / "2018-10"
    closed = ended.out.index("2018-10  CLOSED: billed 4,064.48 USD, allocated 4,064.48 USD, delta 0.00")
    assert ended.out[closed : closed + 6] == [
        "2018-10  CLOSED: billed 4,064.48 USD, allocated 4,064.48 USD, delta 0.00",
        f"  summary     {folder}/summary.json",
        f"  statements  {folder}/statements  (4 business units)",
        f"  ledger      {folder}/ledger",
        f"  evidence    {folder}/evidence.json",
        f"  signed by   {out}/root-ca.pem  (the root of the certificates)",
    ]
    assert "  ReconcileLedger" in "\n".join(ended.out)
    assert all((folder / name).exists() for name in ("summary.json", "statements", "ledger", "evidence.json"))


def test_every_cost_center_pool_and_invoice_equals_the_truth(final: Closed, real_bills: Path) -> None:
    summary = summary_of(final[0], "2018-10")
    truth = truth_of(real_bills, "wa-labs-2018-10-allocation.json")
    assert summary["billed_cost"] == summary["allocated_cost"] == truth["billed_cost"]
    assert summary["delta"] == "0.00"
    assert summary["pools"] == truth["pools"]
    assert without("business_unit", summary["cost_centers"]) == truth["cost_centers"]
    invoices = without("exact", truth["control_totals"])
    assert summary["control_totals"] == [{**invoice, "allocated_cost": invoice["billed_cost"]} for invoice in invoices]
    assert summary["line_items"] == truth_of(real_bills, "wa-labs-2018-10.json")["rows"]


def test_the_summary_has_what_other_programs_read(final: Closed) -> None:
    summary = summary_of(final[0], "2018-10")
    assert summary.keys() >= SUMMARY_KEYS
    assert (summary["billing_period"], summary["revision"], summary["status"]) == ("2018-10", 1, "CLOSED")
    assert summary["cost_centers"][0].keys() == {
        *("cost_center", "business_unit", "direct", "shared", "by_pool", "total"),
    }
    assert {"business_unit", "total", "pdf", "csv", "sha256sums", "signature"} <= summary["statements"][0].keys()
    assert summary["postings"][0].keys() >= {"cost_center", "amount", "table", "key"}
    assert {"state_machine": "month_end_close", "status": "SUCCEEDED"}.items() <= summary["executions"][0].items()
    assert not [value for value in _values(summary) if isinstance(value, float)]


def test_the_ledger_has_exactly_its_columns_and_adds_up_to_the_invoice(final: Closed) -> None:
    out, _ = final
    files = sorted((out / "2018-10" / "ledger").glob("billing_period=2018-10/*.parquet"))
    assert files
    for file in files:
        schema = pq.ParquetFile(file).schema_arrow
        assert {field.name: field.type for field in schema} == LEDGER_COLUMNS
        assert schema.names == list(LEDGER_COLUMNS)
    entries = ledger_of(out / "2018-10")
    assert sum(entry["cost"] for entry in entries) == Decimal("4064.48")
    assert len({entry["entry_id"] for entry in entries}) == len(entries)


def test_the_statements_add_up_to_their_totals_and_together_to_the_invoice(final: Closed) -> None:
    folder = final[0] / "2018-10"
    statements = summary_of(final[0], "2018-10")["statements"]
    for statement in statements:
        with (folder / statement["csv"]).open(encoding="utf-8", newline="") as file:
            entries = list(csv.DictReader(file))
        assert {entry["business_unit"] for entry in entries} == {statement["business_unit"]}
        assert sum(Decimal(entry["cost"]) for entry in entries) == Decimal(statement["total"])
        pages = [page.extract_text() for page in PdfReader(folder / statement["pdf"]).pages]
        assert f"{Decimal(statement['total']):,.2f}".replace("-", "−") in pages[0]
        assert "DRAFT" not in "".join(pages)
    assert sum(Decimal(statement["total"]) for statement in statements) == Decimal("4064.48")


def test_the_books_hold_what_the_ledger_says_and_nothing_else(final: Closed) -> None:
    out, _ = final
    owed: dict[str, Decimal] = {}
    for entry in ledger_of(out / "2018-10"):
        owed[entry["cost_center"]] = owed.get(entry["cost_center"], Decimal(0)) + entry["cost"]
    assert posted_by_cost_center(out) == {center: amount for center, amount in owed.items() if amount}
    keys = [line["u_chargeback_key"] for line in posted(out)]
    assert len(set(keys)) == len(keys)
    assert sorted(keys) == sorted(posting["key"] for posting in summary_of(out, "2018-10")["postings"])


def test_a_month_still_open_stops_and_says_what_has_no_invoice(still_open: Closed) -> None:
    out, ended = still_open
    assert ended.code == 3
    [line] = ended.err
    assert line.startswith("InvoicesNotFinal: 2026-04 is still open: ")
    assert "Usage (47.68 USD)" in line
    assert "Credit (-47.68 USD)" in line
    assert "preview" in line
    assert not (out / "2026-04").exists() or summary_of(out, "2026-04")["status"] != "CLOSED"


def test_a_preview_equals_the_truth(previewed: Closed, real_bills: Path) -> None:
    out, ended = previewed
    assert (ended.code, ended.err) == (0, [])
    summary = summary_of(out, "2026-04")
    truth = truth_of(real_bills, "ha-project-preview.json")
    owing = [center for center in summary["cost_centers"] if center["direct"] != "0.00" or center["shared"] != "0.00"]
    assert without("business_unit", owing) == truth["cost_centers"]
    assert summary["pools"] == truth["pools"]
    assert summary["billed_cost"] == truth["billed_cost"]


def test_a_preview_is_marked_a_draft_and_leaves_books_ledger_and_period_alone(previewed: Closed) -> None:
    out, _ = previewed
    statements = summary_of(out, "2026-04")["statements"]
    assert statements
    for statement in statements:
        for page in PdfReader(out / "2026-04" / statement["pdf"]).pages:
            assert "DRAFT" in page.extract_text()
    assert posted(out) == []
    assert published(out) == []
    assert period_record(out, "2026-04")["status"] == {"S": "OPEN"}
    assert period_record(out, "2026-04")["failure_error"] == {"S": "InvoicesNotFinal"}


def _values(node: object) -> list[object]:
    if isinstance(node, dict):
        return [value for member in node.values() for value in _values(member)]
    return [value for member in node for value in _values(member)] if isinstance(node, list) else [node]
