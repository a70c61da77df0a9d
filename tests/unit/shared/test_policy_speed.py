"""A policy of the largest organisations is read while one waits."""

from __future__ import annotations

import time
from typing import Any

import pytest

from functions.shared.policy import load_policy
from tests.unit.shared.policy_sample import HEADCOUNT, sample


@pytest.mark.slow
def test_five_thousand_cost_centers_and_twenty_pools_load_in_seconds() -> None:
    def grow(document: dict[str, Any]) -> None:
        document["cost_centers"] += [
            {"id": f"X-{n:05d}", "name": f"Center {n}", "business_unit": "claims", "aliases": [f"x {n:05d}"]}
            for n in range(5000)
        ]
        document["pools"] += [
            {"id": f"shared-{n}", "name": "Shared", "split": {"method": "even"}}
            for n in range(20 - len(document["pools"]))
        ]

    text = sample(grow)
    started = time.process_time()
    policy = load_policy(text, HEADCOUNT)
    assert time.process_time() - started < 3
    assert len(policy.document.cost_centers) == 5003
