"""A policy compiled for a billing period: what the allocation SQL will join to the bill."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from functions.shared.periods import BillingPeriod
from functions.shared.policy import compile_policy, load_policy
from functions.shared.policy.compile import weight_micros
from functions.shared.policy.tables import ROW_TYPES, table_columns
from tests.unit.shared.policy_sample import compiled, defects_of, put

REAL_BILLS = Path(os.environ.get("REAL_BILLS", Path(__file__).parents[4] / "shared" / "data"))
JUNE_2026 = BillingPeriod(2026, 6)
HEADER = "billing_period,cost_center,value\n"


def _recipients(policy: Any, pool: str) -> dict[str, str]:
    rows = [row for row in policy.policy_pool_recipients if row.pool_id == pool]
    return {f"{row.recipient_kind}:{row.recipient_id}": row.weight_micros for row in rows}


def test_each_charge_class_has_its_target() -> None:
    rows = compiled().policy_classes
    assert len(rows) == 9
    assert ("usage", "owner", "") in rows
    assert ("tax", "pool", "untaggable") in rows
    assert ("commitment_bridge", "cost_center", "CC-9000") in rows


def test_rules_keep_the_order_of_the_file_and_count_their_keys() -> None:
    match = {"service": ["AWSGlue"], "tag": {"Team": [" Data "], "environment": ["PROD", "prod"]}}
    policy = compiled(put("rules.1", {"id": "glue", "match": match, "to": {"owner": True}}))
    assert policy.policy_rules == (
        (1, "shared-logging", "pool", "logging", 1),
        (2, "glue", "owner", "", 3),
    )
    assert policy.policy_tags == ("cost-center", "environment", "Team")
    assert policy.policy_rule_terms == (
        (1, "account", 0, "999988887777"),
        (2, "service", 0, "AWSGlue"),
        (2, "tag:Team", 3, "data"),
        (2, "tag:environment", 2, "prod"),
    )


def test_every_match_key_becomes_terms_and_the_counts_agree_with_them() -> None:
    match = {
        "account": ["111122223333", "222233334444"],
        "service": ["AmazonEC2"],
        "line_item_type": ["Usage"],
        "operation": ["RunInstances"],
        "charge_class": ["usage", "fee"],
        "usage_type_prefix": ["USE1-"],
        "tag": {"team": ["x"]},
    }
    policy = compiled(put("rules", [{"id": "all", "match": match, "to": {"owner": True}}]))
    keys = {term.match_key for term in policy.policy_rule_terms}
    assert keys == {*match, "tag:team"} - {"tag"}
    assert policy.policy_rules[0].key_count == len(keys)
    assert len(policy.policy_rule_terms) == 9


def test_the_fold_is_told_which_columns_rules_ask_for() -> None:
    assert (compiled().matches_operation, compiled().matches_usage_type) == (False, False)
    assert compiled(put("rules.0.match", {"operation": ["x"]})).matches_operation
    assert compiled(put("rules.0.match", {"usage_type_prefix": ["x"]})).matches_usage_type


def test_owner_values_are_the_normalised_spellings_of_the_period() -> None:
    changes = [
        put("cost_centers.0.aliases", ["CC 1001", " cc-1001", "Adjudication "]),
        put("cost_centers.1.valid_from", "2026-06"),
    ]
    values = compiled(*changes, drivers={"headcount.csv": HEADER + "2026-05,CC-1001,1\n"}).policy_owner_values
    assert values == (
        ("cc-1001", "CC-1001"),
        ("cc 1001", "CC-1001"),
        ("adjudication", "CC-1001"),
        ("cc-9000", "CC-9000"),
    )


def test_a_cost_center_that_moved_belongs_to_the_business_unit_of_the_month() -> None:
    moved = {"id": "CC-1002", "name": "Payments", "business_unit": "finance", "valid_from": "2026-06"}
    changes = [put("cost_centers.1.valid_to", "2026-05"), put("cost_centers.3", moved)]
    rows = {"headcount.csv": HEADER + "2026-05,CC-1002,1\n2026-06,CC-1002,1\n"}
    units = [
        {
            row.cost_center: row.business_unit_name
            for row in compiled(*changes, period=month, drivers=rows).policy_cost_centers
        }
        for month in (BillingPeriod(2026, 5), JUNE_2026)
    ]
    assert [unit["CC-1002"] for unit in units] == ["Claims Processing", "Finance"]
    assert units[0].keys() == units[1].keys() == {"CC-1001", "CC-1002", "CC-9000"}


def test_an_account_whose_owner_has_ended_has_no_default_owner() -> None:
    changes = [put("accounts.1.cost_center", "CC-1002"), put("cost_centers.1.valid_to", "2026-05")]
    rows = {"headcount.csv": HEADER + "2026-05,CC-1002,1\n2026-06,CC-1001,1\n"}
    owners = [
        [row.cost_center for row in compiled(*changes, period=month, drivers=rows).policy_accounts]
        for month in (BillingPeriod(2026, 5), JUNE_2026)
    ]
    assert owners == [["CC-1001", "CC-1002"], ["CC-1001", ""]]


def test_a_pool_comes_before_the_pools_it_feeds() -> None:
    def pool(name: str, **shares: str) -> dict[str, Any]:
        written = {key.replace("_", ":"): value for key, value in shares.items()}
        return {"id": name, "name": name, "split": {"method": "fixed", "shares": written}}

    pools = [pool("base", **{"CC-1001": "1"}), pool("net", pool_base="1"), pool("top", pool_net="0.5", pool_base="0.5")]
    policy = compiled(lambda document: document["pools"].extend(pools))
    levels = {row.pool_id: row.pool_level for row in policy.policy_pools}
    assert levels == {
        "support": 1, "logging": 0, "untagged": 0, "untaggable": 0, "unrecognized": 0, "base": 2, "net": 1, "top": 0,
    }  # fmt: skip
    assert policy.pool_levels == [0, 1, 2]


def test_weights_of_each_method() -> None:
    policy = compiled()
    assert _recipients(policy, "support") == {"cost_center:CC-1001": "120000000", "cost_center:CC-1002": "80500000"}
    assert _recipients(policy, "logging") == {"cost_center:CC-1001": "700000", "pool:support": "300000"}
    everyone = ["cost_center:CC-1001", "cost_center:CC-1002", "cost_center:CC-9000"]
    assert _recipients(policy, "untagged") == dict.fromkeys(everyone, "")
    assert _recipients(policy, "untaggable") == dict.fromkeys(everyone, "1000000")


@pytest.mark.parametrize("index", [0, 2, 3])
def test_among_restricts_the_recipients_of_driver_proportional_and_even(index: int) -> None:
    policy = compiled(put(f"pools.{index}.split.among", ["CC-1002"]))
    assert list(_recipients(policy, policy.policy_pools[index].pool_id)) == ["cost_center:CC-1002"]


def test_a_cost_center_that_is_not_valid_receives_no_even_or_proportional_share() -> None:
    rows = {"headcount.csv": HEADER + "2026-05,CC-1001,1\n2026-05,CC-1002,0\n"}
    policy = compiled(put("cost_centers.1.valid_from", "2026-06"), drivers=rows)
    for pool in ("untagged", "untaggable", "support"):
        assert "cost_center:CC-1002" not in _recipients(policy, pool)


@pytest.mark.parametrize(
    ("weight", "micros"),
    [
        ("1", "1000000"),
        ("0", "0"),
        ("0.0000005", "1"),
        ("0.0000004999", "0"),
        ("0.3333335", "333334"),
        ("0.3333334999", "333333"),
        ("123456789012.1234565", "123456789012123457"),
        ("999999999999.999999999999", "1000000000000000000"),
    ],
)
def test_weights_are_rounded_half_away_from_zero_to_millionths(weight: str, micros: str) -> None:
    assert weight_micros(Decimal(weight)) == micros


def test_a_driver_without_a_row_for_the_period_is_an_error_that_names_both() -> None:
    (defect,) = defects_of(lambda: compiled(period=BillingPeriod(2026, 7)))
    assert str(defect) == "drivers.headcount: driver headcount has no row for 2026-07"


def test_a_driver_that_no_pool_uses_may_lack_a_row() -> None:
    unused = put("pools.0.split", {"method": "even"})
    assert defects_of(lambda: compiled(unused, period=BillingPeriod(2026, 7))) == []


def test_receivers_that_are_not_valid_in_the_period_are_all_named() -> None:
    changes = [
        put("cost_centers.0.valid_to", "2026-05"),
        put("cost_centers.2.valid_to", "2026-05"),
        put("rules.0.to", {"cost_center": "CC-1001"}),
    ]
    rows = {"headcount.csv": HEADER + "2026-06,CC-1002,1\n"}
    found = defects_of(lambda: compiled(*changes, period=JUNE_2026, drivers=rows))
    assert [str(defect) for defect in found] == [
        "charge_classes.commitment_bridge.cost_center: CC-9000 is not valid in 2026-06",
        "rules[0].to.cost_center: rule shared-logging gives to CC-1001, which is not valid in 2026-06",
        "pools[1].split.shares.CC-1001: CC-1001 is not valid in 2026-06",
        "defaults.unowned_cost_center: CC-9000 is not valid in 2026-06",
    ]


def test_what_the_rendering_of_sql_asks_for() -> None:
    policy = compiled(put("cost_basis", "billed"), put("invoice_tolerance", "0.05"))
    assert (policy.billing_currency, policy.cost_basis, policy.unowned_cost_center) == ("USD", "billed", "CC-9000")
    assert (policy.owner_tag, policy.mandatory_tags) == ("cost-center", ("cost-center", "environment"))
    assert (policy.untagged_threshold, policy.invoice_tolerance) == (Decimal("0.05"), Decimal("0.05"))
    assert policy.billing_period == BillingPeriod(2026, 5)


def test_tables_are_json_lines_with_exactly_their_columns() -> None:
    contents = compiled(put("cost_centers.0.name", "Santé")).json_lines()
    assert contents.keys() == ROW_TYPES.keys()
    for table, content in contents.items():
        for line in content.splitlines():
            row = json.loads(line)
            kinds = {column: "int" if isinstance(value, int) else "string" for column, value in row.items()}
            assert kinds == table_columns(table)
    assert '"Santé"' in contents["policy_cost_centers"]
    assert compiled(put("rules", [])).json_lines()["policy_rules"] == ""


def test_compiling_twice_gives_the_same_bytes() -> None:
    assert compiled().json_lines() == compiled().json_lines()


@pytest.mark.parametrize(("name", "period"), [("ha-project.yaml", "2026-04"), ("wa-labs.yaml", "2018-10")])
def test_the_policies_for_real_bills_load_and_compile(name: str, period: str) -> None:
    file = REAL_BILLS / "policies" / name
    if not file.exists():
        pytest.skip(f"no {file}: set REAL_BILLS to the folder with the real bills")
    policy = compile_policy(load_policy(file.read_text(encoding="utf-8"), {}, name=name), BillingPeriod.parse(period))
    assert policy.pool_levels == [0]
    known = {row.cost_center for row in policy.policy_cost_centers}
    assert policy.unowned_cost_center in known
    assert {row.recipient_id for row in policy.policy_pool_recipients} <= known
    pools = {row.pool_id for row in policy.policy_pools}
    assert {row.target_id for row in policy.policy_classes if row.target_kind == "pool"} <= pools
