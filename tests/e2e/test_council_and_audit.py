"""What a council decides with and an auditor asks for: what-if, explain, invoices, restatements, other currencies."""

from __future__ import annotations

import csv
import shutil
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pytest

from tests.e2e.bills import PERIOD, Bill, with_column
from tests.e2e.command import close, posted_by_cost_center, run, summary_of

pytestmark = pytest.mark.slow

REFUND = Decimal("123.45")


class Closed(NamedTuple):
    """A closed month: where it is, and its bill, which can be changed."""

    out: Path
    bill: Bill


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, bill: Bill, policy: Path) -> Closed:
    folder = tmp_path_factory.mktemp("closed")
    mine = bill.copy_to(folder / "cur")
    assert close(mine.folder, policy, PERIOD, folder / "out").code == 0
    return Closed(folder / "out", mine)


def variant(policy: Path, folder: Path, before: str, after: str) -> Path:
    """The ratified policy with one change, drivers beside it."""
    text = policy.read_text(encoding="utf-8")
    assert before in text
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(policy.with_name("headcount.csv"), folder)
    changed = folder / "changed.yaml"
    changed.write_text(text.replace(before, after), encoding="utf-8")
    return changed


def ledger(out: Path) -> list[tuple[int, str, str, Decimal]]:
    """Revision, billing period, charge period and cost of every entry that was published for the month."""
    files = f"{out}/{PERIOD}/ledger/*/*.parquet"
    query = (
        f"select revision, billing_period, charge_period, cost from read_parquet('{files}', hive_partitioning=false)"
    )
    return duckdb.sql(query).fetchall()


def test_a_changed_policy_moves_cost_between_cost_centers_and_none_is_lost(
    closed: Closed, policy: Path, tmp_path: Path
) -> None:
    support = "{id: support, name: AWS Enterprise Support, split: {method: %s}}"
    proposed = variant(policy, tmp_path, support % "proportional", support % "even")
    cur = ("--cur", closed.bill.folder, "--ratified", policy)

    ended = run("what-if", *cur, "--policy", proposed, "--period", PERIOD, "--out", tmp_path / "out")

    assert ended.code == 0
    with (tmp_path / "out" / "what-if" / f"{PERIOD}-changed.csv").open() as file:
        rows = list(csv.DictReader(file))
    ratified = {row["cost_center"]: row["ratified_total"] for row in rows}
    as_closed = {center["cost_center"]: center["total"] for center in summary_of(closed.out, PERIOD)["cost_centers"]}
    assert ratified == as_closed
    assert sum(Decimal(row["difference"]) for row in rows) == 0
    assert any(Decimal(row["difference"]) for row in rows)
    assert all(row["ratified_direct"] == row["proposed_direct"] for row in rows)
    assert posted_by_cost_center(tmp_path / "out") == {}


def test_the_line_items_behind_a_service_add_up_to_its_ledger_entries(closed: Closed) -> None:
    ended = run("explain", "--out", closed.out, "--cost-center", "CC-1001", "--service", "AmazonRDS")

    assert ended.code == 0
    with (closed.out / PERIOD / "explain" / "CC-1001-AmazonRDS.csv").open() as file:
        items = list(csv.DictReader(file))
    [entries] = [line.split() for line in ended.out if line.strip().startswith("sum ") and "of" not in line]
    assert sum(Decimal(item["exact_cost"]) for item in items) == Decimal(entries[1])
    assert all(item["identity_line_item_id"] and item["identity_time_interval"] for item in items)
    assert all(item["data_file"].endswith(".parquet") and item["version_id"] for item in items)


def test_a_share_of_a_pool_is_explained_down_to_the_pools_line_items(closed: Closed) -> None:
    ended = run("explain", "--out", closed.out, "--cost-center", "CC-1001", "--pool", "support")

    assert ended.code == 0
    [share] = [
        center["by_pool"]["support"]
        for center in summary_of(closed.out, PERIOD)["cost_centers"]
        if center["cost_center"] == "CC-1001"
    ]
    assert f"{Decimal(share):,f}" in ended.out[0]
    with (closed.out / PERIOD / "explain" / "pool-support.csv").open() as file:
        items = list(csv.DictReader(file))
    pool = sum(Decimal(item["exact_cost"]) for item in items)
    assert abs(pool - Decimal(summary_of(closed.out, PERIOD)["pools"]["support"])) < Decimal("0.01") * len(items)
    assert {item["service_name"] for item in items} == {"AWSSupportEnterprise"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--cost-center", "CC-404"), "has no entry"),
        (("--cost-center", "CC-1001", "--service", "AmazonNothing"), "no direct cost"),
        (("--cost-center", "CC-1001", "--pool", "nothing"), "no share"),
        (("--cost-center", "CC-1001", "--period", "2020-01"), "is not closed there"),
    ],
)
def test_what_cannot_be_explained_is_said_in_one_line(closed: Closed, arguments: tuple[str, ...], says: str) -> None:
    ended = run("explain", "--out", closed.out, *arguments)

    assert ended.code == 2
    [line] = ended.err
    assert says in line


