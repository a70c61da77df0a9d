"""Random months: policies of every shape that is valid, and bills made to hit ties, halves, signs and odd spellings."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.reference.allocation import LedgerLine
from tests.reference.bill import Invoice
from tests.reference.policy_file import Policy, Target, comparable

MONTH = "2026-05"
CLASSES = ("usage", "tax", "support", "credit", "refund", "fee", "discount", "commitment_fee", "commitment_bridge")
LINE_TYPES = (
    "Usage",
    "DiscountedUsage",
    "SavingsPlanCoveredUsage",
    "SavingsPlanNegation",
    "SavingsPlanRecurringFee",
    "SavingsPlanUpfrontFee",
    "RIFee",
    "Fee",
    "Tax",
    "Credit",
    "Refund",
    "EdpDiscount",
    "BundledDiscount",
    "DiscountOfAnotherName",
)
SERVICES = (
    "AmazonEC2",
    "AmazonS3",
    "AWSGlue",
    "AWSSupportBusiness",
    "AWSDeveloperSupport",
    "OCBPremiumSupport",
    "XOCB",
)
ACCOUNTS = ("111111111111", "222222222222", "333333333333")
PAYERS = ("111111111111", "999999999999")
RESOURCES = (None, "", "i-1", "i-2", "arn:aws:s3:::logs")
OPERATIONS = (None, "RunInstances", "Nat")
USAGE_TYPES = (None, "BoxUsage:m5", "DataTransfer-Out", "Box")
ODD_IDS = ("ΟΔΟΣ", "İzmir", "Straße", "Ölçü", "é-1", "cost_center:CC-1", "logging", "𝔘nit", "ﬃ", "a", "B", "~", "CC 1")
BLANKS = ("", " ", "\u00a0", " \u3000\u2003", "\v\x1c\x85")
SPACES = ("", " ", "\u00a0", "\u3000 ", "\t", "\u2028\x85", "\v\x1c")

# ten-billionths: nothing, the smallest amount, halves of a cent and their neighbours, thirds, and large ones
NOTABLE = (0, 1, 49_999_999, 50_000_000, 50_000_001, 99_999_999, 100_000_000, 150_000_000, 3_333_333_333, 6_666_666_667)
LARGEST_LINE = 10**15
"""100,000 dollars: up to here a double with ten decimals becomes the same decimal in both engines."""
LARGEST_MONTH = 10**19
HALVES_OF_THE_LAST_DIGIT = (0.00000000005, -0.00000000005, 1.00000000005, -2.50000000015, 0.12345678905, 1e-11, 3.3e-9)


def amounts(largest: int) -> st.SearchStrategy[int]:
    """Exact amounts of both signs, often notable ones."""
    sizes = st.sampled_from(NOTABLE) | st.integers(0, 10**12) | st.integers(0, largest)
    return st.builds(lambda size, sign: size * sign, sizes, st.sampled_from((1, 1, -1)))


def as_double(amount: int) -> float:
    """The double that an export holds for an exact amount."""
    return float(Decimal(amount).scaleb(-10))


def costs() -> st.SearchStrategy[float]:
    """Costs as the export's doubles, now and then with more decimals than an exact amount has."""
    return st.builds(as_double, amounts(LARGEST_LINE)) | st.sampled_from(HALVES_OF_THE_LAST_DIGIT)


