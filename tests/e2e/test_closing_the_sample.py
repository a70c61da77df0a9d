"""The sample organisation's months close to what its generator says, once, whatever the layout or the policy."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pypdf import PdfReader

from tests.e2e.bills import LINE_ITEMS, PERIOD, Bill
from tests.e2e.command import Ended, close, posted_by_cost_center, run, summary_of

pytestmark = pytest.mark.slow

MONTHS = ("2026-03", "2026-04", "2026-05")


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """Three months, closed with no options but a small size."""
    out = tmp_path_factory.mktemp("sample") / "out"
    return out, run("close", "--line-items", str(LINE_ITEMS), "--out", out)


@pytest.mark.parametrize("month", MONTHS)
def test_every_invoice_equals_what_the_generator_added_up(closed: tuple[Path, Ended], month: str) -> None:
    out, ended = closed
    assert (ended.code, ended.err) == (0, [])
    truth = json.loads((out / f"sample-cur-{LINE_ITEMS}/truth/BILLING_PERIOD={month}/invoices.json").read_text())
    summary = summary_of(out, month)
    assert summary["billed_cost"] == summary["allocated_cost"] == truth["billed_cost"]
    assert summary["line_items"] == truth["rows"] == LINE_ITEMS
    assert [(total["invoice_id"], total["billed_cost"]) for total in summary["control_totals"]] == [
        (total["invoice_id"], total["billed_cost"]) for total in truth["control_totals"]
    ]
    assert sum(Decimal(center["total"]) for center in summary["cost_centers"]) == Decimal(truth["billed_cost"])


def test_the_run_ends_with_how_well_the_newest_month_is_tagged(closed: tuple[Path, Ended]) -> None:
    out, ended = closed
    written = json.loads((out / "hygiene.json").read_text())
    assert (written["billing_period"], len(written["accounts"])) == (MONTHS[-1], 40)
    billed = Decimal(summary_of(out, MONTHS[-1])["billed_cost"])
    assert abs(Decimal(written["bill_cost"]) - billed) < Decimal("0.05"), "unrounded lines against rounded invoices"
    assert "<title>Tag hygiene, May 2026</title>" in (out / "hygiene.html").read_text()
    assert ended.out[-1] == f"  hygiene     {out / 'hygiene.html'}  (of {MONTHS[-1]})"


def test_the_books_hold_three_months(closed: tuple[Path, Ended]) -> None:
    out, _ = closed
    owed: dict[str, Decimal] = {}
    for month in MONTHS:
        for center in summary_of(out, month)["cost_centers"]:
            owed[center["cost_center"]] = owed.get(center["cost_center"], Decimal(0)) + Decimal(center["total"])
    assert posted_by_cost_center(out) == {center: amount for center, amount in owed.items() if amount}


def test_the_third_months_statements_show_the_trend(closed: tuple[Path, Ended]) -> None:
    out, _ = closed
    statement = next(s for s in summary_of(out, "2026-05")["statements"] if s["business_unit"] == "claims")
    text = " ".join(page.extract_text() for page in PdfReader(out / "2026-05" / statement["pdf"]).pages)
    for month in ("Mar", "Apr", "May"):
        assert month in text
    before = next(s for s in summary_of(out, "2026-04")["statements"] if s["business_unit"] == "claims")
    assert f"{Decimal(before['total']):,.2f}" in text


def test_closed_months_are_not_closed_again_and_nothing_is_touched(closed: tuple[Path, Ended]) -> None:
    out, _ = closed
    files = [path for month in MONTHS for path in sorted((out / month).rglob("*")) if path.is_file()]
    before = [(path, path.stat().st_mtime_ns, path.read_bytes()) for path in files]
    booked = posted_by_cost_center(out)
    ended = run("close", "--line-items", str(LINE_ITEMS), "--out", out)
    assert (ended.code, ended.err) == (0, [])
    assert [line for line in ended.out if "CLOSED" in line] == [
        f"{month}  CLOSED already (revision 1), nothing to do: {out}/{month}" for month in MONTHS
    ]
    assert [(path, path.stat().st_mtime_ns, path.read_bytes()) for path, _, _ in before] == before
    assert {path for month in MONTHS for path in (out / month).rglob("*") if path.is_file()} == set(files)
    assert posted_by_cost_center(out) == booked


def test_a_closed_month_whose_copies_were_lost_is_copied_out_again(closed: tuple[Path, Ended]) -> None:
    out, _ = closed
    summary = (out / "2026-03" / "summary.json").read_bytes()
    names = {path.relative_to(out) for path in (out / "2026-03").rglob("*")}
    (out / "2026-03").rename(out / "lost")
    ended = run("close", "--period", "2026-03", "--line-items", str(LINE_ITEMS), "--out", out)
    assert (ended.code, ended.err) == (0, [])
    assert (out / "2026-03" / "summary.json").read_bytes() == summary
    assert {path.relative_to(out) for path in (out / "2026-03").rglob("*")} == names


@pytest.fixture(scope="module")
def proposal(tmp_path_factory: pytest.TempPathFactory, policy: Path) -> Path:
    """The ratified policy, with security split by other people's headcount."""
    folder = tmp_path_factory.mktemp("proposal")
    text = policy.read_text().replace("{file: headcount.csv}", "{file: drivers/desks.csv}")
    (folder / "policy.yaml").write_text(text)
    rows = (policy.parent / "headcount.csv").read_text().splitlines()
    (folder / "drivers").mkdir()
    desks = [rows[0], *(f"{row.rpartition(',')[0]},{number % 7 + 1}" for number, row in enumerate(rows[1:]))]
    (folder / "drivers" / "desks.csv").write_text("\n".join(desks) + "\n")
    return folder / "policy.yaml"


