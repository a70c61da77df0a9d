"""The reference on two real months, against totals that were worked out before there was any code."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from tests.reference.allocation import Allocation, allocate
from tests.reference.bill import Invoice
from tests.reference.invariants import broken_invariants
from tests.reference.policy_file import Policy

DATA = Path(os.environ.get("REAL_BILLS", Path(__file__).resolve().parents[3] / "shared" / "data"))
COLUMNS = (
    "bill_payer_account_id",
    "bill_invoice_id",
    "line_item_currency_code",
    "line_item_usage_account_id",
    "line_item_product_code",
    "line_item_line_item_type",
    "line_item_operation",
    "line_item_usage_type",
    "line_item_resource_id",
    "line_item_unblended_cost",
    "resource_tags",
    "reservation_reservation_a_r_n",
    "reservation_effective_cost",
    "reservation_unused_amortized_upfront_fee_for_billing_period",
    "reservation_unused_recurring_fee",
    "savings_plan_savings_plan_effective_cost",
    "savings_plan_total_commitment_to_date",
    "savings_plan_used_commitment",
    "split_line_item_parent_resource_id",
    "split_line_item_split_cost",
    "split_line_item_unused_cost",
)


@pytest.mark.parametrize(
    ("export", "month", "truth"),
    [
        ("wa-labs", "2018-10", "wa-labs-2018-10-allocation.json"),
        ("ha-project", "2026-04", "ha-project-preview.json"),
    ],
)
def test_a_real_month_is_allocated_to_the_worked_totals(export: str, month: str, truth: str) -> None:
    if not DATA.is_dir():
        pytest.skip(f"the real exports are not beside the repository: no {DATA}")
    policy = Policy.read((DATA / "policies" / f"{export}.yaml").read_text(encoding="utf-8"), month)
    files = sorted((DATA / export / "data").rglob("*.parquet"))
    lines = [row for file in files for row in pyarrow.parquet.read_table(file, columns=list(COLUMNS)).to_pylist()]

    allocation = allocate(lines, policy)

    assert list(broken_invariants(allocation, lines_read=len(lines))) == []
    assert _as_truth(allocation, policy) == _read(json.loads((DATA / "truth" / truth).read_text("utf-8")))


def _as_truth(allocation: Allocation, policy: Policy) -> dict[str, Any]:
    """The allocation in the form of the worked totals."""
    pools: dict[str, int] = dict.fromkeys((pool["id"] for pool in policy.document["pools"]), 0)
    for (_, pool), cents in allocation.pools.items():
        pools[pool] += cents
    direct: dict[str, int] = defaultdict(int)
    shared: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for line, cents in allocation.ledger_cents.items():
        if line.pool:
            shared[line.cost_center][line.pool] += cents
        else:
            direct[line.cost_center] += cents
    centers = [_center(center, direct[center], shared[center]) for center in sorted({*direct, *shared})]
    return {
        "billing_period": policy.month,
        "billed_cost": _money(sum(allocation.billed_cents.values())),
        "control_totals": [_control_total(allocation, invoice) for invoice in sorted(allocation.billed_cents)],
        "pools": {pool: _money(cents) for pool, cents in sorted(pools.items())},
        "cost_centers": centers,
    }


def _center(center: str, direct: int, shared: Mapping[str, int]) -> dict[str, Any]:
    return {
        "cost_center": center,
        "direct": _money(direct),
        "shared": _money(sum(shared.values())),
        "by_pool": {pool: _money(cents) for pool, cents in sorted(shared.items()) if cents},
        "total": _money(direct + sum(shared.values())),
    }


def _control_total(allocation: Allocation, invoice: Invoice) -> dict[str, Any]:
    return {
        "billing_account_id": invoice.payer,
        "invoice_id": invoice.invoice_id,
        "billed_cost": _money(allocation.billed_cents[invoice]),
        "exact": Decimal(allocation.control_totals[invoice]).scaleb(-10),
    }


def _money(cents: int) -> str:
    return f"{Decimal(cents).scaleb(-2):.2f}"


def _read(truth: dict[str, Any]) -> dict[str, Any]:
    """The file, its exact amounts as numbers."""
    for total in truth["control_totals"]:
        total["exact"] = Decimal(total["exact"])
    return truth
