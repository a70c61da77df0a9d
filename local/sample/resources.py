"""The resources of a sample month: where they run, who owns them, how they are tagged, and what they cost.

A resource is billed in many hours; everything that is the same in all of them is kept once, here, and gathered into
lines later. So the size of a month is a matter of how often its resources appear.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa

from local.sample.budget import apportion, counts
from local.sample.catalog import TINY, Offer, offers, usage_type_in
from local.sample.columns import FLAT_TAGS, Batch, Integers, constant, gather_all, maps, text
from local.sample.invoices import Invoice
from local.sample.organisation import ACCOUNTS, Account, Home, is_emea
from local.sample.tags import EVERY_WAY, Habit, draw_habits, owned_by, resource_tags

REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
_LOCATIONS = {"us-east-1": "US East (N. Virginia)", "us-west-2": "US West (Oregon)", "eu-west-1": "EU (Ireland)"}
_ORDINARY_HOMES: tuple[Home, ...] = ("workload", "containers", "data")
_LARGEST_TINY_LINE = 60_000


@dataclass(frozen=True)
class Resources:
    """Resources of one kind; arrays and columns have one row per resource."""

    columns: Batch
    account: Integers
    offer: Integers
    invoice: Integers
    cost: Integers
    """What a resource really costs over the month (effective cost), in units of 1e-10 dollars."""
    commitment: Integers
    """Which Savings Plan or reservation covers it, by position; 0 where none does."""

    def __len__(self) -> int:
        return len(self.account)


@dataclass(frozen=True)
class Placement:
    """Which account each resource is in, what it is, and in which region (all by position)."""

    account: Integers
    offer: Integers
    region: Integers


def place(count: int, rng: np.random.Generator) -> Placement:
    """Spreads resources over all accounts by weight, and in each over the services that belong there."""
    account = np.repeat(np.arange(len(ACCOUNTS)), counts(count, [account.weight for account in ACCOUNTS]))
    offer = np.zeros(count, dtype=np.int64)
    for home in dict.fromkeys(a.home for a in ACCOUNTS):
        here = np.flatnonzero([ACCOUNTS[a].home == home for a in account.tolist()])
        found = np.array([i for i, o in enumerate(offers()) if home in o.homes], dtype=np.int64)
        mix = np.repeat(found, counts(len(here), [offers()[i].weight for i in found.tolist()]))
        offer[here] = rng.permutation(mix)
    return Placement(account, offer, _regions(account, rng))


def place_only(wanted: Integers, rng: np.random.Generator) -> Placement:
    """Places one resource for each wanted offer, in accounts where people run workloads."""
    ordinary = [a.weight if a.home in _ORDINARY_HOMES and not is_emea(a) else 0 for a in ACCOUNTS]
    account = np.searchsorted(np.cumsum(ordinary), rng.integers(0, sum(ordinary), size=len(wanted)), side="right")
    containers = [i for i, a in enumerate(ACCOUNTS) if a.home == "containers"]
    account[: len(containers)] = containers[: len(wanted)]
    return Placement(account.astype(np.int64), wanted, _regions(account, rng))


def positions_of(kind: str) -> Integers:
    """The offers that are instances or databases (``kind``), each as often as its weight says."""
    chosen = [(i, o.weight) for i, o in enumerate(offers()) if (o.is_instance if kind == "instance" else o.is_database)]
    return np.repeat([i for i, _ in chosen], [weight for _, weight in chosen]).astype(np.int64)


def share_usage(placement: Placement, total: int, lines_each: int, rng: np.random.Generator) -> Integers:
    """What each on-demand resource costs: free, next to nothing, or its share of the total; together the total."""
    level = np.array([offers()[i].level for i in placement.offer.tolist()], dtype=np.int64)
    tiny = rng.integers(20, _LARGEST_TINY_LINE, size=len(level)) * lines_each * (level == TINY)
    weights = np.maximum(level, 0) * draw_sizes(len(level), rng)
    return apportion(total - int(tiny.sum()), weights) + tiny


def draw_sizes(count: int, rng: np.random.Generator) -> Integers:
    """How large resources are compared with each other: many small, few large, at most 144 to 1."""
    drawn: Integers = rng.integers(1, 13, size=count) * rng.integers(1, 13, size=count)
    return drawn


def describe(
    placement: Placement, cost: Integers, commitment: Integers, rng: np.random.Generator, *, every_habit: bool = False
) -> Resources:
    """Gives resources their ids, tags and attributes; ``every_habit`` makes sure that each tagging habit occurs."""
    accounts = [ACCOUNTS[i] for i in placement.account.tolist()]
    chosen = [offers()[i] for i in placement.offer.tolist()]
    habits = draw_habits(len(accounts), rng)
    if every_habit:
        ordinary = [
            i
            for i, (account, offer) in enumerate(zip(accounts, chosen, strict=True))
            if offer.resource and offer.level > 0 and account.home in _ORDINARY_HOMES
        ]
        for i, habit in zip(ordinary, EVERY_WAY, strict=False):
            habits[i] = habit
    hexadecimals = [rng.bytes(8).hex() for _ in accounts]
    names, tags = _tagged(accounts, chosen, habits)
    ids = [
        offer.resource_id(region=REGIONS[region], account=account.account_id, name=name, hexadecimal=hexadecimal)
        for account, offer, region, name, hexadecimal in zip(
            accounts, chosen, placement.region.tolist(), names, hexadecimals, strict=True
        )
    ]
    columns = (
        gather_all(offer_columns(), placement.offer * len(REGIONS) + placement.region)
        | gather_all(account_columns(), placement.account)
        | tag_columns(tags)
        | {
            "line_item_resource_id": text([resource_id or None for resource_id in ids]),
            "identity_line_item_id": text(line_item_ids(len(ids), rng)),
            "line_item_availability_zone": text(
                [
                    REGIONS[region] + "abc"[int(h[0], 16) % 3] if offer.is_instance or offer.is_database else None
                    for offer, region, h in zip(chosen, placement.region.tolist(), hexadecimals, strict=True)
                ]
            ),
        }
    )
    invoice = np.where([is_emea(account) for account in accounts], Invoice.EMEA, Invoice.USAGE).astype(np.int64)
    return Resources(columns, placement.account, placement.offer, invoice, cost, commitment)


def tag_columns(tags: list[dict[str, str]]) -> Batch:
    """The tag map, and the columns in which the export's SQL repeats some of it."""
    flat = {column: text([of_one.get(key) for of_one in tags]) for column, key in FLAT_TAGS.items()}
    return {"resource_tags": maps(tags), **flat}


