"""The totals of a run per cost center, and the charges that follow from them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from functions.post_charge.item import ChargeItem
from functions.prepare_statements.payload import PrepareStatementsRequest
from functions.prepare_statements.rows import LedgerEntry, UntaggedCost
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.money import ZERO, Cents, total
from functions.shared.payload import Payload

_RATIO = Decimal("0.0001")


class CostCenterTotal(Payload):
    """What one cost center pays in one revision: direct, shared by pool, and in all."""

    cost_center: str
    business_unit: str
    direct: Cents
    shared: Cents
    by_pool: dict[str, Cents]
    total: Cents


class RunTotals(Payload):
    """All cost centers with entries, in the order of their ids."""

    cost_centers: tuple[CostCenterTotal, ...]
    untagged_ratio: str


def add_up(entries: Iterable[LedgerEntry], untagged: UntaggedCost) -> RunTotals:
    """Adds the ledger's entries up per cost center."""
    by_center: dict[str, list[LedgerEntry]] = {}
    for entry in entries:
        by_center.setdefault(entry.cost_center, []).append(entry)
    return RunTotals(
        cost_centers=tuple(_add_up_center(center, by_center[center]) for center in sorted(by_center)),
        untagged_ratio=untagged_ratio(untagged),
    )


def untagged_ratio(untagged: UntaggedCost) -> str:
    """The part of taggable usage without an owner tag, with four decimals; 0.0000 when there is none to tag."""
    if untagged.taggable_cost <= 0:
        return "0.0000"
    ratio = untagged.untagged_cost / untagged.taggable_cost
    return f"{ratio.quantize(_RATIO, ROUND_HALF_UP):f}"


def charges(request: PrepareStatementsRequest, policy: PolicyOfRun, totals: RunTotals) -> list[ChargeItem]:
    """One charge per cost center that owes or is owed anything."""
    return [
        ChargeItem(
            run_id=request.run_id,
            organization=policy.organization,
            billing_period=request.billing_period,
            charge_period=request.charge_period,
            revision=request.revision,
            cost_center=center.cost_center,
            business_unit=center.business_unit,
            amount=center.total,
            billing_currency=policy.billing_currency,
        )
        for center in totals.cost_centers
        if center.total
    ]


def _add_up_center(center: str, entries: list[LedgerEntry]) -> CostCenterTotal:
    by_pool: dict[str, Decimal] = {}
    for entry in entries:
        if entry.allocation_method == "shared":
            by_pool[entry.pool_id] = total([by_pool.get(entry.pool_id, ZERO), entry.cost])
    direct = total(entry.cost for entry in entries if entry.allocation_method == "direct")
    shared = total(by_pool.values())
    return CostCenterTotal(
        cost_center=center,
        business_unit=entries[0].business_unit,
        direct=direct,
        shared=shared,
        by_pool={pool: cost for pool, cost in sorted(by_pool.items()) if cost},
        total=total([direct, shared]),
    )
