"""The allocation of one month in plain Python: what sql/ must compute, to be read from top to bottom.

Nothing here is shared with the SQL or with the functions. ``bill`` holds sections 1 to 3 of the rules (money, bill,
cost basis), ``policy_file`` the policy; sections 4 to 8 are here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from tests.reference.bill import CENT, MICRO, Charge, Cost, Invoice, charges_of, round_half_away
from tests.reference.policy_file import Policy, Target, comparable

# === 3. Cost basis: what a charge costs, and what of the invoice it leaves to the commitment bridge ===


def with_bridge(charges: Mapping[Charge, Cost]) -> Iterator[tuple[Charge, int]]:
    """What every charge costs its owner, and what of the invoice it leaves to the commitment bridge."""
    for charge, cost in charges.items():
        if not charge.parent:
            yield charge, cost.effective
        if bridge := cost.unblended - cost.effective:
            yield charge._replace(charge_class="commitment_bridge"), bridge


# === 8. Kubernetes and ECS split cost ===


def divided(charges: Mapping[Charge, Cost]) -> Iterator[tuple[Charge, int]]:
    """What moves from instances to the pods and tasks on them: claims, and the same amounts off the instance.

    A pod with an owner tag claims split cost + unused cost of what its instance effectively costs. When all pods of
    the instance together claim more than that, everyone is paid in proportion. Each claim is rounded down, each
    weight to millionths; what nobody claims stays where it was. Costs and claims below zero take no part.
    """
    on_instance: dict[tuple[str, ...], dict[Charge, int]] = defaultdict(lambda: defaultdict(int))
    pods: dict[tuple[str, ...], dict[Charge, int]] = defaultdict(lambda: defaultdict(int))
    for charge, cost in charges.items():
        payer, currency, _ = charge.invoice
        if charge.parent and cost.claim > 0:
            pod = charge._replace(invoice=Invoice(payer, currency, ""))
            pods[payer, currency, charge.account, charge.parent][pod] += cost.claim
        elif charge.resource and not charge.parent and cost.effective > 0:
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


# === 4. Ownership ===


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
    for rule in policy.rules:
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
        owner = policy.owners_by_tag_value.get(value)
        return Target("cost_center", owner) if owner else Target("pool", "unrecognized")
    if owner := policy.owners_by_account.get(charge.account):
        return Target("cost_center", owner)
    return Target("pool", "untagged" if charge.resource else "untaggable")


# === 5. Rounding to the invoice ===


def in_cents(amounts: Mapping[Any, int], total_cents: int) -> dict[Any, int]:
    """Exact amounts as cents that add up to a total: floors, then the missing cents one each to the largest fractions.

    Ties: the larger magnitude, then the key in code-point order.
    """
    cents = {key: amount // CENT for key, amount in amounts.items()}
    ranked = sorted(amounts, key=lambda key: (-(amounts[key] % CENT), -abs(amounts[key]), key))
    for key in ranked[: total_cents - sum(cents.values())]:
        cents[key] += 1
    return cents


# === 6. Splitting a pool ===


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
    valid = policy.cost_centers
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
        fed = {recipient for pool in waiting for recipient in pool["split"].get("shares", ())}
        ready = [pool for pool in waiting if f"pool:{pool['id']}" not in fed]
        ordered += ready
        waiting = [pool for pool in waiting if pool not in ready]
    return ordered


# === The whole month ===


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
    """A month allocated: exact amounts beside their cents; ``pools`` are cents to split, ``shares`` as they were split.

    The ledger holds no lines that are zero exactly and in cents.
    """

    lines: int
    control_totals: dict[Invoice, int]
    billed_cents: dict[Invoice, int]
    bridge: dict[Invoice, int]
    items: dict[Invoice, dict[Target, int]]
    item_cents: dict[Invoice, dict[Target, int]]
    pools: dict[tuple[Invoice, str], int]
    weights: dict[tuple[Invoice, str], dict[Target, int]]
    shares: dict[tuple[Invoice, str], dict[Target, int]]
    ledger: dict[LedgerLine, int]
    ledger_cents: dict[LedgerLine, int]


def allocate(
    lines: Iterable[Mapping[str, Any]], policy: Policy, invoiced: Mapping[Invoice, int] | None = None
) -> Allocation:
    """Allocates the lines of one month; ``invoiced`` are AWS's own invoice totals in cents, where they are known."""
    charges = charges_of(lines, policy)
    control_totals: dict[Invoice, int] = defaultdict(int)
    bridge: dict[Invoice, int] = defaultdict(int)
    for charge, cost in charges.items():
        control_totals[charge.invoice] += cost.unblended
        bridge[charge.invoice] += cost.unblended - cost.effective
    owned: dict[tuple[Target, LedgerLine], int] = defaultdict(int)
    for charge, amount in (*with_bridge(charges), *divided(charges)):
        rule, owner = decide(charge, policy)
        line = LedgerLine(charge.invoice, owner.id, "", rule, charge.account, charge.service, charge.charge_class)
        owned[owner, line] += amount
    allocation = share_out(owned, control_totals, policy)
    allocation.lines = sum(cost.lines for cost in charges.values())
    allocation.bridge = dict(bridge)
    if invoiced is not None:
        add_invoice_rounding(invoiced, policy, allocation)
    return allocation


