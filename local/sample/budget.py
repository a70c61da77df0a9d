"""How much a sample month costs, and on what: whole numbers of 1e-10 dollars that add up exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from functions.shared.periods import BillingPeriod
from local.sample.columns import UNITS_PER_DOLLAR, Integers

_FIRST_MONTH = BillingPeriod(2026, 3)
_FIRST_TOTAL = 3_050_000
_GROWTH = 16_000
_MONTHS_OF_GROWTH = range(-3, 10)

# In hundredths of a percent of the month's total.
_SHARES = {
    "support": 430,
    "tax": 170,
    "marketplace": 340,
    "edp": -480,
    "private_rate": -60,
    "bundled": -15,
    "credits": -110,
    "refunds": -25,
    "credit_memo": -45,
}


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a month bills: its total and the parts that are not usage, in units of 1e-10 dollars, discounts negative."""

    total: int
    support: int
    tax: int
    marketplace: int
    edp: int
    private_rate: int
    bundled: int
    credits: int
    refunds: int
    credit_memo: int

    def left_for_usage(self, commitments: int) -> int:
        """What on-demand usage costs, when commitments (fees, upfront and recurring) cost this much."""
        parts = self.support + self.tax + self.marketplace + self.edp + self.private_rate
        return self.total - parts - self.bundled - self.credits - self.refunds - self.credit_memo - commitments


def month_budget(period: BillingPeriod, rng: np.random.Generator) -> Budget:
    """The month's budget: about $3.1M, growing by half a percent a month, never below $3.0M or above $3.2M."""
    months = (period.year - _FIRST_MONTH.year) * 12 + period.month - _FIRST_MONTH.month
    grown = min(max(months, _MONTHS_OF_GROWTH.start), _MONTHS_OF_GROWTH.stop - 1)
    noise = int(rng.integers(-1_500 * UNITS_PER_DOLLAR, 1_500 * UNITS_PER_DOLLAR))
    total = (_FIRST_TOTAL + _GROWTH * grown) * UNITS_PER_DOLLAR + noise
    return Budget(total=total, **{part: total * share // 10_000 for part, share in _SHARES.items()})


def apportion(total: int, weights: Sequence[int] | Integers) -> Integers:
    """The total divided over integer weights in whole units, what is left over going to the first that has weight."""
    shares = np.asarray(weights, dtype=np.int64)
    whole = int(shares.sum())
    if not whole:
        raise ValueError(f"nobody has weight to take {total} units")
    per_weight, rest = divmod(total, whole)
    parts = shares * per_weight + shares * rest // whole
    parts[int(np.flatnonzero(shares)[0])] += total - int(parts.sum())
    return parts


def counts(total: int, weights: Sequence[int]) -> Integers:
    """How many of ``total`` things fall to each weight, at least one to each where there are enough."""
    parts = apportion(max(total - len(weights), 0), weights) + 1
    while int(parts.sum()) > total:
        parts[int(parts.argmax())] -= 1
    return parts
