"""``python -m local validate``: what it writes is what counting the raw lines gives, line by line and without SQL."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from local.sample.month import write_month
from tests.e2e import command

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
NOT_USAGE = {"Tax", "Credit", "Refund", "RIFee", "SavingsPlanRecurringFee", "SavingsPlanUpfrontFee", "Fee"} | {
    "SavingsPlanNegation"
}
SUPPORT = ("AWSSupport", "AWSDeveloperSupport", "AWSPremiumSupport", "OCB")
COLUMNS = (
    "line_item_line_item_type",
    "line_item_product_code",
    "line_item_resource_id",
    "line_item_unblended_cost",
    "line_item_usage_account_id",
    "reservation_effective_cost",
    "resource_tags",
    "savings_plan_savings_plan_effective_cost",
    "split_line_item_parent_resource_id",
)
PLACES = Decimal("1e-10")


def money(value: Any) -> Decimal:
    """A cost of the bill with ten decimals, as a decimal of its double is cast."""
    return Decimal(str(value or 0)).quantize(PLACES, ROUND_HALF_UP)


def lines_of(folder: Path, period: str) -> list[dict[str, Any]]:
    """Every raw line of the files that the manifest lists."""
    [manifest] = (folder / "metadata" / f"BILLING_PERIOD={period}").glob("*-Manifest.json")
    uris = json.loads(manifest.read_text())["dataFiles"]
    files = [str(folder / f"data/BILLING_PERIOD={uri.rpartition('data/BILLING_PERIOD=')[2]}") for uri in uris]
    database = duckdb.connect()
    there = {str(row[0]) for file in files for row in rows_of(database, "select name from parquet_schema($1)", file)}
    columns = [column for column in COLUMNS if column in there]
    listed = ", ".join(columns)
    return [
        dict(zip(columns, row, strict=True))
        for file in files
        for row in rows_of(database, f"select {listed} from read_parquet($1)", file)
    ]


def rows_of(database: duckdb.DuckDBPyConnection, query: str, file: str) -> list[tuple[Any, ...]]:
    return database.execute(query, [file]).fetchall()


def is_taggable(line: dict[str, Any]) -> bool:
    kind, product = line["line_item_line_item_type"], line["line_item_product_code"] or ""
    usage = kind not in NOT_USAGE and not kind.endswith("Discount") and not product.startswith(SUPPORT)
    return bool(usage and line["line_item_resource_id"] and not line.get("split_line_item_parent_resource_id"))


def effective(line: dict[str, Any]) -> Decimal:
    match line["line_item_line_item_type"]:
        case "SavingsPlanCoveredUsage":
            return money(line["savings_plan_savings_plan_effective_cost"])
        case "DiscountedUsage":
            return money(line["reservation_effective_cost"])
    return money(line["line_item_unblended_cost"])


def counted(lines: list[dict[str, Any]], tags: list[str], owner: str) -> dict[str, dict[str, Any]]:
    """Per account: taggable and untagged cost, coverage of each tag by cost and by resources."""
    cost: dict[str, Decimal] = defaultdict(Decimal)
    tagged: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    resources: dict[str, set[str]] = defaultdict(set)
    carrying: dict[tuple[str, str], set[str]] = defaultdict(set)
    for line in filter(is_taggable, lines):
        account = line["line_item_usage_account_id"]
        values = dict(line["resource_tags"] or {})
        cost[account] += effective(line)
        resources[account].add(line["line_item_resource_id"])
        for tag in {*tags, owner}:
            if (values.get(f"user_{tag.lower().replace('-', '_')}") or "").strip():
                tagged[account, tag] += effective(line)
                carrying[account, tag].add(line["line_item_resource_id"])
    return {
        account: {
            "taggable_cost": whole,
            "untagged_cost": whole - tagged[account, owner],
            "coverage": {tag: part(tagged[account, tag], whole) for tag in tags},
            "resource_coverage": {
                tag: part(Decimal(len(carrying[account, tag])), Decimal(len(resources[account]))) for tag in tags
            },
        }
        for account, whole in cost.items()
    }


def part(tagged: Decimal, whole: Decimal) -> str:
    return f"{(tagged / whole).quantize(Decimal('0.0001'), ROUND_HALF_UP):f}" if whole > 0 else "1.0000"


def assert_counted_alike(folder: Path, policy: Path, period: str, out: Path) -> dict[str, Any]:
    """Validates, counts, compares account by account; returns what was written."""
    import yaml

    ended = command.run("validate", "--cur", folder, "--policy", policy, "--period", period, "--out", out)
    assert (ended.code, ended.err) == (0, [])
    written: dict[str, Any] = json.loads((out / "hygiene.json").read_text())
    tags = yaml.safe_load(policy.read_text())["tags"]
    expected = counted(lines_of(folder, period), tags["mandatory"], tags["owner"])
    found = {account["account_id"]: account for account in written["accounts"]}
    assert found.keys() == expected.keys()
    for account_id, wanted in expected.items():
        account = found[account_id]
        taggable, untagged = Decimal(account["taggable_cost"]), Decimal(account["untagged_cost"])
        assert (taggable, untagged) == (wanted["taggable_cost"], wanted["untagged_cost"]), account_id
        assert account["untagged_ratio"] == (part(untagged, taggable) if taggable > 0 else "0.0000")
        assert account["coverage"] == wanted["coverage"]
        assert account["resource_coverage"] == wanted["resource_coverage"]
    return written


def test_the_sample_organisation_is_measured_as_its_raw_lines_say(tmp_path: Path) -> None:
    write_month(tmp_path / "cur", "2026-05", line_items=4_000, seed=7)

    written = assert_counted_alike(tmp_path / "cur", REPOSITORY / "policy/meridian.yaml", "2026-05", tmp_path / "out")

    assert len(written["accounts"]) > 10
    assert any(account["unrecognized"] for account in written["accounts"])
    assert any(account["over_threshold"] for account in written["accounts"])
    costs = [Decimal(account["untagged_cost"]) for account in written["accounts"]]
    assert costs == sorted(costs, reverse=True)
    page = (tmp_path / "out" / "hygiene.html").read_text()
    assert all(account["account_id"] in page for account in written["accounts"])
    assert {unit["previous_month_to_date"] for unit in written["business_units"]} == {None}
    spent = sum(Decimal(unit["month_to_date"]) for unit in written["business_units"])
    assert spent + Decimal(written["shared_pool_cost"]) == Decimal(written["bill_cost"])


def test_the_next_month_stands_beside_the_one_before(tmp_path: Path) -> None:
    policy, out = REPOSITORY / "policy/meridian.yaml", tmp_path / "out"
    spent = []
    for period in ("2026-04", "2026-05"):
        write_month(tmp_path / "cur", period, line_items=2_000, seed=7)
        ended = command.run("validate", "--cur", tmp_path / "cur", "--policy", policy, "--period", period, "--out", out)
        assert ended.code == 0
        spent.append(json.loads((out / "hygiene.json").read_text())["business_units"])

    april, may = ({unit["business_unit"]: unit for unit in units} for units in spent)
    for name, unit in may.items():
        assert unit["previous_month_to_date"] == april[name]["month_to_date"]
        assert Decimal(unit["change"]) == Decimal(unit["month_to_date"]) - Decimal(april[name]["month_to_date"])


@pytest.mark.parametrize(("name", "period"), [("ha-project", "2026-04"), ("wa-labs", "2018-10")])
def test_a_real_month_is_measured_as_its_raw_lines_say(
    real_bills: Path, name: str, period: str, tmp_path: Path
) -> None:
    assert_counted_alike(real_bills / name, real_bills / "policies" / f"{name}.yaml", period, tmp_path / "out")
