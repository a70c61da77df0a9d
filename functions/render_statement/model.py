"""What a chargeback statement says: one business unit, one charge period, one revision.

Amounts are cents in the billing currency, written as text in JSON; weights and exact costs are decimals as text. A
model that does not add up cannot exist: making one raises InvariantViolated, which names what differs and by how much.
"""

from __future__ import annotations

from decimal import Context, Decimal, Inexact
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from functions.render_statement import adding_up
from functions.shared.errors import InvariantViolated
from functions.shared.money import Cents, ExactAmount, format_cents, total
from functions.shared.periods import BillingPeriod

ADJUSTMENT = "adjustment"
"""The charge class of what the policy moved between cost centers."""

ADJUSTMENT_RULE = "adjustment:"
"""What the ledger puts before an adjustment's id in the column rule_id."""

_SHOWN_DIFFERENCES = 5
_TEN_DECIMALS = Decimal("1E-10")
_EXACTLY = Context(prec=60, traps=[Inexact])


def _whole_cents(amount: Decimal) -> Decimal:
    return Decimal(format_cents(amount))


def _ten_decimals(amount: Decimal) -> Decimal:
    try:
        scaled = amount.quantize(_TEN_DECIMALS, context=_EXACTLY)
    except Inexact:
        raise ValueError(f"{amount} has more than 10 decimals") from None
    return scaled or abs(scaled)


def _period(text: object) -> str:
    return str(BillingPeriod.parse(str(text)))


Amount = Annotated[Cents, AfterValidator(_whole_cents)]
"""Cents at two decimals, so that models with equal amounts give equal bytes."""

Exact = Annotated[ExactAmount, AfterValidator(_ten_decimals)]
"""An exact cost or a split weight (money for a proportional split, heads for a headcount), at ten decimals."""

Period = Annotated[str, AfterValidator(_period)]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BusinessUnit(_Frozen):
    """Whom the statement is addressed to."""

    id: str = Field(min_length=1)
    name: str


class InvoiceShare(_Frozen):
    """One AWS invoice of the bill and the part of it that is this business unit's; no id before AWS issues it."""

    billing_account_id: str
    invoice_id: str
    billed_cost: Amount
    allocated_cost: Amount
    delta: Amount
    business_unit_cost: Amount


class Bill(_Frozen):
    """The whole organization's bill. ``commitment_bridge`` is the part of it that consumers are not charged for as
    usage: booked as a prepayment of commitments when positive, released from one when negative."""

    billed_cost: Amount
    allocated_cost: Amount
    delta: Amount
    commitment_bridge: Amount
    invoices: tuple[InvoiceShare, ...]


class PoolShare(_Frozen):
    """A cost center's part of a shared pool: ``pool_cost`` times ``weight`` over ``total_weight``, to the cent."""

    pool_id: str = Field(min_length=1)
    pool_name: str
    split_method: Literal["proportional", "even", "fixed", "driver"]
    driver: str = ""
    pool_cost: Amount
    weight: Exact
    total_weight: Exact
    share: Amount


class AccountCost(_Frozen):
    """Direct cost of one AWS account."""

    sub_account_id: str
    sub_account_name: str
    cost: Amount


class ServiceCost(_Frozen):
    """Direct cost of one AWS service."""

    service_name: str
    cost: Amount


class ChargeClassCost(_Frozen):
    """Direct cost of one charge class: usage, credit, discount, tax, ..."""

    charge_class: str
    cost: Amount


class AdjustmentCost(_Frozen):
    """Direct cost that the policy moved here from ``other_cost_center``, or there when it is below zero; ``settles``
    names the disputed statement, if one is settled by it."""

    adjustment_id: str = Field(min_length=1)
    other_cost_center: str
    reason: str
    settles: str = ""
    cost: Amount


class ResourceCost(_Frozen):
    """An expensive resource, for information: its cost is exact, before rounding to the invoice."""

    resource_id: str
    sub_account_id: str
    service_name: str
    cost: Exact


class CostCenterStatement(_Frozen):
    """What one cost center is charged and why. ``prior_total`` is last month's, None when there was none."""

    cost_center: str = Field(min_length=1)
    name: str
    direct: Amount
    shared: Amount
    total: Amount
    prior_total: Amount | None = None
    pool_shares: tuple[PoolShare, ...] = ()
    accounts: tuple[AccountCost, ...] = ()
    services: tuple[ServiceCost, ...] = ()
    charge_classes: tuple[ChargeClassCost, ...] = ()
    adjustments: tuple[AdjustmentCost, ...] = ()
    top_resources: tuple[ResourceCost, ...] = ()


class MonthTotal(_Frozen):
    """The business unit's cost of one month."""

    billing_period: Period
    direct: Amount
    shared: Amount
    total: Amount


class LedgerLine(_Frozen):
    """A line of the ledger, as published; ``exact_cost`` is its cost before rounding to the invoice."""

    entry_id: str = Field(min_length=1)
    billing_account_id: str
    invoice_id: str
    cost_center: str
    allocation_method: Literal["direct", "shared"]
    pool_id: str
    rule_id: str
    sub_account_id: str
    service_name: str
    charge_class: str
    cost: Amount
    exact_cost: Exact
    line_count: int


class Provenance(_Frozen):
    """What the amounts were computed from and with."""

    policy_sha256: str
    sql_sha256: str
    code_version: str
    manifest_execution_id: str
    sealed_files: int
    line_items: int


class SignedBy(_Frozen):
    """Who signs the statement: the certificate's subject, and the SHA-256 of the certificate in hex."""

    subject: str
    certificate_sha256: str


class StatementModel(_Frozen):
    """A statement, ready to be rendered. ``paper`` is what the organization prints on. ``trend`` is oldest first and
    ends with this billing period; ``signed_by`` is None for a draft, which nobody signs."""

    organization: str
    paper: Literal["A4", "Letter"] = "A4"
    billing_period: Period
    charge_period: Period
    revision: int = Field(ge=1)
    draft: bool
    billing_currency: str = Field(min_length=1)
    cost_basis: Literal["effective", "billed"]
    business_unit: BusinessUnit
    bill: Bill
    cost_centers: tuple[CostCenterStatement, ...]
    trend: tuple[MonthTotal, ...] = Field(min_length=1, max_length=12)
    ledger_lines: tuple[LedgerLine, ...]
    provenance: Provenance
    signed_by: SignedBy | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        differences = adding_up.differences(self)
        if differences:
            shown = "; ".join(differences[:_SHOWN_DIFFERENCES])
            more = len(differences) - _SHOWN_DIFFERENCES
            raise InvariantViolated(
                f"the statement of business unit {self.business_unit.id} for {self.charge_period}, revision "
                f"{self.revision}, does not add up and is not rendered: {shown}"
                + (f"; and {more} more differences" if more > 0 else "")
            )
        return self

    @property
    def direct(self) -> Decimal:
        """Direct cost of all cost centers."""
        return total(center.direct for center in self.cost_centers)

    @property
    def shared(self) -> Decimal:
        """Shared cost of all cost centers."""
        return total(center.shared for center in self.cost_centers)

    @property
    def total(self) -> Decimal:
        """What the business unit is charged."""
        return total(center.total for center in self.cost_centers)

    @property
    def adjustment(self) -> bool:
        """Whether this revision carries only the differences to earlier ones, after AWS restated a closed month."""
        return self.revision > 1 or self.charge_period != self.billing_period
