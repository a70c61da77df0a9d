"""What a month consists of: how many lines of each kind, on which resources, for how much."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from functions.shared.periods import BillingPeriod
from local.sample.budget import apportion, counts, month_budget
from local.sample.charges import Charge, charge_lines, commitment_charges, invoice_charges, used_of_reservation
from local.sample.columns import Integers
from local.sample.commitments import (
    PlanUse,
    Reservation,
    SavingsPlan,
    hours_in,
    plan_use,
    reservations,
    savings_plans,
    stretches,
)
from local.sample.containers import ROWS_PER_PARENT, Pods, pod_lines, run_pods
from local.sample.lines import Lines, Timeline, covered_lines, reserved_lines, usage_lines
from local.sample.organisation import ACCOUNTS
from local.sample.resources import describe, draw_sizes, place, place_only, positions_of, share_usage

_HOURLY_FEES_FROM = 50_000
_BATCH = 125_000
_COVERED, _RESERVED, _SPLIT = 5, 4, 7
"""Percent of the lines: covered by Savings Plans, reserved, and split over containers."""


@dataclass(frozen=True)
class Sizes:
    """How many resources and hosts a month has, and how often each appears."""

    times: int
    usage_lines: int
    covered: int
    reserved: int
    hosts: int

    @classmethod
    def of(cls, line_items: int, *, plans: int, reservations: int) -> Sizes:
        """Divides so many lines; what the other kinds leave is on-demand usage."""
        times = min(max(math.isqrt(line_items) // 15, 2), 200)
        covered = max(2 * plans, line_items * _COVERED // 100 // times)
        reserved = max(2 * reservations, line_items * _RESERVED // 100 // times)
        hosts = max(6, line_items * _SPLIT // 100 // times // ROWS_PER_PARENT)
        others = (2 * covered + reserved + hosts * ROWS_PER_PARENT) * times
        return cls(times, line_items - others, covered, reserved, hosts)


@dataclass(frozen=True)
class MonthPlan:
    """A month ready to be written, in any number of batches."""

    charges: Lines
    usage: Timeline
    covered: Timeline
    reserved: Timeline
    pods: tuple[Pods, ...]
    plans: tuple[SavingsPlan, ...]
    reservations: tuple[Reservation, ...]

    def lines(self) -> Iterator[Lines]:
        """All lines of the month, some at a time."""
        yield self.charges
        yield from _batches(self.usage.lines, lambda first, last: usage_lines(self.usage, first, last))
        for first, last in _slices(self.covered.lines):
            yield from covered_lines(self.covered, self.plans, first, last)
        yield from _batches(
            self.reserved.lines, lambda first, last: reserved_lines(self.reserved, self.reservations, first, last)
        )
        for pods in self.pods:
            for first, last in _slices(pods.lines):
                yield pod_lines(pods, first, last)


def plan_month(period: BillingPeriod, line_items: int, rng: np.random.Generator) -> MonthPlan:
    """Plans a month of exactly ``line_items`` lines whose costs add up to its budget."""
    hours = hours_in(period)
    budget = month_budget(period, rng)
    cuts = stretches(period, 1 if line_items >= _HOURLY_FEES_FROM else 24)
    plans, reserved = savings_plans(period), reservations(period)
    uses = tuple(plan_use(plan, cuts) for plan in plans)
    fees = list(commitment_charges(period, uses, reserved))
    fixed = len(fees) + len(list(invoice_charges(budget, np.ones(len(ACCOUNTS), dtype=np.int64))))
    sizes = Sizes.of(line_items - fixed, plans=len(plans), reservations=len(reserved))

    covered = _covered(uses, sizes, hours, rng)
    reservation_use = _reserved(reserved, sizes, hours, rng)
    on_demand = budget.left_for_usage(sum(fee.units for fee in fees))
    usage = _usage(on_demand, sizes, hours, rng)
    spend = np.zeros(len(ACCOUNTS), dtype=np.int64)
    for timeline in (usage, covered, reservation_use):
        np.add.at(spend, timeline.resources.account, timeline.resources.cost)
    charges: list[Charge] = [*fees, *invoice_charges(budget, spend)]
    on_covered = max(2, sizes.hosts // 3)
    return MonthPlan(
        charges=charge_lines(charges, period, rng),
        usage=usage,
        covered=covered,
        reserved=reservation_use,
        pods=(
            run_pods(covered, on_covered, sizes.times, rng),
            run_pods(usage, sizes.hosts - on_covered, sizes.times, rng),
        ),
        plans=plans,
        reservations=reserved,
    )


def _usage(total: int, sizes: Sizes, hours: int, rng: np.random.Generator) -> Timeline:
    placement = place(sizes.usage_lines // sizes.times, rng)
    cost = share_usage(placement, total, sizes.times, rng)
    none = np.zeros(len(cost), dtype=np.int64)
    return Timeline(describe(placement, cost, none, rng, every_habit=True), sizes.usage_lines, hours)


def _covered(uses: tuple[PlanUse, ...], sizes: Sizes, hours: int, rng: np.random.Generator) -> Timeline:
    """Instances under Savings Plans: those of a plan cost together what is used of it."""
    commitment = _assigned([use.plan.hourly for use in uses], sizes.covered)
    cost = _shared_within(commitment, [int(use.used.sum()) for use in uses], rng)
    wanted = rng.permutation(np.resize(positions_of("instance"), sizes.covered))
    resources = describe(place_only(wanted, rng), cost, commitment, rng)
    return Timeline(resources, sizes.covered * sizes.times, hours)


def _reserved(reserved: tuple[Reservation, ...], sizes: Sizes, hours: int, rng: np.random.Generator) -> Timeline:
    """Instances and databases under reservations: those of one cost together what is used of it."""
    commitment = _assigned([r.recurring_hourly + r.upfront_hourly for r in reserved], sizes.reserved)
    used = [used_of_reservation(r, hours) for r in reserved]
    cost = _shared_within(commitment, used, rng)
    is_database = np.array([r.product_code == "AmazonRDS" for r in reserved], dtype=bool)[commitment]
    instances = rng.permutation(np.resize(positions_of("instance"), sizes.reserved))
    databases = rng.permutation(np.resize(positions_of("database"), sizes.reserved))
    wanted = np.where(is_database, databases, instances)
    resources = describe(place_only(wanted, rng), cost, commitment, rng)
    return Timeline(resources, sizes.reserved * sizes.times, hours)


def _assigned(weights: list[int], resources: int) -> Integers:
    """Which commitment each resource falls under."""
    lighter = [weight // 10**9 for weight in weights]
    return np.repeat(np.arange(len(weights)), counts(resources, lighter))


def _shared_within(commitment: Integers, totals: list[int], rng: np.random.Generator) -> Integers:
    """Divides each commitment's total over its resources."""
    cost = np.zeros(len(commitment), dtype=np.int64)
    for number, total in enumerate(totals):
        under = np.flatnonzero(commitment == number)
        cost[under] = apportion(total, draw_sizes(len(under), rng))
    return cost


def _slices(lines: int) -> Iterator[tuple[int, int]]:
    return ((first, min(first + _BATCH, lines)) for first in range(0, lines, _BATCH))


def _batches(lines: int, make: Callable[[int, int], Lines]) -> Iterator[Lines]:
    return (make(first, last) for first, last in _slices(lines))
