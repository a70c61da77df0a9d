"""Does a statement add up? Every sum that a reader could check on paper is checked here first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from functions.shared.money import ZERO, format_cents, total
from functions.shared.periods import BillingPeriod

if TYPE_CHECKING:
    from functions.render_statement.model import CostCenterStatement, LedgerLine, StatementModel


def differences(statement: StatementModel) -> list[str]:
    """Says what does not add up and by how much, one sentence a difference; nothing when the statement is sound."""
    return [
        *_cost_centers(statement),
        *_ledger(statement),
        *_bill(statement),
        *_trend(statement),
    ]


def _differ(subject: str, claimed: Decimal, parts: str, found: Decimal) -> Iterator[str]:
    if claimed != found:
        by = format_cents(claimed - found)
        yield f"{subject} {format_cents(claimed)} but {parts} {format_cents(found)}, differs by {by}"


def _repeated(what: str, keys: Iterable[Hashable]) -> Iterator[str]:
    for key, times in Counter(keys).items():
        if times > 1:
            yield f"{what} {key} is listed {times} times"


def _cost_centers(statement: StatementModel) -> Iterator[str]:
    yield from _repeated("cost center", (center.cost_center for center in statement.cost_centers))
    for center in statement.cost_centers:
        yield from _cost_center(center)


def _cost_center(center: CostCenterStatement) -> Iterator[str]:
    name = f"cost center {center.cost_center}:"
    yield from _differ(f"{name} total", center.total, "direct + shared is", center.direct + center.shared)
    drill_downs = {
        "accounts": total(account.cost for account in center.accounts),
        "services": total(service.cost for service in center.services),
        "charge classes": total(charge.cost for charge in center.charge_classes),
    }
    for parts, found in drill_downs.items():
        yield from _differ(f"{name} direct cost", center.direct, f"its {parts} add up to", found)
    pools = total(pool.share for pool in center.pool_shares)
    yield from _differ(f"{name} shared cost", center.shared, "its pool shares add up to", pools)
    yield from _repeated(f"{name} pool", (pool.pool_id for pool in center.pool_shares))
    yield from _repeated(f"{name} adjustment", (adjustment.adjustment_id for adjustment in center.adjustments))


def _ledger(statement: StatementModel) -> Iterator[str]:
    """The ledger lines carry every cost center's direct cost, shared cost and pool shares, and nobody else's."""
    adjusted: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    direct: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    shared: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    pooled: defaultdict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for line in statement.ledger_lines:
        if line.allocation_method == "direct":
            direct[line.cost_center] += line.cost
            adjusted[line.cost_center] += line.cost if line.charge_class == "adjustment" else ZERO
        else:
            shared[line.cost_center] += line.cost
            pooled[line.cost_center, line.pool_id] += line.cost
    for center in statement.cost_centers:
        key = center.cost_center
        name = f"cost center {key}:"
        yield from _differ(
            f"{name} direct cost", center.direct, "its direct ledger lines add up to", direct.pop(key, ZERO)
        )
        listed = total(adjustment.cost for adjustment in center.adjustments)
        yield from _differ(f"{name} adjustments", listed, "their ledger lines add up to", adjusted[key])
        yield from _differ(f"{name} shared cost", center.shared, "its shared ledger lines add up to", shared[key])
        for pool in center.pool_shares:
            found = pooled.pop((key, pool.pool_id), ZERO)
            yield from _differ(f"{name} share of pool {pool.pool_id}", pool.share, "its ledger lines add up to", found)
    for key, cost in [*direct.items(), *((f"{key} (pool {pool})", cost) for (key, pool), cost in pooled.items())]:
        if cost:
            yield f"the ledger lines charge {format_cents(cost)} to {key}, which the statement does not list"
    yield from _repeated("ledger line", (line.entry_id for line in statement.ledger_lines))


def _bill(statement: StatementModel) -> Iterator[str]:
    """Billed equals allocated, invoice by invoice; this business unit's parts are its ledger lines."""
    bill = statement.bill
    yield from _differ(
        "the bill's billed cost",
        bill.billed_cost,
        "its invoices add up to",
        total(i.billed_cost for i in bill.invoices),
    )
    yield from _differ(
        "the bill's allocated cost",
        bill.allocated_cost,
        "its invoices add up to",
        total(i.allocated_cost for i in bill.invoices),
    )
    yield from _differ("the bill's delta", bill.delta, "billed - allocated is", bill.billed_cost - bill.allocated_cost)
    yield from _differ("the bill's delta", bill.delta, "a statement needs", ZERO)
    ledger = _ledger_by_invoice(statement.ledger_lines)
    for invoice in bill.invoices:
        name = f"invoice {invoice.invoice_id or '(not issued)'} of {invoice.billing_account_id}:"
        between = invoice.billed_cost - invoice.allocated_cost
        yield from _differ(f"{name} delta", invoice.delta, "billed - allocated is", between)
        yield from _differ(f"{name} delta", invoice.delta, "a statement needs", ZERO)
        found = ledger.pop((invoice.billing_account_id, invoice.invoice_id), ZERO)
        yield from _differ(
            f"{name} business unit's part", invoice.business_unit_cost, "its ledger lines add up to", found
        )
    for (account, invoice_id), cost in ledger.items():
        if cost:
            missing = f"invoice {invoice_id or '(not issued)'} of {account}"
            yield f"the ledger lines charge {format_cents(cost)} from {missing}, which the bill does not list"
    yield from _repeated("invoice", ((i.billing_account_id, i.invoice_id) for i in bill.invoices))


def _ledger_by_invoice(lines: Iterable[LedgerLine]) -> dict[tuple[str, str], Decimal]:
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for line in lines:
        sums[line.billing_account_id, line.invoice_id] += line.cost
    return sums


def _trend(statement: StatementModel) -> Iterator[str]:
    months = [month.billing_period for month in statement.trend]
    if months != sorted(set(months), key=BillingPeriod.parse):
        yield f"the trend's months are not in order: {', '.join(months)}"
    for month in statement.trend:
        name = f"trend of {month.billing_period}:"
        yield from _differ(f"{name} total", month.total, "direct + shared is", month.direct + month.shared)
    last = statement.trend[-1]
    if last.billing_period != statement.billing_period:
        yield f"the trend ends with {last.billing_period}, not with billing period {statement.billing_period}"
    for what in ("direct", "shared", "total"):
        name = f"trend of {last.billing_period}: {what}"
        yield from _differ(name, getattr(last, what), f"the cost centers' {what} is", getattr(statement, what))
