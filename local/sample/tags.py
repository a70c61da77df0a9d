"""The tags people put on resources, and everything they get wrong about them."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from local.sample.organisation import (
    ALIASES,
    APPLICATIONS,
    RETIRED_COST_CENTERS,
    UNKNOWN_COST_CENTERS,
    Account,
    business_unit,
)


class Habit(StrEnum):
    """How the owner tag of a resource came out."""

    CLEAN = "as the policy has it"
    UNTIDY = "in lower case or with blanks around it"
    ALIAS = "another spelling that the policy lists"
    MISTYPED = "a letter O for a zero, an underscore for the hyphen"
    UNKNOWN = "a cost center that never was"
    RETIRED = "a cost center that is no more"
    BLANK = "a value of nothing but blanks"
    NO_OWNER = "other tags, but no owner"
    NO_TAGS = "no tags at all"


_HABITS = tuple(Habit)
_HOW_OFTEN = np.cumsum([760, 45, 30, 20, 15, 20, 15, 40, 55])
_WAYS: dict[Habit, int] = {
    Habit.CLEAN: 1,
    Habit.UNTIDY: 3,
    Habit.ALIAS: len(ALIASES),
    Habit.MISTYPED: 3,
    Habit.UNKNOWN: len(UNKNOWN_COST_CENTERS),
    Habit.RETIRED: len(RETIRED_COST_CENTERS),
    Habit.BLANK: 2,
    Habit.NO_OWNER: 2,
    Habit.NO_TAGS: 2,
}
EVERY_WAY: tuple[tuple[Habit, int], ...] = tuple((habit, way) for habit, ways in _WAYS.items() for way in range(ways))
"""Each habit in each way it can look: every month has all of them, whatever its size."""


def draw_habits(count: int, rng: np.random.Generator) -> list[tuple[Habit, int]]:
    """For each of so many resources a habit, and a number that picks the way it looks."""
    drawn = np.searchsorted(_HOW_OFTEN, rng.integers(0, _HOW_OFTEN[-1], size=count), side="right")
    picks = rng.integers(0, 10_000, size=count)
    return [(_HABITS[habit], pick) for habit, pick in zip(drawn.tolist(), picks.tolist(), strict=True)]


def resource_tags(account: Account, cost_center: str, habit: Habit, pick: int) -> dict[str, str]:
    """The ``resource_tags`` of one resource; ``pick`` chooses among the ways a habit can look."""
    if habit is Habit.NO_TAGS:
        return {}
    unit = business_unit(cost_center)
    application = APPLICATIONS[unit][pick % len(APPLICATIONS[unit])]
    tags = {
        "aws_cloudformation_stack_name": f"{application}-{account.environment}",
        "user_application": application,
        "user_business_unit": unit,
        "user_cost_center": _owner_tag(cost_center, habit, pick),
        "user_environment": account.environment,
        "user_name": f"{application}-{pick % 97:02d}",
        "user_owner": f"{unit}@meridian.example",
    }
    if habit is Habit.NO_OWNER:
        del tags["user_cost_center"]
    for key, one_in in (("user_environment", 11), ("user_business_unit", 9), ("user_application", 13)):
        if pick % one_in == one_in - 1:
            del tags[key]
    return tags


def owned_by(account: Account, habit: Habit, pick: int) -> str:
    """The cost center whose workload a resource is; only some have another spelling."""
    owners = tuple(ALIASES) if habit is Habit.ALIAS else account.cost_centers
    return owners[pick % len(owners)]


def _owner_tag(cost_center: str, habit: Habit, pick: int) -> str:
    number = cost_center[3:]
    ways: dict[Habit, tuple[str, ...]] = {
        Habit.UNTIDY: (f"cc-{number}", f" {cost_center} ", f"Cc-{number}"),
        Habit.ALIAS: (ALIASES.get(cost_center, cost_center),),
        Habit.MISTYPED: ("CC-" + number.replace("0", "O", 1), f"CC_{number}", f"CC{number}"),
        Habit.UNKNOWN: UNKNOWN_COST_CENTERS,
        Habit.RETIRED: RETIRED_COST_CENTERS,
        Habit.BLANK: ("", "  "),
    }
    values = ways.get(habit, (cost_center,))
    return values[pick % len(values)]
