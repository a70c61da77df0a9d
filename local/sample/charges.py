"""The lines of a month that come from no resource: commitments, support, tax, Marketplace, discounts, credits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from functions.shared.periods import BillingPeriod
from local.sample.budget import Budget, apportion
from local.sample.columns import UNITS_PER_DOLLAR, Batch, Integers, discount_maps, dollars, gather_all, text
from local.sample.commitments import Hours, PlanUse, Reservation, hours_in
from local.sample.invoices import Invoice
from local.sample.lines import Lines
from local.sample.organisation import ACCOUNTS, VENDORS, is_emea
from local.sample.resources import account_columns, line_item_ids

_PER_MILLE = 1000
_PRIVATE_RATES = ("AmazonS3", "AmazonCloudFront", "AmazonConnect")
_BUNDLED = ("awswaf", "AWSShield")
_DISCOUNTS = {
    "EdpDiscount": "edp_discount",
    "PrivateRateDiscount": "private_rate_discount",
    "BundledDiscount": "bundled_discount",
}
_CREDITS = (
    ("AmazonEC2", "MAP 2.0 migration credit"),
    ("AmazonBedrock", "AWS Activate generative AI credit"),
    ("AmazonRedshift", "Proof of concept credit"),
    ("AmazonConnect", "Service level credit"),
)
_REFUNDS = (("AmazonRDS", "Refund for double charge of Multi-AZ storage"), ("AmazonES", "Refund for failed upgrade"))
_CREDIT_MEMO = (
    ("AmazonEC2", "Billing adjustment for an earlier month"),
    ("AWSDataTransfer", "Inter-Region transfer charged in error"),
    ("AmazonGuardDuty", "Trial extended"),
)


@dataclass(frozen=True)
class Charge:
    """One such line; costs in units of 1e-10 dollars."""

    type: str
    units: int
    product_code: str
    description: str
    invoice: Invoice = Invoice.USAGE
    account: int = 0
    hours: Hours | None = None
    """When it was used; the whole month if not said."""
    words: dict[str, str] = field(default_factory=dict)
    amounts: dict[str, int] = field(default_factory=dict)


def commitment_charges(
    period: BillingPeriod, plans: Sequence[PlanUse], reserved: Sequence[Reservation]
) -> Iterator[Charge]:
    """The fees of Savings Plans and reservations, upfront in the month they are bought and recurring in every month."""
    for use in plans:
        if use.plan.upfront and use.plan.bought == period:
            yield Charge(
                "SavingsPlanUpfrontFee",
                use.plan.upfront,
                "ComputeSavingsPlans",
                "One-time fee for a Savings Plan",
                Invoice.SAVINGS_PLAN_PURCHASE,
                hours=Hours(0, 1),
                words=use.plan.columns(),
            )
        yield from _plan_fees(use)
    for reservation in reserved:
        if reservation.upfront and reservation.bought == period:
            yield Charge(
                "Fee",
                reservation.upfront,
                reservation.product_code,
                "Sign up charge for subscription",
                Invoice.RESERVATION_PURCHASE,
                hours=Hours(0, 1),
                words=reservation.columns() | {"line_item_usage_type": reservation.usage_type},
                amounts={"reservation_upfront_value": reservation.upfront},
            )
        yield _reservation_fee(reservation, hours_in(period))


def used_of_reservation(reservation: Reservation, hours: int) -> int:
    """What the usage under a reservation is worth over a month: its recurring and amortised fees less the unused."""
    return (reservation.recurring_hourly + reservation.upfront_hourly) * hours - sum(_unused(reservation, hours))


def invoice_charges(budget: Budget, spend: Integers) -> Iterator[Charge]:
    """Support, tax, Marketplace, discounts, credits and refunds; ``spend`` is what each account used."""
    every = range(len(ACCOUNTS))
    for account, units in zip(every, apportion(budget.support, _scaled(spend)).tolist(), strict=True):
        yield Charge("Usage", units, "AWSSupportEnterprise", "AWS Support (Enterprise)", _invoice(account), account)
    yield from _taxes(budget.tax, spend)
    yield from _marketplace(budget.marketplace)
    for account, units in zip(every, apportion(budget.edp, _scaled(spend)).tolist(), strict=True):
        yield Charge("EdpDiscount", units, "AmazonEC2", "Enterprise Discount Program", _invoice(account), account)
    yield from _few("PrivateRateDiscount", budget.private_rate, [(p, "Private rate card") for p in _PRIVATE_RATES], 2)
    yield from _few("BundledDiscount", budget.bundled, [(p, "Included in Shield Advanced") for p in _BUNDLED], 1)
    yield from _few("Credit", budget.credits, _CREDITS, 2)
    yield from _few("Refund", budget.refunds, _REFUNDS, 2)
    yield from _few("Refund", budget.credit_memo, _CREDIT_MEMO, 1, Invoice.CREDIT_MEMO)


def charge_lines(charges: Sequence[Charge], period: BillingPeriod, rng: np.random.Generator) -> Lines:
    """The charges as lines."""
    account = np.array([charge.account for charge in charges], dtype=np.int64)
    units = np.array([charge.units for charge in charges], dtype=np.int64)
    times = [charge.hours or Hours(0, hours_in(period)) for charge in charges]
    words = {name for charge in charges for name in charge.words}
    amounts = {name for charge in charges for name in charge.amounts}
    columns: Batch = gather_all(account_columns(), account) | {
        "identity_line_item_id": text(line_item_ids(len(charges), rng)),
        "line_item_line_item_type": text([charge.type for charge in charges]),
        "line_item_product_code": text([charge.product_code for charge in charges]),
        "line_item_line_item_description": text([charge.description for charge in charges]),
        "line_item_usage_amount": pa.array(np.ones(len(charges))),
        "product_servicecode": text([charge.product_code for charge in charges]),
    }
    columns |= {name: text([charge.words.get(name) for charge in charges]) for name in sorted(words)}
    for name in sorted(amounts):
        columns[name] = dollars(np.array([charge.amounts.get(name, 0) for charge in charges], dtype=np.int64))
    columns |= _discounts(charges)
    return Lines(
        columns,
        np.array([charge.invoice for charge in charges], dtype=np.int64),
        units,
        np.array([time.start for time in times], dtype=np.int64),
        np.array([time.end for time in times], dtype=np.int64),
    )


def _discounts(charges: Sequence[Charge]) -> Batch:
    """What discount lines repeat in the discount columns, which are NULL on all others."""
    named = [
        {_DISCOUNTS[charge.type]: charge.units} if charge.type in _DISCOUNTS else dict[str, int]() for charge in charges
    ]
    none = np.array([not discount for discount in named])
    units = np.array([sum(discount.values()) for discount in named], dtype=np.int64)
    is_bundled = np.array([charge.type == "BundledDiscount" for charge in charges])
    return {
        "discount": discount_maps(named),
        "discount_total_discount": pa.array(dollars(units).to_numpy(), mask=none),
        "discount_bundled_discount": pa.array(dollars(units).to_numpy(), mask=~is_bundled),
    }


def _plan_fees(use: PlanUse) -> Iterator[Charge]:
    for hours, committed, used in zip(use.stretches, use.committed.tolist(), use.used.tolist(), strict=True):
        paid = 0 if use.plan.all_upfront else committed
        yield Charge(
            "SavingsPlanRecurringFee",
            paid,
            "ComputeSavingsPlans",
            f"Recurring fee for a {use.plan.offering} Savings Plan",
            hours=hours,
            words=use.plan.columns() | {"line_item_usage_type": "ComputeSP:1yrNoUpfront"},
            amounts={
                "savings_plan_total_commitment_to_date": committed,
                "savings_plan_used_commitment": used,
                "savings_plan_recurring_commitment_for_billing_period": paid,
                "savings_plan_amortized_upfront_commitment_for_billing_period": committed - paid,
            },
        )


def _reservation_fee(reservation: Reservation, hours: int) -> Charge:
    recurring = reservation.recurring_hourly * hours
    unused_recurring, unused_upfront = _unused(reservation, hours)
    return Charge(
        "RIFee",
        recurring,
        reservation.product_code,
        f"Recurring hourly fee of reservation {reservation.name}",
        words=reservation.columns() | {"line_item_usage_type": reservation.usage_type},
        amounts={
            "reservation_unused_recurring_fee": unused_recurring,
            "reservation_unused_amortized_upfront_fee_for_billing_period": unused_upfront,
            "reservation_amortized_upfront_fee_for_billing_period": reservation.upfront_hourly * hours,
            "reservation_upfront_value": reservation.upfront,
            "reservation_unused_quantity": (1000 - reservation.used_per_mille) * hours * UNITS_PER_DOLLAR // 1000,
        },
    )


def _unused(reservation: Reservation, hours: int) -> tuple[int, int]:
    """The unused parts of a month's recurring and amortised upfront fee."""
    unused = _PER_MILLE - reservation.used_per_mille
    return (
        reservation.recurring_hourly * hours * unused // _PER_MILLE,
        reservation.upfront_hourly * hours * unused // _PER_MILLE,
    )


