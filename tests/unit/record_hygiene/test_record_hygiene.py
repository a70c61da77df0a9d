"""Hygiene is kept day by day: recording a day again changes nothing, and the worst are found first."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from functions.measure_hygiene.model import AccountHygiene, BusinessUnitCost, Hygiene
from functions.shared import run_files
from functions.shared.adapters.hygiene_table import HygieneTable
from tests.unit.function_bench import FunctionBench
from tests.unit.run_samples import RUN_ID
from tests.unit.validation_samples import checked, make_hygiene_table


@pytest.fixture
def table(bench: FunctionBench) -> HygieneTable:  # noqa: ARG001 - the account that it is in
    """The table as it is deployed."""
    return make_hygiene_table()


def account(account_id: str, untagged: str, ratio: str, owner: str = "") -> AccountHygiene:
    return AccountHygiene(
        account_id=account_id,
        account_name="",
        owner=owner,
        untagged_ratio=ratio,
        untagged_cost=Decimal(untagged),
        taggable_cost=Decimal(100),
        over_threshold=False,
        coverage={"cost-center": "0.9000"},
        resource_coverage={"cost-center": "0.8000"},
        services=[],
        unrecognized=[],
        costly_untagged=[],
    )


def record(bench: FunctionBench, day: str, *accounts: AccountHygiene, claims: str = "100") -> dict[str, int]:
    unit = BusinessUnitCost(
        business_unit="claims", month_to_date=Decimal(claims), previous_month_to_date=None, change=None
    )
    facts = checked().model_dump(include={"billing_period", "delivered_at", "age_seconds", "drift"})
    hygiene = Hygiene(
        **facts,
        day=day,
        organization="Meridian Health",
        billing_currency="USD",
        untagged_threshold="0.05",
        untagged_ratio="0.1000",
        untagged_cost=Decimal(10),
        taggable_cost=Decimal(100),
        bill_cost=Decimal(100),
        shared_pool_cost=Decimal(0),
        shared_pool_share="0.0000",
        pools={},
        business_units=[unit],
        accounts=list(accounts),
    )
    bench.work.write_json(run_files.hygiene_key(RUN_ID), hygiene.model_dump(mode="json"))
    return bench.invoke("record_hygiene", {"run_id": RUN_ID})


def test_days_add_up_to_a_history_and_each_knows_the_one_before(bench: FunctionBench, table: HygieneTable) -> None:
    for day, ratio in (("2026-05-13", "0.1000"), ("2026-05-14", "0.1200"), ("2026-05-15", "0.0100")):
        recorded = record(bench, day, account("A", "10", ratio))
        assert recorded == {"items": 1, "worse": int(day == "2026-05-14")}

    assert [(each.period_day, each.previous_ratio, each.untagged_ratio) for each in table.history("A")] == [
        ("2026-05#2026-05-13", "", "0.1000"),
        ("2026-05#2026-05-14", "0.1000", "0.1200"),
        ("2026-05#2026-05-15", "0.1200", "0.0100"),
    ]


def test_recording_a_day_again_changes_nothing(bench: FunctionBench, table: HygieneTable) -> None:
    record(bench, "2026-05-13", account("A", "10", "0.1000"))
    first = record(bench, "2026-05-14", account("A", "12", "0.1200"))
    kept = table.history("A")

    assert record(bench, "2026-05-14", account("A", "12", "0.1200")) == first
    assert table.history("A") == kept


def test_a_day_recorded_later_with_other_numbers_replaces_the_day(bench: FunctionBench, table: HygieneTable) -> None:
    record(bench, "2026-05-14", account("A", "12", "0.1200"))
    record(bench, "2026-05-14", account("A", "1", "0.0100"))

    assert [each.untagged_ratio for each in table.history("A")] == ["0.0100"]


def test_the_worst_of_a_day_are_ranked_by_amount_and_not_by_its_spelling(
    bench: FunctionBench, table: HygieneTable
) -> None:
    record(
        bench,
        "2026-05-14",
        *(account(name, cost, "0.1000") for name, cost in zip("ABC", ("9", "10.5", "100"), strict=True)),
    )
    record(bench, "2026-05-15", account("D", "1000", "0.1000"))

    assert [each.account_id for each in table.worst("2026-05#2026-05-14", 2)] == ["C", "B"]


def test_an_owner_finds_its_accounts_and_an_account_without_one_is_nobodys(
    bench: FunctionBench, table: HygieneTable
) -> None:
    record(bench, "2026-05-14", account("A", "1", "0.1000", owner="CC-1001"), account("B", "2", "0.1000"))

    assert [each.account_id for each in table.of_owner("CC-1001")] == ["A"]
    assert table.history("B")[0].owner == ""


def test_an_item_expires_after_the_days_that_are_set(bench: FunctionBench, table: HygieneTable) -> None:
    record(bench, "2026-05-14", account("A", "1", "0.1000"))

    # 2026-05-14 is day 20,587 since 1970.
    assert table.history("A")[0].expires_at == (20_587 + 400) * 86_400


def may(first: int, last: int) -> tuple[date, date]:
    return date(2026, 5, first), date(2026, 5, last)


def test_what_a_unit_cost_is_found_a_month_later_by_the_day_and_the_newest_of_several(
    bench: FunctionBench, table: HygieneTable
) -> None:
    for day, cost in (("2026-05-13", "90.0000000001"), ("2026-05-14", "99"), ("2026-05-14", "100.0000000001")):
        record(bench, day, claims=cost)

    assert table.units_before("2026-06", may(13, 13), ["claims"]) == {"claims": Decimal("90.0000000001")}
    assert table.units_before("2026-06", may(1, 31), ["claims"]) == {"claims": Decimal("100.0000000001")}
    assert table.units_before("2026-06", may(15, 15), ["claims"]) == {}, "not measured on that day"
    assert table.units_before("2026-07", may(13, 13), ["claims"]) == {}, "another month"
    assert table.units_before("2026-06", may(13, 13), ["clinical"]) == {}


def test_a_unit_is_no_offender_and_no_owners_account(bench: FunctionBench, table: HygieneTable) -> None:
    record(bench, "2026-05-14", account("A", "1", "0.1000", owner="claims"))

    assert [each.account_id for each in table.worst("2026-05#2026-05-14", 9)] == ["A"]
    assert [each.account_id for each in table.of_owner("claims")] == ["A"]