def line_item_ids(count: int, rng: np.random.Generator) -> list[str]:
    """Ids as AWS makes them: 52 letters and digits, unique together with the hour."""
    alphabet = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", dtype=np.uint8)
    letters = alphabet[rng.integers(0, len(alphabet), size=(count, 52))]
    return [row.tobytes().decode() for row in letters]


def account_columns() -> Batch:
    """What lines say about their account, one row per account."""
    return {
        "line_item_usage_account_id": text([account.account_id for account in ACCOUNTS]),
        "line_item_usage_account_name": text([account.name for account in ACCOUNTS]),
        "cost_category": maps([{"environment": account.environment} for account in ACCOUNTS]),
    }


def offer_columns() -> Batch:
    """What lines say about what was used, one row per offer and region."""
    rows = [_offer_row(i, offer, region) for i, offer in enumerate(offers()) for region in REGIONS]
    products = [
        {"product_name": offer.product_name, "region": region, "servicename": offer.product_name}
        for offer in offers()
        for region in REGIONS
    ]
    columns: Batch = {name: text([row[name] for row in rows]) for name in rows[0]}
    return columns | {"product": maps(products)}


def _offer_row(number: int, offer: Offer, region: str) -> dict[str, str | None]:
    usage_type = usage_type_in(region, offer.usage_type)
    rate = f"{Decimal(offer.rate):.10f}"
    sku = f"{number * 7919 + REGIONS.index(region) * 104_729 + 10**9:X}".rjust(16, "Q")
    instance = offer.usage_type.partition(":")[2] if offer.unit == "Hrs" and ":" in offer.usage_type else None
    transfer = "DataTransfer" in offer.usage_type
    return {
        "line_item_product_code": offer.product_code,
        "line_item_usage_type": usage_type,
        "line_item_operation": offer.operation or None,
        "line_item_unblended_rate": rate,
        "line_item_blended_rate": rate,
        "line_item_line_item_description": f"${offer.rate} per {offer.unit} of {offer.product_name}, {usage_type}",
        "pricing_unit": offer.unit,
        "pricing_public_on_demand_rate": rate,
        "pricing_rate_code": f"{sku}.JRTCKXETXF.6YS6EN2CT7",
        "pricing_rate_id": str(40_000_000 + number * 3 + REGIONS.index(region)),
        "product_product_family": offer.product_family,
        "product_servicecode": offer.product_code,
        "product_sku": sku,
        "product_usagetype": usage_type,
        "product_operation": offer.operation or None,
        "product_pricing_unit": offer.unit,
        "product_instance_type": instance,
        "product_instance_family": "General purpose" if instance else None,
        "product_region_code": region,
        "product_location": None if transfer else _LOCATIONS[region],
        "product_location_type": None if transfer else "AWS Region",
        "product_from_location": _LOCATIONS[region] if transfer else None,
        "product_from_location_type": "AWS Region" if transfer else None,
        "product_from_region_code": region if transfer else None,
        "product_to_location": "External" if transfer else None,
        "product_to_location_type": "Other" if transfer else None,
    }


def _tagged(
    accounts: list[Account], chosen: list[Offer], habits: list[tuple[Habit, int]]
) -> tuple[list[str], list[dict[str, str]]]:
    """Names and tags; where AWS bills no resource there is nothing to tag."""
    names, tags = [], []
    for account, offer, (habit, pick) in zip(accounts, chosen, habits, strict=True):
        of_one = resource_tags(account, owned_by(account, habit, pick), habit, pick) if offer.resource else {}
        names.append(of_one.get("user_application", account.name))
        tags.append(of_one)
    return names, tags


def _regions(account: Integers, rng: np.random.Generator) -> Integers:
    """European accounts run in Ireland, the others in Virginia, one resource in five in Oregon."""
    elsewhere = rng.integers(0, 5, size=len(account)) == 0
    emea = np.array([is_emea(ACCOUNTS[a]) for a in account.tolist()], dtype=bool)
    return np.where(emea, 2, np.where(elsewhere, 1, 0)).astype(np.int64)


def same_for_all(values: dict[str, str | None], length: int) -> dict[str, pa.Array]:
    """Text columns with one value on every line."""
    return {name: constant(value, length) for name, value in values.items()}
