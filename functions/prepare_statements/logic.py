"""Gathers what each business unit's statement says, and what each cost center is charged.

Nothing is computed here that the SQL has not computed: rows are grouped and cents are added up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TypeVar

from functions.prepare_statements.payload import PrepareStatementsRequest
from functions.prepare_statements.rows import EarlierMonth, LedgerEntry, PoolShareRow, StatementRows, TopResource
from functions.render_statement.model import (
    ADJUSTMENT,
    ADJUSTMENT_RULE,
    AccountCost,
    AdjustmentCost,
    Bill,
    BusinessUnit,
    ChargeClassCost,
    CostCenterStatement,
    InvoiceShare,
    LedgerLine,
    MonthTotal,
    PoolShare,
    Provenance,
    ResourceCost,
    ServiceCost,
    SignedBy,
    StatementModel,
)
from functions.shared.compiled_policy import AdjustmentOfRun, PolicyOfRun
from functions.shared.money import total
from functions.shared.payload import Payload
from functions.shared.periods import BillingPeriod
from functions.shared.reconciliation import Reconciliation
from functions.shared.seal import Seal
from functions.shared.signing.signer import Signer

KeyT = TypeVar("KeyT")

MICROS = 6
"""Split weights in SQL are integers of 10^-6 units."""


class RunFacts(Payload):
    """What is the same on every statement of a run."""

    billing_period: str
    charge_period: str
    revision: int
    draft: bool
    provenance: Provenance

    @classmethod
    def of(
        cls,
        request: PrepareStatementsRequest,
        policy: PolicyOfRun,
        seal: Seal,
        reconciliation: Reconciliation,
        *,
        sql_sha256: str,
        code_version: str,
    ) -> RunFacts:
        """The facts of a requested run, and what its amounts stand on."""
        return cls(
            billing_period=request.billing_period,
            charge_period=request.charge_period,
            revision=request.revision,
            draft=request.preview and not request.replay,
            provenance=Provenance(
                policy_sha256=policy.sha256,
                sql_sha256=sql_sha256,
                code_version=code_version,
                manifest_execution_id=seal.manifest_execution_id,
                sealed_files=len(seal.files),
                line_items=reconciliation.line_items,
            ),
        )


def build_statements(
    facts: RunFacts, policy: PolicyOfRun, reconciliation: Reconciliation, rows: StatementRows
) -> list[StatementModel]:
    """One statement per business unit that has entries, in the order of the policy's business units."""
    by_unit: dict[str, list[LedgerEntry]] = defaultdict(list)
    for entry in rows.entries:
        by_unit[entry.business_unit].append(entry)
    units = [*policy.business_units, *sorted(by_unit.keys() - policy.business_units.keys())]
    return [_statement(facts, policy, reconciliation, rows, unit, by_unit[unit]) for unit in units if unit in by_unit]


def signed_as_filed(statements: Iterable[StatementModel], signers: Mapping[str, Signer]) -> list[StatementModel]:
    """Statements of a replay: they name the signers of the filed ones, by business unit; nobody signs them again."""
    return [
        statement.model_copy(update={"signed_by": SignedBy(**signer.model_dump())})
        if (signer := signers.get(statement.business_unit.id))
        else statement
        for statement in statements
    ]


def made_as_filed(
    statements: Iterable[StatementModel], provenance: Mapping[str, Mapping[str, str]]
) -> list[StatementModel]:
    """Statements of a replay name the code and the SQL that each filed one names: a resumed close may have had two."""
    return [
        statement.model_copy(
            update={
                "provenance": statement.provenance.model_copy(
                    update=dict(provenance.get(statement.business_unit.id, {}))
                )
            }
        )
        for statement in statements
    ]


def _statement(
    facts: RunFacts,
    policy: PolicyOfRun,
    reconciliation: Reconciliation,
    rows: StatementRows,
    unit: str,
    entries: list[LedgerEntry],
) -> StatementModel:
    months = [month for month in rows.earlier_months if month.business_unit == unit]
    centers = sorted({entry.cost_center for entry in entries})
    return StatementModel(
        organization=policy.organization,
        paper=policy.paper,
        billing_period=facts.billing_period,
        charge_period=facts.charge_period,
        revision=facts.revision,
        draft=facts.draft,
        billing_currency=policy.billing_currency,
        cost_basis=policy.cost_basis,
        business_unit=BusinessUnit(id=unit, name=policy.business_units.get(unit, unit)),
        bill=_bill(reconciliation, entries),
        cost_centers=tuple(
            _cost_center(facts, policy, rows, months, center, [e for e in entries if e.cost_center == center])
            for center in centers
        ),
        trend=_trend(facts, months, entries),
        ledger_lines=tuple(
            LedgerLine.model_validate(entry.model_dump(include=set(LedgerLine.model_fields))) for entry in entries
        ),
        provenance=facts.provenance,
    )


def _bill(reconciliation: Reconciliation, entries: list[LedgerEntry]) -> Bill:
    own: dict[tuple[str, str], Decimal] = _sums(
        ((entry.billing_account_id, entry.invoice_id), entry.cost) for entry in entries
    )
    return Bill(
        billed_cost=reconciliation.billed_cost,
        allocated_cost=reconciliation.allocated_cost,
        delta=reconciliation.delta,
        commitment_bridge=reconciliation.commitment_bridge,
        invoices=tuple(
            InvoiceShare(
                billing_account_id=invoice.billing_account_id,
                invoice_id=invoice.invoice_id,
                billed_cost=invoice.billed_cost,
                allocated_cost=invoice.allocated_cost,
                delta=invoice.delta,
                business_unit_cost=own.get((invoice.billing_account_id, invoice.invoice_id), Decimal(0)),
            )
            for invoice in reconciliation.invoices
        ),
    )


