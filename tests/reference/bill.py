"""The bill as the reference reads it: line items as dicts by CUR 2.0 column name, folded into charges.

Amounts are integers: "exact" ones count ten-billionths of the currency unit (ten decimals), "cents" count cents; both
are signed, and no float gets past ``exact``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, NamedTuple

from tests.reference.policy_file import Policy

CENT = 10**8
"""One cent in exact amounts."""
MICRO = 10**4
"""One millionth of a dollar in exact amounts: the step of a weight."""


# === 1. Money ===


def exact(cost: float | None) -> int:
    """A cost of the export as an exact amount: its shortest decimal text, half away from zero at ten decimals."""
    text = Decimal(repr(float(cost or 0)))
    return int(text.scaleb(10, Context(prec=60)).to_integral_value(ROUND_HALF_UP))


def round_half_away(amount: int, step: int) -> int:
    """How many steps an amount is, rounded half away from zero."""
    steps = (2 * abs(amount) + step) // (2 * step)
    return -steps if amount < 0 else steps


# === 2. and 3. The bill's charges ===


class Invoice(NamedTuple):
    """One invoice of one bill; a bill is a payer account and a currency, in one month."""

    payer: str
    currency: str
    invoice_id: str


class Charge(NamedTuple):
    """What is charged: everything that the policy can tell apart. Lines that agree in all of it are one charge."""

    invoice: Invoice
    account: str
    service: str
    line_type: str
    operation: str
    usage_type: str
    charge_class: str
    resource: str
    parent: str
    owner_tag: str
    tags: tuple[tuple[str, str], ...]


@dataclass
class Cost:
    """What a charge costs, exactly; ``claim`` is what a pod or task claims of its instance; ``lines`` in the export."""

    unblended: int = 0
    effective: int = 0
    claim: int = 0
    lines: int = 0


def text_of(line: Mapping[str, Any], column: str) -> str:
    """A text column, where missing and blank are the same."""
    return line.get(column) or ""


def tag_of(line: Mapping[str, Any], key: str) -> str:
    """The value of a tag key; ``Cost-Center`` is ``user_cost_center`` in the export."""
    return dict(line.get("resource_tags") or {}).get("user_" + re.sub("[^a-z0-9]", "_", key.lower())) or ""


def charge_class(line_type: str, service: str) -> str:
    """The class of a line, by its type, then by its product code."""
    by_type = {"Tax": "tax", "Credit": "credit", "Refund": "refund", "Fee": "fee"}
    if line_type in by_type:
        return by_type[line_type]
    if line_type in ("RIFee", "SavingsPlanRecurringFee", "SavingsPlanUpfrontFee", "SavingsPlanNegation"):
        return "commitment_fee"
    if line_type.endswith("Discount"):
        return "discount"
    if service.startswith(("AWSSupport", "AWSDeveloperSupport", "AWSPremiumSupport", "OCB")):
        return "support"
    return "usage"


def effective_cost(line: Mapping[str, Any]) -> int:
    """What consumers are charged for a line after Savings Plans and Reserved Instances."""

    def column(name: str) -> int:
        return exact(line.get(name))

    match text_of(line, "line_item_line_item_type"):
        case "SavingsPlanCoveredUsage":
            return column("savings_plan_savings_plan_effective_cost")
        case "SavingsPlanRecurringFee":
            return column("savings_plan_total_commitment_to_date") - column("savings_plan_used_commitment")
        case "SavingsPlanNegation" | "SavingsPlanUpfrontFee":
            return 0
        case "DiscountedUsage":
            return column("reservation_effective_cost")
        case "RIFee":
            return column("reservation_unused_amortized_upfront_fee_for_billing_period") + column(
                "reservation_unused_recurring_fee"
            )
        case "Fee" if text_of(line, "reservation_reservation_a_r_n"):
            return 0
    return column("line_item_unblended_cost")


def charges_of(lines: Iterable[Mapping[str, Any]], policy: Policy) -> dict[Charge, Cost]:
    """The bill, line by line. Split rows of EKS and ECS cost nothing: they only claim."""
    billed = policy.document.get("cost_basis", "effective") == "billed"
    keys, owner_key = policy.tag_keys, policy.document["tags"]["owner"]
    charges: dict[Charge, Cost] = defaultdict(Cost)
    for line in lines:
        line_type, service = text_of(line, "line_item_line_item_type"), text_of(line, "line_item_product_code")
        payer, currency = text_of(line, "bill_payer_account_id"), text_of(line, "line_item_currency_code")
        charge = Charge(
            invoice=Invoice(payer, currency, text_of(line, "bill_invoice_id")),
            account=text_of(line, "line_item_usage_account_id"),
            service=service,
            line_type=line_type,
            operation=text_of(line, "line_item_operation") if policy.looks_at("operation") else "",
            usage_type=text_of(line, "line_item_usage_type") if policy.looks_at("usage_type_prefix") else "",
            charge_class=charge_class(line_type, service),
            resource=text_of(line, "line_item_resource_id"),
            parent=text_of(line, "split_line_item_parent_resource_id"),
            owner_tag=tag_of(line, owner_key),
            tags=tuple((key, tag_of(line, key)) for key in keys),
        )
        cost = charges[charge]
        cost.lines += 1
        if charge.parent:
            cost.claim += exact(line.get("split_line_item_split_cost"))
            cost.claim += exact(line.get("split_line_item_unused_cost"))
        else:
            cost.unblended += exact(line["line_item_unblended_cost"])
            cost.effective += exact(line["line_item_unblended_cost"]) if billed else effective_cost(line)
    return dict(charges)
