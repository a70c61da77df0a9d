"""A statement is disputed: the ledger it stands on stays as it is, and the next month carries an adjustment."""

from __future__ import annotations

import csv
import hashlib
import shutil
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest
from pypdf import PdfReader

from tests.e2e.bills import Bill
from tests.e2e.command import Ended, close, run, summary_of

pytestmark = pytest.mark.slow

DISPUTED, OPEN = "2026-04", "2026-05"
REASON = "The build farm serves the member portal"
ADJUSTMENT = f"""
adjustments:
  - id: ADJ-2026-001
    billing_period: {OPEN}
    from_cost_center: CC-1001
    to_cost_center: CC-1101
    amount: "250.00"
    reason: {REASON}
    settles: claims {DISPUTED} r1
"""


class Settled(NamedTuple):
    """Two closed months, the second of them with the adjustment, and the hashes of the first as it was closed."""

    out: Path
    before: dict[str, str]
    responses: list[Ended]


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory, bill: Bill, policy: Path) -> Settled:
    folder = tmp_path_factory.mktemp("settled")
    out = folder / "out"
    assert close(Bill.write(folder / "cur", DISPUTED).folder, policy, DISPUTED, out).code == 0
    before = hashes(out / DISPUTED)
    statement = ("--period", DISPUTED, "--business-unit", "claims", "--out", out, "--reason", REASON)
    disputed = run("respond", "dispute", *statement, "--by", "the head of claims")

    shutil.copy(policy.with_name("headcount.csv"), folder)
    amended = folder / "policy.yaml"
    amended.write_text(policy.read_text(encoding="utf-8") + ADJUSTMENT, encoding="utf-8")
    assert close(bill.folder, amended, OPEN, out).code == 0
    done = run("respond", "settle", *statement, "--by", "the controller", "--adjustment", "ADJ-2026-001")
    return Settled(out, before, [disputed, done])


def adjusted_rows(out: Path, business_unit: str) -> list[dict[str, str]]:
    with (out / OPEN / "statements" / f"{business_unit}-{OPEN}-r1.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["charge_class"] == "adjustment"]


def test_a_dispute_is_settled_by_the_adjustment_of_the_next_month(settled: Settled) -> None:
    disputed, done = settled.responses

    assert (disputed.code, disputed.out[-1].rpartition(": ")[2]) == (0, "DISPUTED")
    assert (done.code, done.out[-1].rpartition(": ")[2]) == (0, "SETTLED")


def test_the_disputed_month_is_byte_for_byte_what_it_was(settled: Settled) -> None:
    after = hashes(settled.out / DISPUTED)

    assert any(name.startswith("ledger/") for name in after)
    assert after == settled.before


def test_both_statements_of_the_open_month_show_the_adjustment_and_why(settled: Settled) -> None:
    for unit, center, cost in (("claims", "CC-1001", "-250.00"), ("member-services", "CC-1101", "250.00")):
        [row] = adjusted_rows(settled.out, unit)
        assert (row["cost_center"], row["cost"], row["rule_id"]) == (center, cost, "adjustment:ADJ-2026-001")
        assert row["adjustment_reason"] == REASON
        pages = PdfReader(settled.out / OPEN / "statements" / f"{unit}-{OPEN}-r1.pdf").pages
        printed = " ".join(" ".join(page.extract_text() for page in pages).split())
        assert "ADJ-2026-001" in printed
        assert f"settles claims {DISPUTED} r1" in printed


def test_an_adjustment_moves_cost_and_adds_none(settled: Settled) -> None:
    summary = summary_of(settled.out, OPEN)

    assert summary["delta"] == "0.00"
    assert all(total["billed_cost"] == total["allocated_cost"] for total in summary["control_totals"])
    rows = [row for unit in ("claims", "member-services") for row in adjusted_rows(settled.out, unit)]
    assert sum(Decimal(row["cost"]) for row in rows) == 0
    assert len({row["invoice_id"] for row in rows}) == 1


def test_explain_says_what_was_moved_and_why(settled: Settled) -> None:
    ended = run("explain", "--out", settled.out, "--period", OPEN, "--cost-center", "CC-1101")

    assert ended.code == 0
    [shown] = [line for line in ended.out if "ADJ-2026-001" in line]
    assert "250.00" in shown
    assert shown.endswith(f"CC-1001 to CC-1101: {REASON} (settles claims {DISPUTED} r1)")


def test_the_adjusted_month_verifies(settled: Settled) -> None:
    assert run("verify", settled.out / OPEN).code == 0
