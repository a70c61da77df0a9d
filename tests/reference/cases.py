"""Months written by hand to be hard: each has the ties, signs and spellings that one part of the arithmetic decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.reference.allocation import LedgerLine, allocate, in_cents, share_out, split
from tests.reference.bill import CENT, Invoice, round_half_away
from tests.reference.comparison import assert_same
from tests.reference.engine import UNOWNED, Engine, Owned
from tests.reference.months import MONTH, totals_of
from tests.reference.policy_file import Policy, Target

Line = dict[str, Any]
HERE, OTHER = "111111111111", "222222222222"
ONE = Invoice(HERE, "USD", "INV-1")

_POLICY = """
schema_version: 1
organization: {name: Meridian Health, billing_currency: USD}
cost_basis: effective
tags: {owner: Cost-Center, mandatory: [Cost-Center, environment], untagged_threshold: "0.05"}
business_units: [{id: north, name: North}, {id: south, name: South}]
cost_centers:
  - {id: CC-1, name: One, business_unit: north, aliases: ["Caf\u00e9 One"]}
  - {id: CC-2, name: Two, business_unit: south}
  - {id: Zeta, name: Zeta, business_unit: south}
  - {id: logging, name: Named as a pool, business_unit: south}
  - {id: CC-9, name: Unowned, business_unit: north}
  - {id: Closed, name: Closed, business_unit: north, valid_to: 2026-04}
accounts:
  - {id: "111111111111", name: production, cost_center: CC-2}
  - {id: "222222222222", name: sandbox}
  - {id: "333333333333", name: closed, cost_center: Closed}
charge_classes:
  usage: {owner: true}
  tax: {pool: untaggable}
  support: {pool: support}
  credit: {owner: true}
  refund: {pool: untagged}
  fee: {owner: true}
  discount: {pool: logging}
  commitment_fee: {pool: support}
  commitment_bridge: {cost_center: CC-9}
rules:
  - {id: two-keys, match: {service: [AWSGlue], account: ["222222222222"]}, to: {pool: logging}}
  - {id: glue-nat, match: {service: [AWSGlue], operation: [Nat]}, to: {cost_center: CC-1}}
  - {id: all-glue, match: {service: [AWSGlue]}, to: {cost_center: Zeta}}
  - {id: transfer, match: {usage_type_prefix: [Data]}, to: {pool: logging}}
  - {id: team, match: {tag: {team: [Web]}}, to: {cost_center: CC-2}}
  - {id: staging, match: {tag: {environment: [staging]}}, to: {cost_center: logging}}
  - {id: odd-account, match: {account: ["444444444444"]}, to: {cost_center: Zeta}}
pools:
  - {id: support, name: Support, split: {method: proportional}}
  - {id: logging, name: Logging, split: {method: fixed, shares: {CC-1: "0.5", "pool:support": "0.5"}}}
  - {id: untagged, name: Untagged, split: {method: even, among: [CC-1, CC-2, Zeta]}}
  - {id: untaggable, name: Untaggable, split: {method: driver, driver: headcount}}
  - id: unrecognized
    name: Unrecognised
    split: {method: fixed, shares: {"pool:logging": "0.25", "pool:support": "0.25", logging: "0.25", Zeta: "0.25"}}
drivers: {headcount: {file: headcount.csv}}
adjustments:
  - id: ADJ-1
    billing_period: 2026-05
    from_cost_center: CC-1
    to_cost_center: Zeta
    amount: "3.01"
    reason: The build farm was theirs
  - id: ADJ-2
    billing_period: 2026-05
    from_cost_center: Zeta
    to_cost_center: CC-9
    amount: "100"
    reason: Agreed
  - id: ADJ-0
    billing_period: 2026-04
    from_cost_center: Zeta
    to_cost_center: CC-2
    amount: "7.00"
    reason: Of another month