def invoice_file(folder: Path, summary: dict[str, object], off_by: str) -> Path:
    """AWS's invoices as the control totals have them, the first off by some cents."""
    rows = ["billing_account_id,invoice_id,billing_currency,total"]
    totals = summary["control_totals"]
    assert isinstance(totals, list)
    for number, invoice in enumerate(totals):
        amount = Decimal(invoice["billed_cost"]) + (Decimal(off_by) if number == 0 else 0)
        rows.append(f"{invoice['billing_account_id']},{invoice['invoice_id']},USD,{amount}")
    file = folder / "invoices.csv"
    file.write_text("\n".join(rows) + "\n")
    return file


def test_an_invoice_within_the_tolerance_becomes_one_ledger_entry(closed: Closed, policy: Path, tmp_path: Path) -> None:
    tolerant = variant(policy, tmp_path, "schema_version: 1\n", 'schema_version: 1\ninvoice_tolerance: "0.05"\n')
    invoices = invoice_file(tmp_path, summary_of(closed.out, PERIOD), off_by="0.02")
    out = tmp_path / "out"

    ended = close(closed.bill.folder, tolerant, PERIOD, out, "--invoices", str(invoices))

    assert (ended.code, ended.err) == (0, [])
    summary = summary_of(out, PERIOD)
    assert summary["delta"] == "0.00"
    assert Decimal(summary["billed_cost"]) - Decimal(summary_of(closed.out, PERIOD)["billed_cost"]) == Decimal("0.02")
    rounding = f"select sum(cost), count(*) from read_parquet('{out}/{PERIOD}/ledger/*/*.parquet') where "
    assert duckdb.sql(rounding + "charge_class = 'invoice_rounding'").fetchall() == [(Decimal("0.02"), 1)]


def test_an_invoice_beyond_the_tolerance_fails_the_close_with_both_numbers(
    closed: Closed, policy: Path, tmp_path: Path
) -> None:
    first = summary_of(closed.out, PERIOD)["control_totals"][0]["billed_cost"]
    invoices = invoice_file(tmp_path, summary_of(closed.out, PERIOD), off_by="-7.00")

    ended = close(closed.bill.folder, policy, PERIOD, tmp_path / "out", "--invoices", str(invoices))

    assert ended.code == 4
    [line] = ended.err
    assert first in line
    assert f"{Decimal(first) - 7}" in line
    assert posted_by_cost_center(tmp_path / "out") == {}


def test_a_restated_month_gets_a_revision_that_holds_the_differences_only(
    bill: Bill, policy: Path, tmp_path: Path
) -> None:
    mine, out = bill.copy_to(tmp_path / "cur"), tmp_path / "out"
    close(mine.folder, policy, PERIOD, out)
    first = summary_of(out, PERIOD)
    mine.edit_lines(with_a_refund, files=slice(0, 1))

    ended = close(mine.folder, policy, PERIOD, out)

    assert (ended.code, ended.err) == (0, [])
    second = summary_of(out, PERIOD)
    assert (second["revision"], second["delta"], second["revision_cost"]) == (2, "0.00", str(-REFUND))
    assert Decimal(second["billed_cost"]) == Decimal(first["billed_cost"]) - REFUND
    entries = ledger(out)
    assert sum(cost for *_, cost in entries) == Decimal(second["billed_cost"])
    assert {(charged, booked == second["booked_in"]) for n, booked, charged, _ in entries if n == 2} == {(PERIOD, True)}
    assert sum(cost for n, *_, cost in entries if n == 2) == -REFUND
    assert sum(posted_by_cost_center(out).values()) == Decimal(second["billed_cost"])
    assert close(mine.folder, policy, PERIOD, out).code == 0
    assert summary_of(out, PERIOD)["revision"] == 2


def test_a_bill_in_another_currency_has_a_ledger_in_that_currency(bill: Bill, policy: Path, tmp_path: Path) -> None:
    mine, out = bill.copy_to(tmp_path / "cur"), tmp_path / "out"
    mine.edit_lines(with_column("line_item_currency_code", "EUR"))
    in_euro = variant(policy, tmp_path, "billing_currency: USD", "billing_currency: EUR")

    assert close(mine.folder, policy, PERIOD, out).code == 2
    assert close(mine.folder, in_euro, PERIOD, out).code == 0
    assert summary_of(out, PERIOD)["billing_currency"] == "EUR"
    query = f"select distinct billing_currency from read_parquet('{out}/{PERIOD}/ledger/*/*.parquet')"
    assert duckdb.sql(query).fetchall() == [("EUR",)]


def with_a_refund(table: pa.Table) -> pa.Table:
    """The same lines, but that AWS takes something back of the first usage line that costs more."""
    costs = table.column("line_item_unblended_cost").to_pylist()
    kinds = table.column("line_item_line_item_type").to_pylist()
    line = next(n for n, (kind, cost) in enumerate(zip(kinds, costs, strict=True)) if kind == "Usage" and cost > 500)
    costs[line] -= float(REFUND)
    index = table.schema.get_field_index("line_item_unblended_cost")
    return table.set_column(index, table.schema.field(index), pa.array(costs, pa.float64()))