@st.composite
def policies(draw: st.DrawFn, *, most_centers: int = 30) -> Policy:
    """A valid policy and its driver file."""
    centers = draw(_cost_centers(most_centers))
    valid = [center["id"] for center in centers if _is_valid(center)]
    known = list(dict.fromkeys(center["id"] for center in centers))
    pool_ids = ["untagged", "untaggable", "unrecognized", *draw(st.permutations(("logging", "a", "net")))]
    pool_ids = pool_ids[: draw(st.integers(3, 6))]
    target = st.one_of(
        st.sampled_from([{"pool": pool} for pool in pool_ids]),
        st.sampled_from([{"cost_center": center} for center in valid]),
        st.just({"owner": True}),
    )
    owner = "Cost-Center"
    order = draw(st.permutations(pool_ids))
    rules = draw(st.lists(st.tuples(_matches(owner, known), target).filter(_is_allowed), max_size=4))
    document = {
        "schema_version": 1,
        "organization": {"name": "Meridian Health", "billing_currency": "USD"},
        "cost_basis": draw(st.sampled_from(("effective", "effective", "billed"))),
        "tags": {"owner": owner, "mandatory": [owner, "environment"], "untagged_threshold": "0.05"},
        "business_units": [{"id": unit, "name": unit} for unit in ("north", "south")],
        "cost_centers": centers,
        "accounts": draw(_accounts(known)),
        "charge_classes": {
            name: draw(target if name != "commitment_bridge" else target.filter(lambda to: "owner" not in to))
            for name in CLASSES
        },
        "rules": [{"id": f"rule-{9 - i}", "match": match, "to": to} for i, (match, to) in enumerate(rules)],
        "pools": [
            {"id": pool, "name": pool, "split": draw(_splits(valid, known, order[order.index(pool) + 1 :]))}
            for pool in pool_ids
        ],
        "drivers": {"headcount": {"file": "headcount.csv"}},
        "defaults": {"unowned_cost_center": valid[0]},
        "adjustments": draw(_adjustments(valid)),
    }
    return Policy(document, MONTH, {"headcount.csv": draw(_driver_files(known, valid))})


def _adjustments(valid: list[str]) -> st.SearchStrategy[list[dict[str, str]]]:
    """What is moved between cost centers, in this month and in another."""
    if len(set(valid)) < 2:
        return st.just([])
    moves = st.tuples(
        st.lists(st.sampled_from(valid), min_size=2, max_size=2, unique=True),
        st.sampled_from(("0.01", "12.3", "1000000.00")),
        st.sampled_from((MONTH, MONTH, "2026-04")),
    )

    def described(drawn: list[tuple[list[str], str, str]]) -> list[dict[str, str]]:
        return [
            {
                "id": f"ADJ-{9 - number}",
                "billing_period": month,
                "from_cost_center": giver,
                "to_cost_center": taker,
                "amount": amount,
                "reason": "agreed",
            }
            for number, ((giver, taker), amount, month) in enumerate(drawn)
        ]

    return st.lists(moves, max_size=2).map(described)


def _is_valid(center: Mapping[str, Any]) -> bool:
    return bool(center.get("valid_from", MONTH) <= MONTH <= center.get("valid_to", MONTH))


@st.composite
def _cost_centers(draw: st.DrawFn, most: int) -> list[dict[str, Any]]:
    count = draw(st.integers(1, 4) | st.integers(1, most))
    ids = ["CC-1", *draw(st.permutations(ODD_IDS))[: draw(st.integers(0, 3))]]
    ids = [*ids, *(f"CC-{number}" for number in range(2, count + 1))][:count]
    months = ({}, {"valid_from": MONTH}, {"valid_to": MONTH}, {"valid_to": "2026-04"}, {"valid_from": "2026-06"})
    centers: list[dict[str, Any]] = []
    for position, center in enumerate(ids):
        valid = {} if position == 0 else draw(st.sampled_from(months))
        alias = {"aliases": [f"{center} Café"]} if draw(st.booleans()) else {}
        unit = draw(st.sampled_from(("north", "south")))
        centers.append({"id": center, "name": center, "business_unit": unit, **alias, **valid})
        if valid.get("valid_to") == "2026-04" and draw(st.booleans()):
            centers.append({"id": center, "name": center, "business_unit": "south", "valid_from": MONTH})
    return centers