def _taxes(total: int, spend: Integers) -> Iterator[Charge]:
    """Sales tax and VAT per account on usage, and sales tax per vendor on Marketplace subscriptions."""
    on_marketplace = total // 5
    for account, units in enumerate(apportion(total - on_marketplace, _scaled(spend)).tolist()):
        kind = "VAT" if is_emea(ACCOUNTS[account]) else "USSalesTax"
        words = {"line_item_tax_type": kind, "line_item_usage_type": "Tax"}
        yield Charge(
            "Tax", units, "AmazonEC2", "Tax for product code AmazonEC2", _invoice(account), account, words=words
        )
    for vendor, units in zip(VENDORS, apportion(on_marketplace, [v.weight for v in VENDORS]).tolist(), strict=True):
        words = {"line_item_tax_type": "USSalesTax", "line_item_legal_entity": vendor.legal_entity}
        about = f"Tax for product code {vendor.product_code}"
        yield Charge("Tax", units, vendor.product_code, about, Invoice.MARKETPLACE, words=words)


def _marketplace(total: int) -> Iterator[Charge]:
    """Each vendor's subscription in a few accounts; the last vendor's is a flat fee."""
    weights = [vendor.weight for vendor in VENDORS]
    for vendor, units in zip(VENDORS, apportion(total, weights).tolist(), strict=True):
        kind = "Fee" if vendor is VENDORS[-1] else "Usage"
        accounts = (1,) if kind == "Fee" else (1, 23, 31, 34)
        for account, part in zip(accounts, apportion(units, range(1, len(accounts) + 1)).tolist(), strict=True):
            words = {
                "line_item_legal_entity": vendor.legal_entity,
                "line_item_usage_type": f"MP:{vendor.product_code[:8]}-units",
                "product_product_family": "AWS Marketplace",
            }
            yield Charge(kind, part, vendor.product_code, vendor.product, Invoice.MARKETPLACE, account, words=words)


def _few(
    kind: str, total: int, products: Sequence[tuple[str, str]], accounts: int, invoice: Invoice = Invoice.USAGE
) -> Iterator[Charge]:
    """A few lines without resource or tag, over the largest accounts."""
    named = [(product, accounts_first) for accounts_first in (1, 23)[:accounts] for product in products]
    parts = apportion(total, range(2, 2 + len(named)))
    for ((product, description), account), units in zip(named, parts.tolist(), strict=True):
        yield Charge(kind, units, product, description, invoice, account)


def _invoice(account: int) -> Invoice:
    return Invoice.EMEA if is_emea(ACCOUNTS[account]) else Invoice.USAGE


def _scaled(spend: Integers) -> Integers:
    """Spend in whole dollars, at least one: weights that stay small enough to multiply."""
    dollars_spent: Integers = np.maximum(spend // UNITS_PER_DOLLAR, 1)
    return dollars_spent