def share_out(
    owned: Mapping[tuple[Target, LedgerLine], int], control_totals: Mapping[Invoice, int], policy: Policy
) -> Allocation:
    """Sections 5 and 6 for exact amounts whose owner is decided: items, pool shares and ledger, in cents."""
    items: dict[Invoice, dict[Target, int]] = {invoice: defaultdict(int) for invoice in control_totals}
    direct: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    direct_lines: dict[tuple[Invoice, Target], dict[LedgerLine, int]] = defaultdict(dict)
    for (owner, line), amount in owned.items():
        items[line.invoice][owner] += amount
        if owner.kind == "cost_center":
            direct[line.invoice.payer, line.invoice.currency][owner.id] += amount
            direct_lines[line.invoice, owner][line] = amount
    billed_cents = {invoice: round_half_away(total, CENT) for invoice, total in control_totals.items()}
    item_cents = {invoice: in_cents(amounts, billed_cents[invoice]) for invoice, amounts in items.items()}
    allocation = Allocation(0, dict(control_totals), billed_cents, {}, items, item_cents, {}, {}, {}, {}, {})
    for (invoice, owner), amounts in direct_lines.items():
        cents = in_cents(amounts, item_cents[invoice][owner])
        kept = [line for line in amounts if amounts[line] or cents[line]]
        allocation.ledger |= {line: amounts[line] for line in kept}
        allocation.ledger_cents |= {line: cents[line] for line in kept}
    for invoice, cents_of in item_cents.items():
        split_pools(invoice, cents_of, direct[invoice.payer, invoice.currency], policy, allocation)
    add_adjustments(policy, allocation)
    return allocation


def split_pools(
    invoice: Invoice,
    item_cents: Mapping[Target, int],
    direct: Mapping[str, int],
    policy: Policy,
    allocation: Allocation,
) -> None:
    """Splits the pools of one invoice, in order, and writes their shares into the ledger: nothing is ever dropped."""
    to_split = {owner.id: cents for owner, cents in item_cents.items() if owner.kind == "pool"}
    unowned = Target("cost_center", policy.document["defaults"]["unowned_cost_center"])
    for pool in pools_in_order(policy.document["pools"]):
        if pool["id"] not in to_split:
            continue
        cents, key = to_split[pool["id"]], (invoice, pool["id"])
        weights = {to: weight for to, weight in weights_of(pool["split"], policy, direct).items() if weight > 0}
        shares = split(cents, weights) if weights else {unowned: cents}
        allocation.pools[key], allocation.shares[key] = cents, shares
        allocation.weights[key] = weights or {unowned: 0}
        for to, share in shares.items():
            if to.kind == "pool":
                to_split[to.id] = to_split.get(to.id, 0) + share
            elif share:
                line = LedgerLine(invoice, to.id, pool["id"])
                allocation.ledger[line], allocation.ledger_cents[line] = share * CENT, share


# === 7. What AWS's invoice adds to its lines ===


def add_invoice_rounding(invoiced: Mapping[Invoice, int], policy: Policy, allocation: Allocation) -> None:
    """Makes the invoice what AWS says it is; the difference is one ledger line of the unowned cost center."""
    unowned = policy.document["defaults"]["unowned_cost_center"]
    for invoice in {**allocation.billed_cents, **invoiced}:
        difference = invoiced.get(invoice, 0) - allocation.billed_cents.get(invoice, 0)
        line = LedgerLine(invoice, unowned, "", "invoice_rounding", invoice.payer, "", "invoice_rounding")
        allocation.control_totals.setdefault(invoice, 0)
        allocation.billed_cents[invoice] = invoiced.get(invoice, 0)
        if difference:
            allocation.ledger[line], allocation.ledger_cents[line] = difference * CENT, difference


# === 10. What the policy moves between cost centers ===


def add_adjustments(policy: Policy, allocation: Allocation) -> None:
    """Moves what the month's adjustments move, on the largest invoice in the policy's currency."""
    currency = policy.document["organization"]["billing_currency"]
    candidates = [each for each, items in allocation.items.items() if items and each.currency == currency]
    if not candidates:
        return
    invoice = min(candidates, key=lambda each: (-sum(allocation.item_cents[each].values()), each))
    for adjustment in policy.adjustments:
        cents = int(Decimal(adjustment["amount"]) * 100)
        for center, moved in ((adjustment["from_cost_center"], -cents), (adjustment["to_cost_center"], cents)):
            rule = f"adjustment:{adjustment['id']}"
            line = LedgerLine(invoice, center, "", rule, invoice.payer, "", "adjustment")
            allocation.ledger[line], allocation.ledger_cents[line] = moved * CENT, moved
