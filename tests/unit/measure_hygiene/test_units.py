"""A business unit's month is held against the same days of the month before, or whole against whole, or nothing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from functions.measure_hygiene.logic import measure_hygiene, plotted_variance
from functions.measure_hygiene.model import BusinessUnitCost, Hygiene
from functions.measure_hygiene.rows import OwnerCost, read_measures
from functions.measure_hygiene.units import business_unit_costs, compared_days
from tests.unit.measure_hygiene.test_measure_hygiene import ROWS
from tests.unit.run_samples import policy_of_run
from tests.unit.validation_samples import checked


@pytest.mark.parametrize(
    ("period", "day", "first", "last"),
    [
        ("2026-05", "2026-05-14", "2026-04-14", "2026-04-14"),
        ("2026-01", "2026-01-02", "2025-12-02", "2025-12-02"),
        ("2026-03", "2026-03-31", "2026-02-28", "2026-02-28"),
        ("2028-03", "2028-03-30", "2028-02-29", "2028-02-29"),
        ("2026-05", "2026-05-31", "2026-04-30", "2026-04-30"),
        ("2026-05", "2026-06-01", "2026-05-01", "2026-06-01"),
        ("2026-05", "2026-11-21", "2026-05-01", "2026-11-21"),
    ],
)
def test_a_month_under_way_is_held_against_the_same_day_and_a_whole_one_against_a_whole_one(
    period: str, day: str, first: str, last: str
) -> None:
    assert compared_days(period, date.fromisoformat(day)) == (date.fromisoformat(first), date.fromisoformat(last))


def owned(kind: str, owner: str, cost: str) -> OwnerCost:
    return OwnerCost(owner_kind=kind, owner_id=owner, exact_cost=Decimal(cost))


def test_a_unit_is_the_sum_of_its_cost_centers_without_any_pool() -> None:
    policy = policy_of_run(
        business_units={"claims": "Claims", "care": "Care"},
        units_of_cost_centers={"CC-1": "claims", "CC-2": "claims", "CC-3": "care"},
    )
    rows = [
        owned("cost_center", "CC-1", "100.0000000001"),
        owned("cost_center", "CC-2", "-0.5"),
        owned("pool", "CC-1", "1000"),
    ]

    care, claims = business_unit_costs(rows, policy, {"claims": Decimal("120")})

    assert (care.business_unit, care.month_to_date) == ("care", Decimal(0))
    assert (care.previous_month_to_date, care.change) == (None, None)
    assert claims.model_dump(mode="json") == {
        "business_unit": "claims",
        "month_to_date": "99.5000000001",
        "previous_month_to_date": "120",
        "change": "-20.4999999999",
    }


def test_every_cost_center_of_the_sample_belongs_to_a_unit_and_nothing_is_lost() -> None:
    measured = measure_hygiene(checked(), policy_of_run(), read_measures(ROWS), {})

    assert sum(unit.month_to_date for unit in measured.business_units) == Decimal(300)
    assert {unit.business_unit for unit in measured.business_units} == set(policy_of_run().business_units)


def with_units(*units: BusinessUnitCost) -> Hygiene:
    return measure_hygiene(checked(), policy_of_run(), read_measures(ROWS), {}).model_copy(
        update={"business_units": list(units)}
    )


def unit(name: str, now: str, before: str | None) -> BusinessUnitCost:
    then = None if before is None else Decimal(before)
    change = None if then is None else Decimal(now) - then
    return BusinessUnitCost(business_unit=name, month_to_date=Decimal(now), previous_month_to_date=then, change=change)


def test_the_variance_of_a_unit_is_plotted_only_where_there_is_something_to_vary_from() -> None:
    measured = with_units(unit("a", "150", "100"), unit("b", "50", "100"), unit("c", "5", "0"), unit("d", "5", None))

    assert plotted_variance(measured) == {"a": Decimal("0.5000"), "b": Decimal("-0.5000")}
