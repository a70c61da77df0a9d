"""Months of 1, 60 and 5,000 cost centers: pools of every kind, over several invoices, to the cent."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.reference.allocation import LedgerLine, share_out
from tests.reference.bill import Invoice
from tests.reference.comparison import assert_same
from tests.reference.engine import Engine, Owned
from tests.reference.months import MONTH, totals_of
from tests.reference.policy_file import Policy, Target

INVOICES = tuple(Invoice(payer, "USD", number) for payer in ("111111111111", "999999999999") for number in ("1", "2"))


@pytest.mark.parametrize("count", [1, 60, pytest.param(5_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("largest", [3, 10**10, 10**17], ids=["dust", "dollars", "millions"])
def test_every_pool_reaches_every_cost_center_to_the_cent(engine: Engine, count: int, largest: int) -> None:
    policy, owned = _policy(count), _owned(count, largest)

    found = engine.share_out(owned, policy)

    assert_same(found, share_out(owned, totals_of(owned), policy))
    assert {len(found.shares[invoice, "by-rank"]) for invoice in INVOICES} == {count}


def _center(number: int) -> str:
    return f"CC-{number}"


def _policy(count: int) -> Policy:
    """Six pools on three levels, over cost centers that all take part in three of them."""
    centers = [_center(number) for number in range(count)]
    shares = {"pool:by-rank": "0.3", "pool:by-cost": "0.3", centers[0]: "0.4"}
    to_owner = {"owner": True}
    pools: dict[str, dict[str, Any]] = {
        "untagged": {"method": "fixed", "shares": shares},
        "untaggable": {"method": "even"},
        "unrecognized": {"method": "fixed", "shares": {"pool:untagged": "0.5", "pool:nobody": "0.5"}},
        "by-rank": {"method": "driver", "driver": "rank"},
        "by-cost": {"method": "proportional"},
        "nobody": {"method": "driver", "driver": "nothing"},
    }
    document = {
        "schema_version": 1,
        "organization": {"name": "Meridian Health", "billing_currency": "USD"},
        "tags": {"owner": "cost-center", "mandatory": ["cost-center"], "untagged_threshold": "0.05"},
        "business_units": [{"id": "all", "name": "All"}],
        "cost_centers": [{"id": center, "name": center, "business_unit": "all"} for center in centers],
        "charge_classes": dict.fromkeys(("usage", "tax", "support", "credit", "refund", "fee", "discount"), to_owner)
        | {name: {"pool": "untagged"} for name in ("commitment_fee", "commitment_bridge")},
        "pools": [{"id": pool, "name": pool, "split": split} for pool, split in pools.items()],
        "drivers": {"rank": {"file": "rank.csv"}, "nothing": {"file": "nothing.csv"}},
        "defaults": {"unowned_cost_center": centers[-1]},
    }
    header = "billing_period,cost_center,value\n"
    ranks = "".join(f"{MONTH},{center},{rank % 7 + 1}\n" for rank, center in enumerate(centers))
    return Policy(document, MONTH, {"rank.csv": header + ranks, "nothing.csv": f"{header}{MONTH},{centers[0]},0\n"})


def _owned(count: int, largest: int) -> Owned:
    """Two charges a cost center on one of the invoices, with many equal amounts, and each pool on every invoice."""
    seeded = random.Random(f"{count} {largest}")
    amounts = [seeded.randint(-largest // 4, largest) for _ in range(max(3, count // 20))]
    pools = ("untagged", "untaggable", "unrecognized", "by-rank", "by-cost", "nobody")
    owners = [
        *((Target("cost_center", _center(number)), INVOICES[number % 4]) for number in range(count)),
        *((Target("pool", pool), invoice) for pool in pools for invoice in INVOICES),
    ]
    return {
        (owner, LedgerLine(invoice, owner.id, "", "charge_class:usage", "111111111111", service, "usage")): (
            seeded.choice(amounts)
        )
        for owner, invoice in owners
        for service in ("AmazonEC2", "AmazonS3")
    }
