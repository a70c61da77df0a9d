"""Turns the rows of a validation into ratios, coverage and names to act on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import groupby
from typing import TypeVar

from functions.check_delivery.logic import DeliveryChecked
from functions.measure_hygiene.model import (
    AccountHygiene,
    CostlyResource,
    Hygiene,
    ServiceHygiene,
    UnrecognizedValue,
)
from functions.measure_hygiene.rows import Measures, OwnerTagValue, UntaggedCost
from functions.measure_hygiene.units import business_unit_costs
from functions.prepare_statements.payload import ItemsReference
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.money import total
from functions.shared.payload import Payload
from functions.shared.policy import closest
from functions.shared.policy.tags import normalize_tag_value

DIGITS = 10_000
"""Ratios have four decimals."""

RowT = TypeVar("RowT")


class MeasureHygieneRequest(Payload):
    """The delivery that was checked, where the queries' rows are, by statement, and how much each query read."""

    delivery: DeliveryChecked
    results: dict[str, str]
    bytes_scanned: list[int]


class HygieneMeasured(Payload):
    """What other states and a reader of the execution look at; the rest is in the run's folder.

    ``tickets`` are the accounts whose tickets are brought up to the day.
    """

    accounts: int
    accounts_over_threshold: int
    untagged_ratio: str
    shared_pool_share: str
    tickets: ItemsReference


def ratio(part: Decimal | int, whole: Decimal | int) -> str:
    """``part / whole`` with four decimals, rounded half away from zero; ``0.0000`` of nothing or less.

    Costs have at most ten decimals, so both become whole numbers and nothing is divided but integers.
    """
    units, of = (int(Decimal(amount).scaleb(10)) for amount in (part, whole))
    if of <= 0:
        return "0.0000"
    quotient = (2 * abs(units) * DIGITS + of) // (2 * of)
    sign = "-" if units < 0 and quotient else ""
    return f"{sign}{quotient // DIGITS}.{quotient % DIGITS:04d}"


def coverage(tagged: Decimal | int, taggable: Decimal | int) -> str:
    """The covered part; all of it where there is nothing to tag."""
    return ratio(tagged, taggable) if taggable > 0 else "1.0000"


def is_over(untagged: Decimal, taggable: Decimal, threshold: Decimal) -> bool:
    """Whether the exact ratio, not the rounded one, is above the threshold."""
    return taggable > 0 and untagged > taggable * threshold


def measure_hygiene(
    delivery: DeliveryChecked, policy: PolicyOfRun, rows: Measures, previous: Mapping[str, Decimal]
) -> Hygiene:
    """The month as the rows show it, accounts ranked by untagged cost, then by id.

    ``previous`` is what business units cost the month before, as ``business_unit_costs`` takes it.
    """
    accounts = [_account(account, list(own), policy, rows) for account, own in groupby(rows.untagged, _account_of)]
    untagged, taggable = (
        total(account.untagged_cost for account in accounts),
        total(account.taggable_cost for account in accounts),
    )
    pools = {row.owner_id: row.exact_cost for row in rows.owners if row.owner_kind == "pool"}
    bill, shared = total(row.exact_cost for row in rows.owners), total(pools.values())
    return Hygiene(
        billing_period=delivery.billing_period,
        day=delivery.day,
        organization=policy.organization,
        billing_currency=policy.billing_currency,
        delivered_at=delivery.delivered_at,
        age_seconds=delivery.age_seconds,
        drift=delivery.drift,
        untagged_threshold=f"{policy.untagged_threshold:f}",
        untagged_ratio=ratio(untagged, taggable),
        untagged_cost=untagged,
        taggable_cost=taggable,
        bill_cost=bill,
        shared_pool_cost=shared,
        shared_pool_share=ratio(shared, bill),
        pools=pools,
        business_units=business_unit_costs(rows.owners, policy, previous),
        accounts=sorted(accounts, key=lambda account: (-account.untagged_cost, account.account_id)),
    )