def _cost_center(
    facts: RunFacts,
    policy: PolicyOfRun,
    rows: StatementRows,
    months: list[EarlierMonth],
    center: str,
    entries: list[LedgerEntry],
) -> CostCenterStatement:
    direct = [entry for entry in entries if entry.allocation_method == "direct"]
    shared = [entry for entry in entries if entry.allocation_method == "shared"]
    previous = str(BillingPeriod.parse(facts.charge_period).previous())
    prior = [month for month in months if month.cost_center == center and month.charge_period == previous]
    return CostCenterStatement(
        cost_center=center,
        name=policy.cost_centers.get(center, center),
        direct=total(entry.cost for entry in direct),
        shared=total(entry.cost for entry in shared),
        total=total(entry.cost for entry in entries),
        prior_total=total(month.total for month in prior) if prior else None,
        pool_shares=_pool_shares(policy, rows.pool_shares, center, shared),
        accounts=tuple(
            AccountCost(sub_account_id=account, sub_account_name=policy.accounts.get(account, ""), cost=cost)
            for account, cost in _largest_first(_sums((e.sub_account_id, e.cost) for e in direct))
        ),
        services=tuple(
            ServiceCost(service_name=service, cost=cost)
            for service, cost in _largest_first(_sums((e.service_name, e.cost) for e in direct))
        ),
        charge_classes=tuple(
            ChargeClassCost(charge_class=name, cost=cost)
            for name, cost in _largest_first(_sums((e.charge_class, e.cost) for e in direct))
        ),
        adjustments=_adjustments(policy, center, direct),
        top_resources=_top_resources(rows.top_resources, center) if facts.revision == 1 else (),
    )


def _adjustments(policy: PolicyOfRun, center: str, entries: list[LedgerEntry]) -> tuple[AdjustmentCost, ...]:
    """Every adjustment the cost center has entries of; a later revision may take one back that the policy dropped."""
    costs = _sums(
        (entry.rule_id.removeprefix(ADJUSTMENT_RULE), entry.cost)
        for entry in entries
        if entry.charge_class == ADJUSTMENT
    )
    return tuple(_adjustment(policy.adjustments.get(name), name, center, cost) for name, cost in sorted(costs.items()))


def _adjustment(known: AdjustmentOfRun | None, name: str, center: str, cost: Decimal) -> AdjustmentCost:
    if known is None:
        return AdjustmentCost(adjustment_id=name, other_cost_center="", reason="No longer in the policy", cost=cost)
    return AdjustmentCost(
        adjustment_id=name,
        other_cost_center=known.to_cost_center if center == known.from_cost_center else known.from_cost_center,
        reason=known.reason,
        settles=known.settles,
        cost=cost,
    )


def _pool_shares(
    policy: PolicyOfRun, shares: Iterable[PoolShareRow], center: str, entries: list[LedgerEntry]
) -> tuple[PoolShare, ...]:
    """Every pool the cost center has entries of; in a later revision the share is the difference it pays now."""
    explained: dict[str, PoolShareRow] = {}
    for share in shares:
        if share.cost_center == center:
            explained[share.pool_id] = share
        elif share.pool_id not in explained and share.total_weight:
            # Its weight is gone since an earlier revision: the pool is split among others now.
            explained[share.pool_id] = share.model_copy(update={"weight": Decimal(0), "share": Decimal("0.00")})
    costs = _sums((entry.pool_id, entry.cost) for entry in entries)
    return tuple(
        PoolShare(
            pool_id=pool,
            pool_name=policy.pools.get(pool, pool),
            split_method=explained[pool].split_method if pool in explained else "proportional",
            driver=policy.drivers.get(pool, ""),
            pool_cost=explained[pool].pool_cost if pool in explained else Decimal(0),
            weight=explained[pool].weight.scaleb(-MICROS) if pool in explained else Decimal(0),
            total_weight=explained[pool].total_weight.scaleb(-MICROS) if pool in explained else Decimal(0),
            share=cost,
        )
        for pool, cost in _largest_first(costs)
    )


def _top_resources(resources: Iterable[TopResource], center: str) -> tuple[ResourceCost, ...]:
    return tuple(
        ResourceCost(
            resource_id=resource.resource_id,
            sub_account_id=resource.sub_account_id,
            service_name=resource.service_name,
            cost=resource.exact_cost,
        )
        for resource in resources
        if resource.cost_center == center
    )


def _trend(facts: RunFacts, months: list[EarlierMonth], entries: list[LedgerEntry]) -> tuple[MonthTotal, ...]:
    direct = total(entry.cost for entry in entries if entry.allocation_method == "direct")
    shared = total(entry.cost for entry in entries if entry.allocation_method == "shared")
    earlier_direct = _sums((month.charge_period, month.direct_cost) for month in months)
    earlier_shared = _sums((month.charge_period, month.shared_cost) for month in months)
    earlier = [
        MonthTotal(
            billing_period=period,
            direct=earlier_direct[period],
            shared=earlier_shared[period],
            total=total([earlier_direct[period], earlier_shared[period]]),
        )
        for period in sorted(earlier_direct)
    ]
    now = MonthTotal(billing_period=facts.billing_period, direct=direct, shared=shared, total=total([direct, shared]))
    return (*earlier, now)


def _sums(amounts: Iterable[tuple[KeyT, Decimal]]) -> dict[KeyT, Decimal]:
    sums: dict[KeyT, Decimal] = {}
    for key, amount in amounts:
        sums[key] = total([sums.get(key, Decimal(0)), amount])
    return sums


def _largest_first(costs: Mapping[str, Decimal]) -> list[tuple[str, Decimal]]:
    return sorted(costs.items(), key=lambda item: (-item[1], item[0]))
