"""The proof that a ledger is the bill: what was compared, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from functions.shared.errors import InvariantViolated, ReconciliationFailed
from functions.shared.money import Cents, ExactAmount, format_cents, total


class InvoiceReconciliation(BaseModel):
    """One row of r020_invoices; ``allocated_cost`` counts all revisions, ``revision_cost`` this one only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    billing_account_id: str
    invoice_id: str
    billing_currency: str
    billed_cost: Cents
    allocated_cost: Cents
    delta: Cents
    commitment_bridge: Cents
    invoice_rounding: Cents
    revision_cost: Cents
    exact_billed: ExactAmount
    exact_folded: ExactAmount
    exact_owned: ExactAmount
    exact_bridge: ExactAmount
    lines_read: int
    lines_folded: int
    entries_without_unit: int


class PoolReconciliation(BaseModel):
    """One row of r030_pools: collected from the invoice and received from pools, against what it passed on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    billing_account_id: str
    invoice_id: str
    billing_currency: str
    pool_id: str
    collected: Cents
    received: Cents
    shared: Cents
    delta: Cents


class Invariant(NamedTuple):
    """Something that has to hold: an amount or a count, as it is and as it should be."""

    what: str
    found: Decimal
    expected: Decimal


class Reconciliation(BaseModel):
    """A bill reconciled, invoice by invoice and pool by pool."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    invoices: tuple[InvoiceReconciliation, ...]
    pools: tuple[PoolReconciliation, ...]

    @classmethod
    def of(cls, invoices: Iterable[Mapping[str, Any]], pools: Iterable[Mapping[str, Any]]) -> Reconciliation:
        """Reads the rows of the two reconciliation queries."""
        return cls(
            invoices=tuple(InvoiceReconciliation.model_validate(row) for row in invoices),
            pools=tuple(PoolReconciliation.model_validate(row) for row in pools),
        )

    @property
    def billed_cost(self) -> Decimal:
        """The bill: the sum of its invoices' control totals."""
        return total(invoice.billed_cost for invoice in self.invoices)

    @property
    def allocated_cost(self) -> Decimal:
        """The ledger, all revisions of the month."""
        return total(invoice.allocated_cost for invoice in self.invoices)

    @property
    def revision_cost(self) -> Decimal:
        """This revision's part of the ledger: all of it in the first, the difference in a later one."""
        return total(invoice.revision_cost for invoice in self.invoices)

    @property
    def commitment_bridge(self) -> Decimal:
        """Billed minus effective cost: what finance holds as a prepayment of commitments, or releases from one."""
        return total(invoice.commitment_bridge for invoice in self.invoices)

    @property
    def delta(self) -> Decimal:
        """Billed minus allocated cost: zero, or the close fails."""
        return total([self.billed_cost, -self.allocated_cost])

    @property
    def line_items(self) -> int:
        """How many lines of the delivery the bill was added up from."""
        return sum(invoice.lines_read for invoice in self.invoices)

    def pool_costs(self) -> dict[str, Decimal]:
        """What each pool collected from the invoices, by pool id."""
        costs: dict[str, Decimal] = {}
        for pool in self.pools:
            costs[pool.pool_id] = total([costs.get(pool.pool_id, Decimal(0)), pool.collected])
        return dict(sorted(costs.items()))


def require_reconciled(result: Reconciliation, *, line_items: int, tolerance: Decimal) -> None:
    """Checks the invariants of allocation.md, section 7.

    ``line_items`` is the number of lines that the delivery was seen to hold before it was sealed; ``tolerance`` how far
    an invoice of AWS may be from its lines. Raises ReconciliationFailed when an invoice, its lines and the ledger
    differ, InvariantViolated when anything else does.
    """
    for invoice in result.invoices:
        name = _invoice_name(invoice)
        if abs(invoice.invoice_rounding) > tolerance:
            lines = total([invoice.billed_cost, -invoice.invoice_rounding])
            raise ReconciliationFailed(
                f"{name}: AWS's invoice says {format_cents(invoice.billed_cost)}, its lines in the bill add up to "
                f"{format_cents(lines)} {invoice.billing_currency}: {format_cents(invoice.invoice_rounding)} apart, "
                f"more than the policy's invoice_tolerance of {format_cents(tolerance)}"
            )
        if invoice.delta:
            raise ReconciliationFailed(
                f"{name}: billed {format_cents(invoice.billed_cost)}, allocated "
                f"{format_cents(invoice.allocated_cost)} {invoice.billing_currency}, "
                f"delta {format_cents(invoice.delta)}"
            )
    lines_read = Invariant("lines of the delivery", Decimal(result.line_items), Decimal(line_items))
    for what, found, expected in [*invariants(result), lines_read]:
        if found != expected:
            raise InvariantViolated(f"{what}: {found:f}, expected {expected:f}, differs by {found - expected:f}")


def invariants(result: Reconciliation) -> list[Invariant]:
    """The invariants of allocation.md, section 7, on every invoice and pool, each with both its values."""
    found: list[Invariant] = []
    for invoice in result.invoices:
        name = _invoice_name(invoice)
        found += [
            Invariant(f"{name}: allocated = billed", invoice.allocated_cost, invoice.billed_cost),
            Invariant(f"{name}: effective + bridge = unblended", invoice.exact_owned, invoice.exact_billed),
            Invariant(f"{name}: the fold's unblended cost", invoice.exact_folded, invoice.exact_billed),
            Invariant(f"{name}: lines folded", Decimal(invoice.lines_folded), Decimal(invoice.lines_read)),
            Invariant(f"{name}: entries without business unit", Decimal(invoice.entries_without_unit), Decimal(0)),
        ]
    for pool in result.pools:
        name = f"pool {pool.pool_id} on invoice {pool.invoice_id or '(not issued)'} of {pool.billing_account_id}"
        found.append(Invariant(f"{name}: shares", pool.shared, total([pool.collected, pool.received])))
    return found


def _invoice_name(invoice: InvoiceReconciliation) -> str:
    return f"invoice {invoice.invoice_id or '(not issued)'} of {invoice.billing_account_id}"
