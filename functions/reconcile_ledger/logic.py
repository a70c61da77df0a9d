"""Refuses a ledger that is not the bill."""

from __future__ import annotations

from typing import Any

from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.errors import InvariantViolated
from functions.shared.money import Cents
from functions.shared.payload import Payload
from functions.shared.reconciliation import Reconciliation


class ReconcileLedgerRequest(Payload):
    """The run, where the two reconciliation queries put their rows, how many lines the delivery has, and the queries so
    far by statement."""

    run_id: str
    invoices_result: str
    pools_result: str
    line_items: int
    steps: dict[str, dict[str, Any]]


class LedgerReconciled(Payload):
    """The control numbers of the close. ``delta`` is billed minus allocated: always 0.00 here."""

    billed_cost: Cents
    allocated_cost: Cents
    delta: Cents
    revision_cost: Cents
    commitment_bridge: Cents
    invoices: int
    pools: int


def require_adjustments_booked(policy: PolicyOfRun, result: Reconciliation) -> None:
    """Adjustments are booked on an invoice in the policy's currency; raises InvariantViolated when there is none."""
    currency = policy.billing_currency
    if policy.adjustments and all(invoice.billing_currency != currency for invoice in result.invoices):
        raise InvariantViolated(
            f"{', '.join(sorted(policy.adjustments))} of the policy cannot be booked: the month has no invoice in "
            f"{currency}; name another month for it"
        )


def describe_reconciliation(result: Reconciliation) -> LedgerReconciled:
    """The reconciliation as a reviewer of the execution sees it."""
    return LedgerReconciled(
        billed_cost=result.billed_cost,
        allocated_cost=result.allocated_cost,
        delta=result.delta,
        revision_cost=result.revision_cost,
        commitment_bridge=result.commitment_bridge,
        invoices=len(result.invoices),
        pools=len({pool.pool_id for pool in result.pools}),
    )