defaults: {unowned_cost_center: CC-9}
"""
_HEADCOUNT = f"billing_period,cost_center,value\n{MONTH},CC-1,0\n{MONTH},CC-2,0\n2026-04,CC-1,5\n"

POLICY = Policy.read(_POLICY, MONTH, {"headcount.csv": _HEADCOUNT})
BILLED = Policy({**POLICY.document, "cost_basis": "billed"}, MONTH, POLICY.driver_files)


def line(cost: float, line_type: str = "Usage", owner: str | None = "CC-1", **columns: Any) -> Line:
    """A line of the first invoice, tagged with its owner; other tags and columns as given."""
    tags = {"user_cost_center": owner} if owner is not None else {}
    return {
        "bill_payer_account_id": HERE,
        "bill_invoice_id": "INV-1",
        "line_item_currency_code": "USD",
        "line_item_usage_account_id": OTHER,
        "line_item_product_code": "AmazonEC2",
        "line_item_resource_id": "i-1",
        "line_item_unblended_cost": cost,
        "line_item_line_item_type": line_type,
        **columns,
        "resource_tags": {**tags, **columns.get("resource_tags", {})},
    }


def _commitments() -> list[Line]:
    """Every kind of line that costs its owner something other than what the invoice says, or does not."""
    plan = "savings_plan_total_commitment_to_date", "savings_plan_used_commitment"
    unused = (
        "reservation_unused_amortized_upfront_fee_for_billing_period",
        "reservation_unused_recurring_fee",
    )
    bought = {"reservation_reservation_a_r_n": "arn:aws:ec2:reserved/1"}
    return [
        line(10.0, "SavingsPlanCoveredUsage", savings_plan_savings_plan_effective_cost=7.1234567891),
        line(4.0, "SavingsPlanCoveredUsage", owner="Zeta"),
        line(-10.0, "SavingsPlanNegation"),
        line(9.0, "SavingsPlanRecurringFee", **dict(zip(plan, (9.0, 6.5), strict=True))),
        line(100.0, "SavingsPlanUpfrontFee"),
        line(0.0, "DiscountedUsage", owner="CC-2", reservation_effective_cost=3.3333333333),
        line(50.0, "RIFee", **dict(zip(unused, (1.25, 2.0000000001), strict=True))),
        line(600.0, "Fee", **bought),
        line(12.0, "Fee", owner="CC-2"),
        line(5.0, "Fee", owner="CC-2", reservation_reservation_a_r_n=""),
        line(5.0, line_item_usage_account_id="444444444444", savings_plan_savings_plan_effective_cost=1.0),
        line(6.0, "SavingsPlanUpfrontFee", line_item_usage_account_id="444444444444"),
    ]


def _classes() -> list[Line]:
    """Every charge class, told by line type and product code."""
    return [
        line(1.01, "Tax"),
        line(-2.02, "Credit"),
        line(-3.03, "Refund"),
        line(-4.04, "EdpDiscount"),
        line(-5.05, "BundledDiscount"),
        line(6.06, "DiscountOfAnotherName"),
        line(7.07, line_item_product_code="AWSSupportBusiness"),
        line(8.08, line_item_product_code="AWSDeveloperSupport"),
        line(9.09, line_item_product_code="AWSPremiumSupport"),
        line(10.10, line_item_product_code="OCBPremiumSupport"),
        line(11.11, line_item_product_code="XOCB"),
    ]


def _owners() -> list[Line]:
    """Owner tags in every spelling, and their absence with and without a resource and a default owner."""
    values = (
        "CC-1",
        "cc-1",
        " CC-2 ",
        "\u00a0Zeta\u3000",
        "\tCC-2\u2028",
        "Cafe\u0301 One",
        "CAF\u00c9 ONE",
        "typo",
        "Closed",
        "",
        " ",
        None,
    )
    columns = (
        {},
        {"line_item_resource_id": None},
        {"line_item_usage_account_id": HERE},
        {"line_item_usage_account_id": "333333333333"},
    )
    return [
        line(round(1 + 0.07 * row + 0.013 * column, 3), owner=value, **more)
        for row, value in enumerate(values)
        for column, more in enumerate(columns)
    ]


def _rules() -> list[Line]:
    """Lines that several rules match, or all but one key of a rule."""
    glue, tags = {"line_item_product_code": "AWSGlue"}, "resource_tags"
    return [
        line(1.11, **glue),
        line(2.22, **glue, line_item_usage_account_id=HERE),
        line(3.33, **glue, line_item_operation="Nat", line_item_usage_account_id=HERE),
        line(4.44, line_item_operation="Nat"),
        line(5.55, line_item_usage_type="DataTransfer-Out"),
        line(6.66, line_item_usage_type="BoxUsage"),
        line(7.77, **{tags: {"user_team": " WEB"}}),
        line(8.88, **{tags: {"user_team": "database"}}),
        line(9.99, **{tags: {"user_environment": "staging"}}, owner="CC-2"),
        line(11.12, **{tags: {"user_environment": "", "user_team": "web"}}, owner="Zeta"),
        line(12.13, **{tags: {"user_environment": "web"}}, owner="Zeta"),
    ]


def _invoices() -> list[Line]:
    """Two payers, two currencies, invoices with and without an id: nothing of one may reach another."""
    bills = [
        {"bill_payer_account_id": payer, "line_item_currency_code": currency, "bill_invoice_id": number}
        for payer in (HERE, "999999999999")
        for currency in ("USD", "EUR")
        for number in (None, "INV-1", "INV-2")
    ]
    support = {"line_item_product_code": "AWSSupportBusiness"}
    return [
        line(cost, owner=owner, **bill, **more)
        for position, bill in enumerate(bills)
        for cost, owner, more in (
            (10.004 * (position + 1), "CC-1", {}),
            (3.335 * (12 - position), "Zeta", {}),
            (-0.01 * position, "CC-2", {}),
            (7.77 + position, None, support),
        )
    ]


def _dust() -> list[Line]:
    """Amounts below a cent: what a sum keeps and what rounding too early would lose."""
    many = [line(0.0004, owner=owner) for owner in ("CC-1", "CC-2", "Zeta", "typo") for _ in range(9)]
    tiny = [line(1e-10, owner="CC-2"), line(-3e-10, owner="Zeta"), line(0.00000000005, owner="CC-2")]
    return [*many, *tiny, line(0.0000004, "Refund")]


def _pod(name: str, claim: float | None, owner: str | None, instance: str = "i-1", **columns: Any) -> Line:
    columns = {"line_item_resource_id": name, "split_line_item_parent_resource_id": instance} | columns
    return line(5.0, owner=owner, split_line_item_split_cost=claim, split_line_item_unused_cost=0.5, **columns)


def _pods() -> list[Line]:
    """Instances claimed in part, claimed too much, of two charges, in credit; pods without an owner or an instance."""
    return [
        line(100.0, owner="CC-2"),
        line(0.3333333333, owner="CC-2", line_item_product_code="AWSDataTransfer"),
        line(-40.0, "Credit", owner="CC-2"),
        _pod("pod-1", 30.0, "CC-1"),
        _pod("pod-2", 10.0000009, "Zeta"),
        _pod("pod-3", 20.0, None),
        line(10.0, owner=None, line_item_resource_id="i-2"),
        line(2.0, owner=None, line_item_resource_id="i-2", bill_invoice_id="INV-2"),
        _pod("pod-4", 17.7777777, "CC-1", "i-2"),
        _pod("pod-4", 3.3, "CC-1", "i-2", bill_invoice_id="INV-2"),
        _pod("pod-5", 5.5, " ", "i-2"),
        _pod("pod-6", -9.0, "Zeta", "i-2"),
        _pod("pod-7", 1.0, "Zeta", "i-gone"),
        _pod("pod-8", None, "Zeta", "i-1"),
        _pod("pod-9", 4.0, "Zeta", "i-1", line_item_usage_account_id=HERE),
    ]


def _owned(amounts: Mapping[tuple[str, str, str], int], invoice: Invoice = ONE) -> dict[tuple[Target, LedgerLine], int]:
    """Owned charges from ``(kind, id, service)``."""
    return {
        (Target(kind, id_), LedgerLine(invoice, id_, "", "charge_class:usage", HERE, service, "usage")): amount
        for (kind, id_, service), amount in amounts.items()
    }


def _tied_lines() -> Owned:
    """Ledger lines of one cost center with the same fraction: by magnitude, then by key; halves of both signs."""
    half, third = CENT // 2, CENT // 3
    return _owned(
        {
            ("cost_center", "CC-1", "S-b"): 5 * CENT + half,
            ("cost_center", "CC-1", "S-a"): 5 * CENT + half,
            ("cost_center", "CC-1", "S-c"): -9 * CENT + half,
            ("cost_center", "CC-1", "S-d"): 2 * CENT + half,
            ("cost_center", "CC-1", "S-e"): -1,
            ("cost_center", "Zeta", "S-f"): third,
            ("cost_center", "CC-2", "S-g"): -third,
            ("pool", "untagged", "S-h"): 7 * CENT + third,
        }
    )


def _chained_pools() -> Owned:
    """Pools that feed each other, one in credit, one for nobody; weights from both of the invoices."""
    first = {
        ("pool", "unrecognized", ""): 10_003 * CENT,
        ("pool", "untagged", ""): -7 * CENT,
        ("pool", "untaggable", ""): 13 * CENT,
        ("cost_center", "CC-1", "a"): 30 * CENT + 3333,
        ("cost_center", "CC-2", "a"): -50 * CENT,
        ("cost_center", "Zeta", "a"): 70 * CENT - 4999,
        ("cost_center", "logging", "a"): 4_000,
    }
    second = {
        ("pool", "support", ""): -999 * CENT,
        ("pool", "logging", ""): -1 * CENT,
        ("cost_center", "CC-2", "a"): 81 * CENT + 6_666_666,
        ("cost_center", "Zeta", "b"): 11 * CENT,
    }
    return _owned(first) | _owned(second, Invoice(HERE, "USD", "INV-2"))


_ITEMS = {
    Invoice(HERE, "USD", "half-up"): {Target("cost_center", "a"): CENT // 2},
    Invoice(HERE, "USD", "half-down"): {Target("cost_center", "a"): -CENT // 2},
    Invoice(HERE, "USD", "half-even"): {Target("cost_center", "a"): 2 * CENT + CENT // 2},
    Invoice(HERE, "USD", "below"): {Target("cost_center", "a"): -3 * CENT - 1, Target("pool", "b"): -CENT // 2},
    Invoice(HERE, "USD", "tied"): {
        Target("cost_center", "z"): CENT // 2,
        Target("pool", "a"): CENT // 2,
        Target("cost_center", "Y"): CENT // 2,
        Target("pool", "Y"): -3 * CENT - CENT // 2,
    },
    Invoice(HERE, "USD", "kinds"): {Target("cost_center", "z"): CENT // 2, Target("pool", "a"): CENT // 2},
    Invoice(HERE, "USD", "sized"): {
        Target("cost_center", "a"): CENT + CENT // 2,
        Target("cost_center", "b"): 2 * CENT + CENT // 2,
        Target("cost_center", "c"): -8 * CENT - CENT // 2,
    },
    Invoice(HERE, "USD", "large"): {Target("pool", "a"): 10**19 - 1, Target("pool", "b"): 2, Target("pool", "c"): -1},
}

_A, _B, _C = (Target("cost_center", id_) for id_ in "abc")
_POOLS: dict[str, tuple[int, dict[Target, int]]] = {
    "thirds": (100, {_B: 1, _A: 1, _C: 1}),
    "credit": (-100, {_B: 1, _A: 1, _C: 1}),
    "by weight": (5, {_A: 1, _B: 3, _C: 6}),
    "sized": (2, {_A: 3, _B: 3, _C: 6, Target("cost_center", "d"): 12}),
    "same name": (1, {Target("pool", "a"): 5, _A: 5}),
    "none": (77, {_A: 0, _B: -4}),
    "some": (77, {_A: 0, _B: 4, _C: -4}),
    "nothing": (0, {_A: 1}),
    "just below": (10**11 - 1, {_A: 10**17 + 6, _B: 1}),
    "just whole": (3 * 10**10, {_A: 10**15 + 1, _B: 2 * 10**15 + 2}),
    "large": (-(10**11), {_A: 10**18, _B: 10**18 - 1, _C: 1}),
}


def _of_month(policy: Policy, lines: list[Line], invoiced: Mapping[Invoice, int] | None = None) -> Callable[..., None]:
    def check(engine: Engine) -> None:
        found = engine.allocate(lines, policy, invoiced, flat_tags=invoiced is not None)
        assert_same(found, allocate(lines, policy, invoiced), lines_read=len(lines))

    return check


def _of_owned(owned: Owned) -> Callable[[Engine], None]:
    def check(engine: Engine) -> None:
        assert_same(engine.share_out(owned, POLICY), share_out(owned, totals_of(owned), POLICY))

    return check


def _items(engine: Engine) -> None:
    expected = {
        invoice: in_cents(amounts, round_half_away(sum(amounts.values()), CENT)) for invoice, amounts in _ITEMS.items()
    }
    assert engine.round_items(_ITEMS) == expected


def _pools(engine: Engine) -> None:
    expected = {
        pool: split(cents, weights) if any(weight > 0 for weight in weights.values()) else {UNOWNED: cents}
        for pool, (cents, weights) in _POOLS.items()
    }
    assert engine.split_pools(_POOLS) == expected


CASES: Mapping[str, Callable[[Engine], None]] = {
    "items": _items,
    "pools": _pools,
    "tied lines": _of_owned(_tied_lines()),
    "chained pools": _of_owned(_chained_pools()),
    "rules": _of_month(POLICY, _rules()),
    "owners": _of_month(POLICY, _owners()),
    "pods": _of_month(POLICY, _pods()),
    "classes": _of_month(POLICY, _classes()),
    "commitments": _of_month(POLICY, _commitments(), {ONE: 80_000, Invoice(HERE, "USD", "INV-3"): -2}),
    "billed": _of_month(BILLED, _commitments()),
    "dust": _of_month(POLICY, _dust()),
    "invoices": _of_month(POLICY, _invoices()),
}
"""Each raises AssertionError when the SQL is not what the reference says."""

_DECIDED_BY = {
    "r010_control_totals": ("pods", "dust"),
    "f010_charges": ("classes", "commitments", "billed", "dust"),
    "a010_divided_charges": ("pods", "commitments"),
    "a020_owned_charges": ("owners", "rules", "commitments"),
    "a030_invoice_items": ("items",),
    "a040_pool_shares": ("pools", "chained pools"),
    "a050_ledger_entries": ("tied lines", "commitments"),
}


def cases_of(statement: str) -> list[Callable[[Engine], None]]:
    """All cases, those first that a statement has most to do with."""
    return [CASES[name] for name in dict.fromkeys((*_DECIDED_BY[statement], *CASES))]
