"""The allocation of one month in plain Python: what sql/ must compute, written out to be read beside the policy.

Nothing here is shared with the SQL or with the functions. Amounts are integers: "exact" ones count ten-billionths of
the currency unit (ten decimals), "cents" count cents; both are signed, and no float gets past ``exact``.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, NamedTuple

import yaml

UNIT = 10**10
"""One dollar in exact amounts."""
CENT = 10**8
"""One cent in exact amounts."""
MICRO = 10**4
"""One millionth of a dollar in exact amounts: the step of a weight."""


# ---------------------------------------------------------------------------------------------------------- 1. Money


def exact(cost: float | None) -> int:
    """A cost of the export as an exact amount: its shortest decimal text, half away from zero at ten decimals."""
    text = Decimal(repr(float(cost or 0)))
    return int(text.scaleb(10, Context(prec=60)).to_integral_value(ROUND_HALF_UP))


def round_half_away(amount: int, step: int) -> int:
    """How many steps an amount is, rounded half away from zero."""
    steps = (2 * abs(amount) + step) // (2 * step)
    return -steps if amount < 0 else steps


# ----------------------------------------------------------------------------------------------------- 4. The policy


class Target(NamedTuple):
    """Who is charged: a cost center or a pool, by id."""

    kind: str
    id: str


@dataclass(frozen=True)
class Policy:
    """The policy file as written, the month, and the driver files' text by the path that the policy gives them."""

    document: Mapping[str, Any]
    month: str
    driver_files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str, month: str, driver_files: Mapping[str, str] | None = None) -> Policy:
        """From the YAML text."""
        return cls(yaml.safe_load(text), month, driver_files or {})

    def cost_centers(self) -> dict[str, str]:
        """Cost centers valid in the month, first and last month included, with their business units."""
        return {
            center["id"]: center["business_unit"]
            for center in self.document["cost_centers"]
            if center.get("valid_from", self.month) <= self.month <= center.get("valid_to", self.month)
        }

    def owners_by_tag_value(self) -> dict[str, str]:
        """What an owner tag can say: ids and aliases of the cost centers valid in the month, as they are compared."""
        return {
            comparable(spelling): center["id"]
            for center in self.document["cost_centers"]
            if center.get("valid_from", self.month) <= self.month <= center.get("valid_to", self.month)
            for spelling in (center["id"], *center.get("aliases", ()))
        }

    def owners_by_account(self) -> dict[str, str]:
        """The default owners of accounts, as far as they are valid in the month."""
        valid = self.cost_centers()
        accounts = self.document.get("accounts", ())
        return {account["id"]: account["cost_center"] for account in accounts if account.get("cost_center") in valid}

    def driver(self, name: str) -> dict[str, Decimal]:
        """A driver's values in the month by cost center."""
        text = self.driver_files[self.document["drivers"][name]["file"]]
        rows = csv.DictReader(io.StringIO(text))
        return {row["cost_center"]: Decimal(row["value"]) for row in rows if row["billing_period"] == self.month}

    def rules(self) -> list[Mapping[str, Any]]:
        """The rules in file order."""
        return list(self.document.get("rules", ()))

    def tag_keys(self) -> list[str]:
        """Every tag key that the policy looks at."""
        in_rules = [key for rule in self.rules() for key in rule["match"].get("tag", {})]
        tags = self.document["tags"]
        return sorted({tags["owner"], *tags["mandatory"], *in_rules})

    def looks_at(self, match_key: str) -> bool:
        """Whether a rule has that match key."""
        return any(match_key in rule["match"] for rule in self.rules())


def comparable(value: str) -> str:
    """The spelling in which tag values, ids and aliases are compared: NFC, trimmed, each letter in lower case."""
    trimmed = unicodedata.normalize("NFC", value).strip()
    return "".join(letter.lower()[:1] for letter in trimmed)


# ------------------------------------------------------------------------------------------- 2. and 3. The bill's charges


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
    keys, owner_key = policy.tag_keys(), policy.document["tags"]["owner"]
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


def with_bridge(charges: Mapping[Charge, Cost]) -> Iterator[tuple[Charge, int]]:
    """What every charge costs its owner, and what of the invoice it leaves to the commitment bridge."""
    for charge, cost in charges.items():
        if not charge.parent:
            yield charge, cost.effective
        if bridge := cost.unblended - cost.effective:
            yield charge._replace(charge_class="commitment_bridge"), bridge