def summarize(hygiene: Hygiene, tickets: ItemsReference) -> HygieneMeasured:
    """The few numbers that the execution carries."""
    return HygieneMeasured(
        accounts=len(hygiene.accounts),
        accounts_over_threshold=sum(account.over_threshold for account in hygiene.accounts),
        untagged_ratio=hygiene.untagged_ratio,
        shared_pool_share=hygiene.shared_pool_share,
        tickets=tickets,
    )


def is_open_month(hygiene: Hygiene) -> bool:
    """Whether the month is the one of the day: metrics are of that month, and not of an earlier one delivered again."""
    return hygiene.day.startswith(f"{hygiene.billing_period}-")


def plotted(hygiene: Hygiene) -> dict[str, Decimal | int]:
    """The numbers of the month that metrics tell."""
    return {
        "UntaggedRatio": Decimal(hygiene.untagged_ratio),
        "SharedPoolShare": Decimal(hygiene.shared_pool_share),
    }


def plotted_coverage(rows: Measures, policy: PolicyOfRun) -> dict[str, Decimal]:
    """How much of the taggable cost of all accounts carries each mandatory tag."""
    covered = {}
    for position, tag in enumerate(policy.mandatory_tags, start=1):
        of_tag = [row for row in rows.coverage if row.tag_position == position]
        tagged, taggable = total(row.tagged_cost for row in of_tag), total(row.taggable_cost for row in of_tag)
        covered[tag] = Decimal(coverage(tagged, taggable))
    return covered


def plotted_variance(hygiene: Hygiene) -> dict[str, Decimal]:
    """How much more or less each business unit costs than by then the month before, as a part of that."""
    return {
        unit.business_unit: Decimal(ratio(unit.change, unit.previous_month_to_date))
        for unit in hygiene.business_units
        if unit.change is not None and unit.previous_month_to_date
    }


def _account_of(row: UntaggedCost) -> str:
    return row.sub_account_id


def _account(account_id: str, services: list[UntaggedCost], policy: PolicyOfRun, rows: Measures) -> AccountHygiene:
    untagged = total(service.untagged_cost for service in services)
    taggable = total(service.taggable_cost for service in services)
    tags = {policy.mandatory_tags[row.tag_position - 1]: row for row in rows.coverage if _is_of(account_id, row)}
    return AccountHygiene(
        account_id=account_id,
        account_name=policy.accounts.get(account_id, ""),
        owner=policy.account_owners.get(account_id, ""),
        untagged_ratio=ratio(untagged, taggable),
        untagged_cost=untagged,
        taggable_cost=taggable,
        over_threshold=is_over(untagged, taggable, policy.untagged_threshold),
        coverage={tag: coverage(row.tagged_cost, row.taggable_cost) for tag, row in tags.items()},
        resource_coverage={tag: coverage(row.tagged_resources, row.resources) for tag, row in tags.items()},
        services=[_service(service) for service in services],
        unrecognized=_unrecognized((row for row in rows.owner_values if _is_of(account_id, row)), policy),
        costly_untagged=[
            CostlyResource(resource_id=row.resource_id, service_name=row.service_name, exact_cost=row.exact_cost)
            for row in rows.costly
            if _is_of(account_id, row)
        ],
    )


def _is_of(account_id: str, row: object) -> bool:
    return getattr(row, "sub_account_id", None) == account_id


def _service(row: UntaggedCost) -> ServiceHygiene:
    return ServiceHygiene(
        service_name=row.service_name,
        untagged_ratio=ratio(row.untagged_cost, row.taggable_cost),
        untagged_cost=row.untagged_cost,
        taggable_cost=row.taggable_cost,
        resources=row.resources,
        untagged_resources=row.untagged_resources,
    )


def _unrecognized(rows: Iterable[OwnerTagValue], policy: PolicyOfRun) -> list[UnrecognizedValue]:
    """The values that no id or alias valid in the month is spelled like, the most costly first."""
    known = {normalize_tag_value(spelling) for spelling in policy.owner_spellings}
    found = [
        UnrecognizedValue(
            value=row.owner_tag,
            exact_cost=row.exact_cost,
            resources=row.resources,
            closest=closest(row.owner_tag, policy.owner_spellings) or "",
        )
        for row in rows
        if normalize_tag_value(row.owner_tag) not in known
    ]
    return sorted(found, key=lambda value: (-value.exact_cost, value.value))
