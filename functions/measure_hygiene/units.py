"""What business units' own cost centers have cost in the month so far, and what they had by then a month before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from functions.measure_hygiene.model import BusinessUnitCost
from functions.measure_hygiene.rows import OwnerCost
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.money import total
from functions.shared.periods import BillingPeriod


def compared_days(billing_period: str, day: date) -> tuple[date, date]:
    """The days, first and last, on which the month before must have been measured to be compared with.

    For a month that is under way it is the same day of the month before, or the last one that it has: AWS was as far
    with its bill then as it is now. For a month that is over it is any day since the month before was over, too.
    """
    period = BillingPeriod.parse(billing_period)
    before = period.previous()
    if day > period.last_day:
        return before.last_day + timedelta(days=1), day
    same = date(before.year, before.month, min(day.day, before.last_day.day))
    return same, same


def business_unit_costs(
    owners: list[OwnerCost], policy: PolicyOfRun, previous: Mapping[str, Decimal]
) -> list[BusinessUnitCost]:
    """Every business unit of the policy, by id, with what its cost centers own; pools are not split yet.

    ``previous`` has the units that were measured the month before.
    """
    found = []
    for unit in sorted(policy.business_units):
        own = (row for row in owners if row.owner_kind == "cost_center")
        cost = total(row.exact_cost for row in own if policy.units_of_cost_centers[row.owner_id] == unit)
        then = previous.get(unit)
        found.append(
            BusinessUnitCost(
                business_unit=unit,
                month_to_date=cost,
                previous_month_to_date=then,
                change=None if then is None else total([cost, -then]),
            )
        )
    return found