# --------------------------------------------------------------------------------- 8. Kubernetes and ECS split cost


def divided(charges: Mapping[Charge, Cost]) -> Iterator[tuple[Charge, int]]:
    """What moves from instances to the pods and tasks on them: claims, and the same amounts off the instance.

    A pod with an owner tag claims split cost + unused cost of what its instance effectively costs. When all pods of
    the instance together claim more than that, everyone is paid in proportion. Each claim is rounded down, each
    weight to millionths; what nobody claims stays where it was. Costs below zero (credits) are not divided.
    """
    on_instance: dict[tuple[str, ...], dict[Charge, int]] = defaultdict(lambda: defaultdict(int))
    pods: dict[tuple[str, ...], dict[Charge, int]] = defaultdict(lambda: defaultdict(int))
    for charge, cost in charges.items():
        payer, currency, _ = charge.invoice
        if charge.parent:
            pod = charge._replace(invoice=Invoice(payer, currency, ""))
            pods[payer, currency, charge.account, charge.parent][pod] += cost.claim
        elif charge.resource and cost.effective > 0:
            on_instance[payer, currency, charge.account, charge.resource][charge] += cost.effective
    for instance in on_instance.keys() & pods.keys():
        claimed_by_all = sum(pods[instance].values()) // MICRO
        costs_in_all = -(-sum(on_instance[instance].values()) // MICRO)
        for pod, claim in pods[instance].items():
            for charge, cost in on_instance[instance].items():
                paid = cost * (claim // MICRO) // max(claimed_by_all, costs_in_all)
                if claim // MICRO > 0 and comparable(pod.owner_tag):
                    yield pod._replace(invoice=charge.invoice), paid
                    yield charge, -paid


# ------------------------------------------------------------------------------------------------------- 4. Ownership


def matches(charge: Charge, match: Mapping[str, Any]) -> bool:
    """Whether a rule takes a charge: all match keys hold, each by any of its values."""
    of_charge = {
        "account": charge.account,
        "service": charge.service,
        "line_item_type": charge.line_type,
        "operation": charge.operation,
        "charge_class": charge.charge_class,
    }
    tags = dict(charge.tags)
    return all(
        charge.usage_type.startswith(tuple(values))
        if key == "usage_type_prefix"
        else all(comparable(tags[tag]) in map(comparable, wanted) for tag, wanted in values.items())
        if key == "tag"
        else of_charge[key] in values
        for key, values in match.items()
    )


def decide(charge: Charge, policy: Policy) -> tuple[str, Target]:
    """Who is charged, and the rule or class that says so; of several rules the first in the file.

    A commitment bridge follows a rule only where that rule names its class: it is not what a line costs.
    """
    is_bridge = charge.charge_class == "commitment_bridge"
    for rule in policy.rules():
        if matches(charge, rule["match"]) and ("charge_class" in rule["match"] or not is_bridge):
            return rule["id"], target_of(rule["to"], charge, policy)
    to = policy.document["charge_classes"][charge.charge_class]
    return f"charge_class:{charge.charge_class}", target_of(to, charge, policy)


def target_of(to: Mapping[str, Any], charge: Charge, policy: Policy) -> Target:
    """A rule's or class's ``to``: a pool, a cost center, or whoever the owner tag and the account name."""
    for kind in ("pool", "cost_center"):
        if kind in to:
            return Target(kind, to[kind])
    if value := comparable(charge.owner_tag):
        owner = policy.owners_by_tag_value().get(value)
        return Target("cost_center", owner) if owner else Target("pool", "unrecognized")
    if owner := policy.owners_by_account().get(charge.account):
        return Target("cost_center", owner)
    return Target("pool", "untagged" if charge.resource else "untaggable")


# -------------------------------------------------------------------------------------------- 5. Rounding to the invoice


def in_cents(amounts: Mapping[Any, int], total_cents: int) -> dict[Any, int]:
    """Exact amounts as cents that add up to a total: floors, then the missing cents one each to the largest fractions.

    Ties: the larger magnitude, then the key in code-point order.
    """
    cents = {key: amount // CENT for key, amount in amounts.items()}
    ranked = sorted(amounts, key=lambda key: (-(amounts[key] % CENT), -abs(amounts[key]), key))
    for key in ranked[: total_cents - sum(cents.values())]:
        cents[key] += 1
    return cents


# ----------------------------------------------------------------------------------------------------- 6. Splitting a pool


def split(cents: int, weights: Mapping[Target, int]) -> dict[Target, int]:
    """Cents by largest remainder over whole weights; only weights above zero take part.

    Ties: the larger weight, then the id. A negative pool is the mirror image.
    """
    taking = {recipient: weight for recipient, weight in weights.items() if weight > 0}
    total, sign = sum(taking.values()), -1 if cents < 0 else 1
    shares = {recipient: abs(cents) * weight // total for recipient, weight in taking.items()}
    ranked = sorted(taking, key=lambda to: (-(abs(cents) * taking[to] % total), -taking[to], to.id, to.kind))
    for recipient in ranked[: abs(cents) - sum(shares.values())]:
        shares[recipient] += 1
    return {recipient: sign * share for recipient, share in shares.items()}


def weights_of(method: Mapping[str, Any], policy: Policy, direct: Mapping[str, int]) -> dict[Target, int]:
    """The weights of a pool's recipients in millionths; ``direct`` are exact amounts over all invoices of the bill."""

    def millionths(value: str | Decimal) -> int:
        return int((Decimal(value) * 10**6).to_integral_value(ROUND_HALF_UP))

    if method["method"] == "fixed":
        pools = {key: key.removeprefix("pool:") for key in method["shares"] if key.startswith("pool:")}
        return {
            Target("pool", pools[key]) if key in pools else Target("cost_center", key): millionths(share)
            for key, share in method["shares"].items()
        }
    valid = policy.cost_centers()
    if method["method"] == "even":
        weights = dict.fromkeys(valid, 10**6)
    elif method["method"] == "driver":
        weights = {center: millionths(value) for center, value in policy.driver(method["driver"]).items()}
    else:
        weights = {center: round_half_away(amount, MICRO) for center, amount in direct.items()}
    among = method.get("among", valid)
    return {Target("cost_center", center): weights[center] for center in weights if center in among and center in valid}


def pools_in_order(pools: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The pools, each before those it feeds."""
    waiting, ordered = list(pools), []
    while waiting:
        fed = {key.removeprefix("pool:") for pool in waiting for key in pool["split"].get("shares", ()) if ":" in key}
        ready = [pool for pool in waiting if pool["id"] not in fed]
        ordered += ready
        waiting = [pool for pool in waiting if pool not in ready]
    return ordered


# ----------------------------------------------------------------------------------------------------- The whole month


class LedgerLine(NamedTuple):
    """What a line of the ledger is told apart by; a shared line has a pool and nothing of where the cost arose."""

    invoice: Invoice
    cost_center: str
    pool: str = ""
    rule: str = ""
    account: str = ""
    service: str = ""
    charge_class: str = ""


@dataclass
class Allocation:
    """Exact amounts and cents of a month; ``pools`` holds what each pool had to split, ``shares`` how it was split."""

    control_totals: dict[Invoice, int]
    bridge: dict[Invoice, int]
    items: dict[Invoice, dict[Target, int]]
    item_cents: dict[Invoice, dict[Target, int]]
    pools: dict[tuple[Invoice, str], int]
    shares: dict[tuple[Invoice, str], dict[Target, int]]
    ledger: dict[LedgerLine, int]
    ledger_cents: dict[LedgerLine, int]


def allocate(lines: Iterable[Mapping[str, Any]], policy: Policy) -> Allocation:
    """Allocates the lines of one month (CUR 2.0 column names; costs as the export's doubles)."""
    charges = charges_of(lines, policy)
    control_totals: dict[Invoice, int] = defaultdict(int)
    bridge: dict[Invoice, int] = defaultdict(int)
    direct_lines: dict[LedgerLine, int] = defaultdict(int)
    items: dict[Invoice, dict[Target, int]] = defaultdict(lambda: defaultdict(int))
    for charge, cost in charges.items():
        control_totals[charge.invoice] += cost.unblended
        bridge[charge.invoice] += cost.unblended - cost.effective
    for charge, amount in (*with_bridge(charges), *divided(charges)):
        rule, owner = decide(charge, policy)
        items[charge.invoice][owner] += amount
        if owner.kind == "cost_center":
            line = LedgerLine(
                charge.invoice, owner.id, "", rule, charge.account, charge.service, charge.charge_class
            )
            direct_lines[line] += amount
    return share_out(policy, dict(control_totals), dict(bridge), items, direct_lines)