def test_an_export_that_keeps_every_delivery_closes_on_its_last_one_with_another_policy(
    bill: Bill, proposal: Path, closed: tuple[Path, Ended], tmp_path: Path
) -> None:
    kept = bill.copy_to(tmp_path / "cur")
    kept.as_created_new(executions=2)
    ended = close(kept.folder, proposal, PERIOD, tmp_path / "out")
    assert (ended.code, ended.err) == (0, [])
    summary = summary_of(tmp_path / "out", PERIOD)
    truth = json.loads((bill.folder / f"truth/BILLING_PERIOD={PERIOD}/invoices.json").read_text())
    assert (summary["billed_cost"], summary["delta"]) == (truth["billed_cost"], "0.00")
    assert summary["line_items"] == truth["rows"]
    ratified = _shares(summary_of(closed[0], PERIOD), "security")
    proposed = _shares(summary, "security")
    desks = (proposal.parent / "drivers" / "desks.csv").read_text().splitlines()
    of_month = {row.split(",")[1]: int(row.split(",")[2]) for row in desks if row.startswith(PERIOD)}
    assert set(proposed) == set(of_month)
    assert set(ratified) == set(proposed)
    everything = sum(proposed.values())
    for center, share in proposed.items():  # each invoice is rounded by itself
        cents = share - everything * of_month[center] / sum(of_month.values())
        assert abs(cents) <= len(truth["control_totals"]) * Decimal("0.01")
    assert proposed != ratified
    files = list((tmp_path / "out" / PERIOD).glob("ledger/billing_period=*/*.parquet"))
    assert sum(sum(pq.ParquetFile(f).read()["cost"].to_pylist()) for f in files) == Decimal(truth["billed_cost"])


def _shares(summary: dict[str, list[dict[str, dict[str, str]]]], pool: str) -> dict[str, Decimal]:
    centers = summary["cost_centers"]
    return {str(c["cost_center"]): Decimal(c["by_pool"][pool]) for c in centers if pool in c["by_pool"]}
