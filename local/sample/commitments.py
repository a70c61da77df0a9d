"""What the sample organisation has committed to: Savings Plans and Reserved Instances, with and without upfront fees.

Two Savings Plans and one reservation are paid as they are used. On top, a ladder: each month buys a one-year Savings
Plan, all upfront, and a one-year database reservation, partly upfront, so that every month has purchase invoices.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from functions.shared.periods import BillingPeriod
from local.sample.columns import UNITS_PER_DOLLAR, Batch, Integers, text
from local.sample.organisation import PAYER

_LADDER_STARTED = BillingPeriod(2026, 1)
_HOURS_A_YEAR = 8_760
_NAMESPACE = uuid.UUID("6f1d5f6e-54ce-4f0a-9d5e-0c6f2b8a7c11")
COVERED_PERCENT = 72
"""What covered usage costs under a Savings Plan, in percent of its on-demand price."""


class SavingsPlan(NamedTuple):
    """A Savings Plan; the commitment is in 1e-10 dollars an hour, the usage of it in thousandths."""

    name: str
    offering: str
    bought: BillingPeriod
    hourly: int
    all_upfront: bool
    used_per_mille: int

    @property
    def arn(self) -> str:
        """The plan's ARN."""
        return f"arn:aws:savingsplans::{PAYER.account_id}:savingsplan/{uuid.uuid5(_NAMESPACE, self.name)}"

    @property
    def upfront(self) -> int:
        """The fee of the whole year, if it is all upfront."""
        return self.hourly * _HOURS_A_YEAR if self.all_upfront else 0

    def columns(self) -> dict[str, str]:
        """What each line of the plan says about it."""
        return {
            "savings_plan_savings_plan_a_r_n": self.arn,
            "savings_plan_offering_type": self.offering,
            "savings_plan_payment_option": "All Upfront" if self.all_upfront else "No Upfront",
            "savings_plan_purchase_term": "1yr",
            "savings_plan_region": "Any" if self.offering == "ComputeSavingsPlans" else "us-east-1",
            "savings_plan_start_time": f"{self.bought}-01T00:00:00.000Z",
            "savings_plan_end_time": f"{self.bought.previous(-12)}-01T00:00:00.000Z",
        }


class Reservation(NamedTuple):
    """A reservation; its fees are in 1e-10 dollars an hour, the usage of it in thousandths."""

    name: str
    product_code: str
    usage_type: str
    bought: BillingPeriod
    recurring_hourly: int
    upfront_hourly: int
    used_per_mille: int

    @property
    def arn(self) -> str:
        """The reservation's ARN."""
        if self.product_code == "AmazonRDS":
            return f"arn:aws:rds:us-east-1:{PAYER.account_id}:ri:{self.name}"
        return f"arn:aws:ec2:us-east-1:{PAYER.account_id}:reserved-instances/{uuid.uuid5(_NAMESPACE, self.name)}"

    @property
    def upfront(self) -> int:
        """The fee paid when it was bought."""
        return self.upfront_hourly * _HOURS_A_YEAR

    def columns(self) -> dict[str, str]:
        """What each line of the reservation says about it."""
        return {
            "reservation_reservation_a_r_n": self.arn,
            "reservation_subscription_id": str(uuid.uuid5(_NAMESPACE, self.arn).int % 10**11),
            "pricing_lease_contract_length": "1yr",
            "pricing_offering_class": "standard",
            "pricing_purchase_option": "Partial Upfront" if self.upfront_hourly else "No Upfront",
        }


class Hours(NamedTuple):
    """A stretch of the month: from one hour of it up to another."""

    start: int
    end: int


@dataclass(frozen=True)
class PlanUse:
    """A Savings Plan over a month: per stretch of hours, what is committed and what of it is used."""

    plan: SavingsPlan
    stretches: tuple[Hours, ...]
    committed: Integers
    used: Integers


def savings_plans(period: BillingPeriod) -> tuple[SavingsPlan, ...]:
    """The plans that run in a month."""
    standing = (
        SavingsPlan("compute", "ComputeSavingsPlans", BillingPeriod(2025, 7), 165 * UNITS_PER_DOLLAR, False, 942),
        SavingsPlan("instances", "EC2InstanceSavingsPlans", BillingPeriod(2025, 10), 95 * UNITS_PER_DOLLAR, False, 887),
    )
    ladder = tuple(
        SavingsPlan(f"ladder-{month}", "ComputeSavingsPlans", month, 6 * UNITS_PER_DOLLAR, True, 965)
        for month in _ladder(period)
    )
    return standing + ladder


def reservations(period: BillingPeriod) -> tuple[Reservation, ...]:
    """The reservations that run in a month."""
    standing = Reservation(
        "fleet", "AmazonEC2", "HeavyUsage:m6i.xlarge", BillingPeriod(2025, 9), 40 * UNITS_PER_DOLLAR, 0, 955
    )
    ladder = tuple(
        Reservation(
            f"databases-{month}", "AmazonRDS", "HeavyUsage:db.r6g.2xl", month, 25 * UNITS_PER_DOLLAR // 10,
            3 * UNITS_PER_DOLLAR, 970,
        )
        for month in _ladder(period)
    )  # fmt: skip
    return (standing, *ladder)


def plan_use(plan: SavingsPlan, stretches: tuple[Hours, ...]) -> PlanUse:
    """How a plan is used over the month: a little more or less in each stretch, and never all of it."""
    lengths = np.array([stretch.end - stretch.start for stretch in stretches], dtype=np.int64)
    committed = lengths * plan.hourly
    swing = (np.arange(len(stretches), dtype=np.int64) * 37) % 31 - 15
    return PlanUse(plan, stretches, committed, committed // 1000 * (plan.used_per_mille + swing))


def hours_in(period: BillingPeriod) -> int:
    """How many hours the month has."""
    return period.last_day.day * 24


def stretches(period: BillingPeriod, step: int) -> tuple[Hours, ...]:
    """The month cut into stretches of ``step`` hours."""
    return tuple(Hours(start, start + step) for start in range(0, hours_in(period), step))


def described(commitments: tuple[SavingsPlan, ...] | tuple[Reservation, ...]) -> Batch:
    """What lines say about their commitment, one row per commitment."""
    rows = [commitment.columns() for commitment in commitments]
    return {name: text([row[name] for row in rows]) for name in rows[0]}


def _ladder(period: BillingPeriod) -> list[BillingPeriod]:
    last_year = [period.previous(months) for months in range(11, -1, -1)]
    return [month for month in last_year if month >= _LADDER_STARTED or month == period]
