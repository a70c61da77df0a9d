"""The sentences and names of a statement: what was split how, what a charge class is, which document this is."""

from __future__ import annotations

from decimal import Decimal

from functions.render_statement.model import PoolShare, StatementModel
from functions.render_statement.pdf_numbers import money_weight, month, plain_weight
from functions.shared.money import total
from functions.shared.periods import BillingPeriod
from functions.shared.run_files import safe_name

DRAFT = "DRAFT – not final, not posted"
NOT_ISSUED = "not issued yet"
NO_SERVICE = "No service"

_CHARGE_CLASSES = {
    "usage": "Usage",
    "tax": "Tax",
    "support": "AWS Support",
    "credit": "Credits",
    "refund": "Refunds",
    "fee": "Fees",
    "discount": "Discounts",
    "commitment_fee": "Commitment fees",
    "commitment_bridge": "Commitment bridge",
    "invoice_rounding": "Invoice rounding",
    "adjustment": "Adjustments",
}
_COST_BASES = {"effective": "Effective cost", "billed": "Billed cost"}


def charge_class(name: str) -> str:
    """The charge class as people call it; one we do not know keeps its own name."""
    return _CHARGE_CLASSES.get(name) or name.replace("_", " ").capitalize()


def cost_basis(statement: StatementModel) -> str:
    """Effective cost or Billed cost."""
    return _COST_BASES[statement.cost_basis]


def document_title(statement: StatementModel) -> str:
    """Names the document among all others of its kind."""
    parts = ["Cloud cost statement", business_unit(statement), month(statement.charge_period), revision(statement)]
    return " – ".join(parts) + (f" – {DRAFT}" if statement.draft else "")


def file_stem(statement: StatementModel) -> str:
    """The name that the statement's files share: claims-2026-05-r1."""
    return f"{safe_name(statement.business_unit.id)}-{statement.charge_period}-r{statement.revision}"


def business_unit(statement: StatementModel) -> str:
    """The business unit's name, or its id when it has none."""
    return statement.business_unit.name or statement.business_unit.id


def revision(statement: StatementModel) -> str:
    """Revision 1."""
    return f"Revision {statement.revision}"


def split_by(pool: PoolShare) -> tuple[str, str]:
    """How a pool was split, and this cost center's weight of the total, in words."""
    if pool.total_weight <= 0 and not pool.pool_cost:
        return "No longer split", "an earlier revision's share is taken back"
    if pool.total_weight <= 0:
        return "To the default cost center", "no cost center had a weight in this pool"
    weights = f"{plain_weight(pool.weight)} of {plain_weight(pool.total_weight)}"
    match pool.split_method:
        case "proportional":
            return (
                "In proportion to direct cost",
                f"{money_weight(pool.weight)} of {money_weight(pool.total_weight)}",
            )
        case "even":
            return "Evenly among cost centers", weights
        case "fixed":
            return "By fixed shares", weights
        case "driver":
            return f"By {pool.driver or 'driver'}", weights


def prior_month_total(statement: StatementModel) -> Decimal | None:
    """What the business unit was charged the month before; None when there is nothing to compare with. Adjustments
    are differences, and have nothing to compare with."""
    if statement.adjustment:
        return None
    previous = str(BillingPeriod.parse(statement.charge_period).previous())
    for earlier in statement.trend:
        if earlier.billing_period == previous:
            return earlier.total
    known = [center.prior_total for center in statement.cost_centers if center.prior_total is not None]
    return total(known) if known else None


def prior_month_name(statement: StatementModel) -> str:
    """April 2026."""
    return BillingPeriod.parse(statement.charge_period).previous().title
