"""What is measured is exact: ratios by whole numbers, the worst first, and a name for every value that names nobody."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from functions.measure_hygiene.logic import (
    coverage,
    is_open_month,
    is_over,
    measure_hygiene,
    plotted,
    plotted_coverage,
    ratio,
    summarize,
)
from functions.measure_hygiene.model import AccountHygiene, Hygiene
from functions.measure_hygiene.rows import read_measures
from functions.prepare_statements.payload import ItemsReference
from functions.shared import run_files
from tests.unit.function_bench import FunctionBench
from tests.unit.run_samples import RUN_ID, policy_of_run
from tests.unit.validation_samples import checked, make_hygiene_table

CLAIMS, SANDBOX = "111122223333", "222233334444"
ROWS: dict[str, list[dict[str, str]]] = {
    "v020_untagged_cost": [
        dict(
            zip(
                ("sub_account_id", "service_name", "taggable_cost", "untagged_cost", "resources", "untagged_resources"),
                row,
                strict=True,
            )
        )
        for row in (
            (CLAIMS, "EC2", "300.0000000000", "10.0000000000", "3", "1"),
            (CLAIMS, "S3", "100.0000000000", "0.0000000000", "1", "0"),
            (SANDBOX, "EC2", "60.0000000000", "20.0000000001", "2", "1"),
        )
    ],
    "v030_tag_coverage": [
        dict(
            zip(
                ("sub_account_id", "tag_position", "taggable_cost", "tagged_cost", "resources", "tagged_resources"),
                row,
                strict=True,
            )
        )
        for row in (
            (CLAIMS, "1", "400.0000000000", "390.0000000000", "4", "3"),
            (CLAIMS, "2", "400.0000000000", "0.0000000000", "4", "0"),
            (SANDBOX, "1", "60.0000000000", "39.9999999999", "2", "1"),
            (SANDBOX, "2", "60.0000000000", "60.0000000000", "2", "2"),
        )
    ],
    "v040_owner_tag_values": [
        dict(zip(("sub_account_id", "owner_tag", "exact_cost", "resources"), row, strict=True))
        for row in (
            (CLAIMS, " cc 1001 ", "100.0000000000", "1"),
            (CLAIMS, "CC-1O01", "5.0000000000", "1"),
            (CLAIMS, "nobody", "50.0000000000", "2"),
        )
    ],
    "v050_costly_untagged": [
        {
            "sub_account_id": CLAIMS,
            "cost_rank": "1",
            "resource_id": "i-1",
            "service_name": "EC2",
            "exact_cost": "10.0000000000",
        },
    ],
    "v060_owner_costs": [
        {"owner_kind": "cost_center", "owner_id": "CC-1001", "exact_cost": "300.0000000000"},
        {"owner_kind": "pool", "owner_id": "support", "exact_cost": "90.0000000000"},
        {"owner_kind": "pool", "owner_id": "untagged", "exact_cost": "10.0000000000"},
    ],
}


def measured() -> Hygiene:
    return measure_hygiene(checked(), policy_of_run(), read_measures(ROWS), {})


def account(account_id: str) -> AccountHygiene:
    return next(each for each in measured().accounts if each.account_id == account_id)


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        ("0.05", "1", "0.0500"),
        ("1", "3", "0.3333"),
        ("2", "3", "0.6667"),
        ("0.00005", "1", "0.0001"),
        ("0.00004999", "1", "0.0000"),
        ("-0.5", "1", "-0.5000"),
        ("-0.00001", "1", "0.0000"),
        ("1", "1", "1.0000"),
        ("5", "0", "0.0000"),
        ("5", "-1", "0.0000"),
        ("12345678901234567890.0000000001", "12345678901234567890.0000000002", "1.0000"),
    ],
)
def test_a_ratio_has_four_decimals_rounded_half_away_from_zero(part: str, whole: str, shown: str) -> None:
    assert ratio(Decimal(part), Decimal(whole)) == shown


def test_what_has_nothing_to_tag_is_covered() -> None:
    assert coverage(Decimal(0), Decimal(0)) == "1.0000"


def test_a_ratio_just_above_the_threshold_is_over_it_however_it_is_shown() -> None:
    threshold = Decimal("0.05")

    assert not is_over(Decimal(5), Decimal(100), threshold)
    assert is_over(Decimal("5.0000000001"), Decimal(100), threshold)
    assert not is_over(Decimal(0), Decimal(0), Decimal(0))


def test_the_account_with_most_untagged_cost_is_first() -> None:
    assert [each.account_id for each in measured().accounts] == [SANDBOX, CLAIMS]


def test_an_account_is_the_sum_of_its_services() -> None:
    claims = account(CLAIMS)

    assert (claims.taggable_cost, claims.untagged_cost) == (Decimal(400), Decimal(10))
    assert (claims.untagged_ratio, claims.over_threshold) == ("0.0250", False)
    assert (claims.account_name, claims.owner) == ("claims-prod", "CC-1001")
    assert (account(SANDBOX).owner, account(SANDBOX).over_threshold) == ("", True)


def test_coverage_is_by_tag_and_counts_cost_and_resources_apart() -> None:
    assert account(CLAIMS).coverage == {"cost-center": "0.9750", "environment": "0.0000"}
    assert account(CLAIMS).resource_coverage == {"cost-center": "0.7500", "environment": "0.0000"}


def test_a_value_that_names_nobody_is_listed_with_what_was_likely_meant() -> None:
    found = [(each.value, each.closest) for each in account(CLAIMS).unrecognized]

    assert found == [("nobody", ""), ("CC-1O01", "CC-1001")]


def test_shared_pools_are_a_share_of_the_bill() -> None:
    hygiene = measured()

    assert (hygiene.bill_cost, hygiene.shared_pool_cost) == (Decimal(400), Decimal(100))
    assert hygiene.shared_pool_share == "0.2500"
    tickets = ItemsReference(bucket="work", key="runs/1/ticket_items.json", count=2)
    assert summarize(hygiene, tickets).model_dump() == {
        "accounts": 2,
        "accounts_over_threshold": 1,
        "untagged_ratio": "0.0652",
        "shared_pool_share": "0.2500",
        "tickets": tickets.model_dump(),
    }


def test_metrics_tell_the_ratios_and_the_coverage_of_each_mandatory_tag() -> None:
    told = plotted(measured())
    assert (told["UntaggedRatio"], told["SharedPoolShare"]) == (Decimal("0.0652"), Decimal("0.2500"))
    covered = plotted_coverage(read_measures(ROWS), policy_of_run())
    assert covered == dict(zip(policy_of_run().mandatory_tags, (Decimal("0.9348"), Decimal("0.1304")), strict=True))


def test_metrics_are_of_the_month_of_the_day_and_not_of_an_earlier_one_delivered_again() -> None:
    days = ("2026-05-01", "2026-05-31", "2026-06-01", "2027-05-31")

    assert [is_open_month(measured().model_copy(update={"day": day})) for day in days] == [True, True, False, False]


def test_a_month_without_lines_has_no_accounts_and_no_shares() -> None:
    empty = measure_hygiene(checked(), policy_of_run(), read_measures({name: [] for name in ROWS}), {})

    assert (empty.accounts, empty.untagged_ratio, empty.shared_pool_share) == ([], "0.0000", "0.0000")


def test_the_function_keeps_amounts_as_text(bench: FunctionBench) -> None:
    make_hygiene_table()
    bench.work.write_json(run_files.policy_key(RUN_ID), policy_of_run().model_dump(mode="json"))
    results = {name: bench.put_query_result(name, csv_of(rows)) for name, rows in ROWS.items()}

    request = {"delivery": checked().model_dump(mode="json"), "results": results, "bytes_scanned": [0, 12_000_001]}
    bench.invoke("measure_hygiene", request)

    kept: dict[str, Any] = bench.work.read_json(run_files.hygiene_key(RUN_ID))
    assert kept["untagged_cost"] == "30.0000000001"
    assert Hygiene.model_validate(kept) == measured()
    items = bench.work.read_json(run_files.ticket_items_key(RUN_ID))
    assert [item["account"]["account_id"] for item in items] == [account.account_id for account in measured().accounts]


def csv_of(rows: list[dict[str, str]]) -> str:
    return "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)]) + "\n"