@st.composite
def _accounts(draw: st.DrawFn, known: list[str]) -> list[dict[str, str]]:
    owners = draw(st.tuples(*(st.none() | st.sampled_from(known) for _ in ACCOUNTS[:2])))
    accounts = zip(ACCOUNTS, owners, strict=False)
    return [{"id": id_, "name": id_} | ({"cost_center": owner} if owner else {}) for id_, owner in accounts]


def _some(values: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from([value for value in values if value]), min_size=1, max_size=3, unique=True)


def _is_allowed(rule: tuple[dict[str, Any], dict[str, Any]]) -> bool:
    """The bridge has no owner: a policy that gives it to one is refused."""
    match, to = rule
    return "owner" not in to or "commitment_bridge" not in match.get("charge_class", ())


def _matches(owner: str, known: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    tag = st.fixed_dictionaries({}, optional={owner: _some((*known, "typo")), "team": _some(("Web", "DB"))})
    keys: dict[str, st.SearchStrategy[Any]] = {
        "account": _some(ACCOUNTS),
        "service": _some(SERVICES),
        "line_item_type": _some(LINE_TYPES),
        "operation": _some(("RunInstances", "Nat")),
        "charge_class": _some(CLASSES),
        "usage_type_prefix": _some(("Box", "BoxUsage:", "Data")),
        "tag": tag.filter(bool),
    }
    picked = st.lists(st.sampled_from(sorted(keys)), min_size=1, max_size=2, unique=True)
    return picked.flatmap(lambda names: st.fixed_dictionaries({name: keys[name] for name in names}))


def _splits(valid: list[str], known: list[str], may_feed: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    among = st.fixed_dictionaries({}, optional={"among": _some(tuple(known))})
    by_rule: list[dict[str, Any]] = [
        {"method": "proportional"},
        {"method": "even"},
        {"method": "driver", "driver": "headcount"},
    ]
    rules = st.builds(lambda rule, limit: rule | limit, st.sampled_from(by_rule), among)
    recipients = [*valid, *(f"pool:{pool}" for pool in may_feed)]
    named = st.lists(st.sampled_from(recipients), min_size=1, max_size=4, unique=True)
    fixed = named.flatmap(_shares).map(lambda shares: {"method": "fixed", "shares": shares})
    return rules | fixed


def _shares(recipients: list[str]) -> st.SearchStrategy[dict[str, str]]:
    """Fixed shares that add up to 1, in millionths or finer, some of them equal, some nothing."""

    def share(cuts: list[int], whole: int) -> dict[str, str]:
        edges = [0, *sorted(cuts), whole]
        parts = [Decimal(high - low) / whole for low, high in itertools.pairwise(edges)]
        return {recipient: f"{part:f}" for recipient, part in zip(recipients, parts, strict=True)}

    def of(whole: int) -> st.SearchStrategy[dict[str, str]]:
        cut = st.integers(0, whole) | st.sampled_from([whole // 2, whole // 4, 3])
        return st.lists(cut, min_size=len(recipients) - 1, max_size=len(recipients) - 1).map(
            lambda cuts: share(cuts, whole)
        )

    return st.sampled_from((4, 10**6, 10**12)).flatmap(of)


@st.composite
def _driver_files(draw: st.DrawFn, known: list[str], valid: list[str]) -> str:
    values = st.sampled_from(("0", "0", "1", "1", "120.5", "0.0000005", "0.00000049", "33.333333", "999999999999"))
    rows = {center: draw(values) if center in valid else "0" for center in known if draw(st.booleans())}
    rows = rows or {valid[0]: "7"}
    lines = [f"{MONTH},{center},{value}" for center, value in rows.items()]
    return "\n".join(("billing_period,cost_center,value", f"2026-04,{valid[0]},5", *lines)) + "\n"


def owner_values(policy: Policy) -> list[str]:
    """What people write into the owner tag: every spelling that is declared, and some that are not."""
    spellings = [
        spelling
        for center in policy.document["cost_centers"]
        for spelling in (center["id"], *center.get("aliases", ()))
    ]
    return [*spellings, *BLANKS, "typo", "CC-01"]


_WAYS_TO_WRITE: tuple[Callable[[str], str], ...] = (
    str,
    str,
    lambda text: "".join(letter.upper() if comparable(letter.upper()) == letter else letter for letter in text),
    comparable,
    lambda text: unicodedata.normalize("NFD", text),
)


@st.composite
def bills(draw: st.DrawFn, policy: Policy, *, most_lines: int = 14) -> list[dict[str, Any]]:
    """The lines of one to a few invoices, of up to two payers and two currencies, in CUR 2.0 columns."""
    cost = st.sampled_from(draw(st.lists(costs(), min_size=1, max_size=5)))
    tag = st.builds(
        lambda text, write, before, after: before + write(text) + after,
        st.sampled_from(owner_values(policy)),
        st.sampled_from(_WAYS_TO_WRITE),
        st.sampled_from(SPACES),
        st.sampled_from(SPACES),
    )
    tags = st.none() | st.fixed_dictionaries(
        {},
        optional={
            "user_cost_center": tag,
            "user_team": st.sampled_from(("web", " WEB", "db", "other")),
            "user_environment": st.sampled_from(("prod", "")),
        },
    )
    everywhere = {
        "bill_payer_account_id": st.sampled_from((PAYERS[0], *PAYERS)),
        "bill_invoice_id": st.sampled_from((None, "", "INV-1", "INV-2", "inv-10")),
        "bill_invoicing_entity": st.sampled_from(("Amazon Web Services, Inc.", "AWS Marketplace")),
        "line_item_currency_code": st.sampled_from(("USD", "USD", "USD", "EUR")),
        "line_item_usage_account_id": st.sampled_from(ACCOUNTS),
        "line_item_product_code": st.sampled_from(SERVICES),
        "line_item_operation": st.sampled_from(OPERATIONS),
        "line_item_usage_type": st.sampled_from(USAGE_TYPES),
        "line_item_unblended_cost": cost,
        "resource_tags": tags,
    }
    optional_cost = st.none() | cost
    plain = st.fixed_dictionaries(
        {
            **everywhere,
            "line_item_line_item_type": st.sampled_from(LINE_TYPES),
            "line_item_resource_id": st.sampled_from(RESOURCES),
            "reservation_reservation_a_r_n": st.sampled_from((None, "", "arn:aws:ec2:reserved/1")),
            "reservation_effective_cost": optional_cost,
            "reservation_unused_amortized_upfront_fee_for_billing_period": optional_cost,
            "reservation_unused_recurring_fee": optional_cost,
            "savings_plan_savings_plan_effective_cost": optional_cost,
            "savings_plan_total_commitment_to_date": optional_cost,
            "savings_plan_used_commitment": optional_cost,
        }
    )
    pod = st.fixed_dictionaries(
        {
            **everywhere,
            "line_item_line_item_type": st.sampled_from(("Usage", "SavingsPlanCoveredUsage")),
            "line_item_resource_id": st.sampled_from(("pod-1", "pod-2", "pod-3")),
            "split_line_item_parent_resource_id": st.sampled_from(("i-1", "i-1", "i-2", "i-gone")),
            "split_line_item_split_cost": optional_cost,
            "split_line_item_unused_cost": optional_cost,
        }
    )
    return draw(st.lists(plain | plain | pod, min_size=1, max_size=most_lines))


@st.composite
def months(draw: st.DrawFn) -> tuple[Policy, list[dict[str, Any]], dict[Invoice, int] | None, bool]:
    """A policy, the lines of a month, AWS's invoice totals where they are known, and whether tags have columns."""
    policy = draw(policies())
    lines = draw(bills(policy))
    numbers = st.builds(Invoice, st.sampled_from(PAYERS), st.just("USD"), st.sampled_from(("INV-1", "INV-2")))
    invoiced = st.dictionaries(numbers, st.integers(-(10**6), 10**6), max_size=3)
    return policy, lines, draw(st.none() | st.none() | invoiced), draw(st.booleans())


@st.composite
def owned_months(draw: st.DrawFn) -> tuple[Policy, dict[tuple[Target, LedgerLine], int]]:
    """A policy and charges whose owner is decided, of up to a billion dollars each, with many ties."""
    policy = draw(policies())
    amount = st.sampled_from(draw(st.lists(amounts(LARGEST_MONTH), min_size=1, max_size=5)))
    pools = [Target("pool", pool["id"]) for pool in policy.document["pools"]]
    owners = st.sampled_from(pools) | st.sampled_from([Target("cost_center", id_) for id_ in policy.cost_centers])
    invoices = st.builds(Invoice, st.sampled_from(PAYERS), st.just("USD"), st.sampled_from(("", "INV-1", "INV-2")))
    keys = st.builds(
        lambda owner, invoice, rule, account, service: (
            owner,
            LedgerLine(invoice, owner.id, "", rule, account, service, "usage"),
        ),
        owners,
        invoices,
        st.sampled_from(("charge_class:usage", "rule-1", "Rule-2")),
        st.sampled_from(ACCOUNTS),
        st.sampled_from(SERVICES[:3]),
    )
    return policy, draw(st.dictionaries(keys, amount, min_size=1, max_size=25))


def totals_of(owned: Mapping[tuple[Target, LedgerLine], int]) -> dict[Invoice, int]:
    """What the invoices of such a month come to."""
    totals: dict[Invoice, int] = {}
    for (_, line), amount in owned.items():
        totals[line.invoice] = totals.get(line.invoice, 0) + amount
    return totals


@st.composite
def invoices(draw: st.DrawFn) -> dict[Invoice, dict[Target, int]]:
    """Invoices' items in exact amounts of up to a billion dollars, many of them tied."""
    ids = st.sampled_from(("a", "b", "B", "CC-1", "CC-10", "CC-9", "é", "𝔘nit", "logging"))
    owners = st.builds(Target, st.sampled_from(("cost_center", "pool")), ids)
    amount = st.sampled_from(draw(st.lists(amounts(LARGEST_MONTH), min_size=1, max_size=4)))
    items = st.dictionaries(owners, amount, min_size=1, max_size=18)
    numbers = st.builds(Invoice, st.sampled_from(PAYERS), st.just("USD"), st.sampled_from(("", "INV-1", "INV-2")))
    return draw(st.dictionaries(numbers, items, min_size=1, max_size=4))


Pools = dict[str, tuple[int, dict[Target, int]]]


@st.composite
def weighted_pools(draw: st.DrawFn) -> Pools:
    """Pools in cents with weights in millionths, ties and near misses of whole quotients among them.

    A recipient with all the weight W but 1 has a share of c·(W−1)÷W, which is just below c: for large W a quotient
    taken in floating point comes out as c.
    """
    ids = st.sampled_from(("a", "b", "B", "CC-1", "CC-10", "CC-9", "é", "𝔘nit", "logging"))
    recipients = st.builds(Target, st.sampled_from(("cost_center", "pool")), ids)
    weight = st.sampled_from(draw(st.lists(st.integers(-5, 10**18) | st.integers(0, 3), min_size=1, max_size=4)))
    cents = st.integers(-(10**11), 10**11) | st.sampled_from((0, 1, -1, 2, 99, 10**11))
    pools: Pools = {}
    for number in range(draw(st.integers(1, 4))):
        weights = draw(st.dictionaries(recipients, weight, max_size=9))
        pools[f"pool-{number}"] = draw(cents), weights
    if draw(st.booleans()):
        total = 10**17 + draw(st.integers(1, 1000))
        near = {Target("cost_center", "most"): total - 1, Target("cost_center", "rest"): 1}
        pools["near-miss"] = 10**11 - draw(st.integers(1, 100)), near
    return pools
