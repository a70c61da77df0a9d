"""The lines of a month that come from resources: usage, covered usage with its negation, reserved usage.

Each resource appears a number of times over the month. What it costs in one appearance follows from its position
alone, so any slice of a month can be made without the others, and all slices add up to the budget exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from local.sample.catalog import offers
from local.sample.columns import FLAT_TAGS, UNITS_PER_DOLLAR, Batch, Integers, constant, dollars, gather, gather_all
from local.sample.commitments import COVERED_PERCENT, Reservation, SavingsPlan, described
from local.sample.resources import Resources, same_for_all

_RESERVED_PERCENT = 61
_OF_THE_RESOURCE = {"line_item_resource_id", "line_item_availability_zone", "resource_tags", *FLAT_TAGS}


class Lines(NamedTuple):
    """Lines with the columns peculiar to them; ``month`` adds what follows from invoice, cost and time."""

    columns: Batch
    invoice: Integers
    units: Integers
    start: Integers
    end: Integers


class Appearances(NamedTuple):
    """Which resource (by position), for which time, and in which hour of the month."""

    resource: Integers
    time: Integers
    hour: Integers


@dataclass(frozen=True)
class Timeline:
    """Resources over a month: ``lines`` appearances in ``hours`` hours, in turn, evenly spaced."""

    resources: Resources
    lines: int
    hours: int

    @property
    def times_each(self) -> int:
        """How often every resource appears at least."""
        return self.lines // len(self.resources)

    def appearances(self, first: int, last: int) -> Appearances:
        """The appearances with numbers from ``first`` up to ``last``."""
        number = np.arange(first, last, dtype=np.int64)
        resource, time = number % len(self.resources), number // len(self.resources)
        return Appearances(resource, time, self.hour(resource, time))

    def hour(self, resource: Integers, time: Integers) -> Integers:
        """The hour of the month of an appearance; never the same twice for one resource."""
        most = -(-self.lines // len(self.resources))
        return (time * self.hours // most + resource * 7) % self.hours

    def effective(self, resource: Integers, time: Integers) -> Integers:
        """The effective cost of an appearance: the resource's cost over its times, up to a third more or less.

        Neighbouring times swing by the same amount in opposite directions and the first takes the remainder, so a
        resource's appearances add up to its cost.
        """
        times = self.times_each + (resource < self.lines % len(self.resources))
        cost = self.resources.cost[resource]
        even = cost // times
        swing = even // 3001 * ((resource * 7919 + (time // 2) * 104_729) % 997)
        unpaired = (time == times - 1) & (time % 2 == 0)
        signed = np.where(unpaired, 0, np.where(time % 2 == 0, swing, -swing))
        return even + signed + np.where(time == 0, cost - even * times, 0)


def usage_lines(timeline: Timeline, first: int, last: int) -> Lines:
    """On-demand usage; containers on Fargate carry their split columns, as they are billed by themselves."""
    at = timeline.appearances(first, last)
    units = timeline.effective(at.resource, at.time)
    columns = _resource_columns(timeline, at) | _usage_amounts(timeline, at, units)
    offer = timeline.resources.offer[at.resource]
    columns |= same_for_all({"line_item_line_item_type": "Usage", "pricing_term": "OnDemand"}, len(units))
    columns |= {"pricing_public_on_demand_cost": dollars(units)} | _fargate(offer, units)
    return _lines(timeline, at, columns, units)


def covered_lines(timeline: Timeline, plans: tuple[SavingsPlan, ...], first: int, last: int) -> tuple[Lines, Lines]:
    """Usage covered by Savings Plans at its on-demand price, and the negation that takes that price back."""
    at = timeline.appearances(first, last)
    effective = timeline.effective(at.resource, at.time)
    on_demand = effective * 100 // COVERED_PERCENT
    plan = gather_all(described(plans), timeline.resources.commitment[at.resource])
    attributes = _resource_columns(timeline, at) | _usage_amounts(timeline, at, on_demand) | plan
    rate = _rates()[timeline.resources.offer[at.resource]]
    covered = (
        attributes
        | same_for_all(
            {"line_item_line_item_type": "SavingsPlanCoveredUsage", "pricing_term": "OnDemand"}, len(at.hour)
        )
        | {
            "pricing_public_on_demand_cost": dollars(on_demand),
            "savings_plan_savings_plan_effective_cost": dollars(effective),
            "savings_plan_savings_plan_rate": pa.array(rate * (COVERED_PERCENT / 100)),
        }
    )
    negation = {name: values for name, values in attributes.items() if name not in _OF_THE_RESOURCE}
    ids = attributes["identity_line_item_id"]
    negation |= {"identity_line_item_id": pa.DictionaryArray.from_arrays(ids.indices, pc.utf8_reverse(ids.dictionary))}
    negation |= {"line_item_line_item_type": constant("SavingsPlanNegation", len(at.hour))}
    return _lines(timeline, at, covered, on_demand), _lines(timeline, at, negation, -on_demand)


def reserved_lines(timeline: Timeline, reserved: tuple[Reservation, ...], first: int, last: int) -> Lines:
    """Usage that a reservation pays for: billed at nothing, worth its part of the reservation's fees."""
    at = timeline.appearances(first, last)
    effective = timeline.effective(at.resource, at.time)
    reservation = timeline.resources.commitment[at.resource]
    upfront_per_mille = np.array(
        [1000 * r.upfront_hourly // (r.upfront_hourly + r.recurring_hourly) for r in reserved], dtype=np.int64
    )
    amortized = effective * upfront_per_mille[reservation] // 1000
    on_demand = effective * 100 // _RESERVED_PERCENT
    columns = _resource_columns(timeline, at) | _usage_amounts(timeline, at, on_demand)
    columns |= gather_all(described(reserved), reservation)
    columns |= same_for_all(
        {
            "line_item_line_item_type": "DiscountedUsage",
            "line_item_unblended_rate": "0.0000000000",
            "line_item_blended_rate": "0.0000000000",
            "pricing_term": "Reserved",
        },
        len(effective),
    )
    columns |= {
        "pricing_public_on_demand_cost": dollars(on_demand),
        "reservation_effective_cost": dollars(effective),
        "reservation_amortized_upfront_cost_for_usage": dollars(amortized),
        "reservation_recurring_fee_for_usage": dollars(effective - amortized),
    }
    return _lines(timeline, at, columns, np.zeros(len(effective), dtype=np.int64))


def _lines(timeline: Timeline, at: Appearances, columns: Batch, units: Integers) -> Lines:
    return Lines(columns, timeline.resources.invoice[at.resource], units, at.hour, at.hour + 1)


def _resource_columns(timeline: Timeline, at: Appearances) -> Batch:
    return {name: gather(values, at.resource) for name, values in timeline.resources.columns.items()}


def _usage_amounts(timeline: Timeline, at: Appearances, on_demand: Integers) -> Batch:
    """How much was used: the on-demand cost by its rate, or some number where it is free."""
    rate = _rates()[timeline.resources.offer[at.resource]]
    free = (at.resource * 13 + at.time * 29) % 997 + 1.0
    amount = np.where(rate > 0, on_demand / UNITS_PER_DOLLAR / np.where(rate > 0, rate, 1.0), free)
    return {"line_item_usage_amount": pa.array(amount)}


def _rates() -> npt.NDArray[np.float64]:
    return np.array([float(offer.rate) for offer in offers()])


def _fargate(offer: Integers, units: Integers) -> Batch:
    fargate = np.array(["Fargate" in o.operation for o in offers()], dtype=bool)[offer]
    if not fargate.any():
        return {}
    split = units * 4 // 5
    hours = pa.array(np.ones(len(units)), mask=~fargate)
    cost, unused = dollars(split).to_numpy(), dollars(units - split).to_numpy()
    return {
        "split_line_item_reserved_usage": hours,
        "split_line_item_split_usage": hours,
        "split_line_item_split_usage_ratio": hours,
        "split_line_item_actual_usage": pa.array(np.full(len(units), 0.8), mask=~fargate),
        "split_line_item_split_cost": pa.array(cost, mask=~fargate),
        "split_line_item_unused_cost": pa.array(unused, mask=~fargate),
        "split_line_item_public_on_demand_split_cost": pa.array(cost, mask=~fargate),
        "split_line_item_public_on_demand_unused_cost": pa.array(unused, mask=~fargate),
    }
