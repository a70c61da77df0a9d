"""What the values of a policy must be to each other: references, duplicates, sums, cycles.

Each check reads the draft and yields a defect for everything it finds; none of them stops at the first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import NamedTuple

from functions.shared.policy.defects import Defect, path_of
from functions.shared.policy.model import POOL_PREFIX, REQUIRED_POOLS, CostCenter, DriverSplit, FixedSplit
from functions.shared.policy.pools import MOST_POOL_LEVELS, find_cycles, pool_levels
from functions.shared.policy.salvage import Draft
from functions.shared.policy.tags import normalize_tag_value, tag_column_suffix

_ALWAYS = ("0000-00", "9999-99")


def check(draft: Draft) -> list[Defect]:
    """Every defect between the parts of a policy, in the order of the file's sections."""
    return [defect for one_check in _CHECKS for defect in one_check(draft)]


def _tag_keys(draft: Draft) -> Iterator[Defect]:
    """Two keys that the export spells alike would be read from the same column."""
    keys: list[tuple[str, str]] = []
    if draft.tags:
        keys.append(("tags.owner", draft.tags.owner))
        keys += [(path_of("tags", "mandatory", i), key) for i, key in enumerate(draft.tags.mandatory)]
    for path, match in draft.matches.items():
        keys += [(f"{path}.{path_of('tag', key)}", key) for key in match.tag or {}]
    first: dict[str, str] = {}
    for path, key in keys:
        other = first.setdefault(tag_column_suffix(key), key)
        if other != key:
            yield Defect(path, f"{key} and {other} are both user_{tag_column_suffix(key)} in the export")
    mandatory = list(draft.tags.mandatory) if draft.tags else []
    for i, key in enumerate(mandatory):
        if key in mandatory[:i]:
            yield Defect(path_of("tags", "mandatory", i), f"{key} is named twice")


def _unique_ids(draft: Draft) -> Iterator[Defect]:
    for section in ("business_units", "accounts", "rules", "pools", "adjustments"):
        first: dict[str, int] = {}
        for index, value in draft.ids[section].items():
            other = first.setdefault(value, index)
            if other != index:
                yield Defect(path_of(section, index, "id"), f"{value} is also the id of {path_of(section, other)}")


class _Spelling(NamedTuple):
    """One way a tag can name a cost center: its id, or one of its aliases."""

    path: str
    text: str
    kind: str
    position: int
    center: CostCenter


def _spellings(draft: Draft) -> Iterator[_Spelling]:
    for index, center in draft.cost_centers.items():
        yield _Spelling(path_of("cost_centers", index, "id"), center.id, "the id", index, center)
        for i, alias in enumerate(center.aliases):
            yield _Spelling(path_of("cost_centers", index, "aliases", i), alias, "an alias", index, center)


def _distinct_spellings(draft: Draft) -> Iterator[Defect]:
    """A tag value must mean one cost center in any month; months that do not overlap do not clash."""
    by_value: dict[str, list[_Spelling]] = {}
    for spelling in _spellings(draft):
        others = by_value.setdefault(normalize_tag_value(spelling.text), [])
        for other in others:
            start, end = _common_months(spelling.center, other.center)
            if other.position != spelling.position and start <= end:
                since = "" if start == _ALWAYS[0] else f" from {start}"
                yield Defect(
                    spelling.path,
                    f"{_quoted(spelling.text)} is also {other.kind} of {_name_of(spelling, other)}{since}",
                )
                break
        others.append(spelling)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _name_of(spelling: _Spelling, other: _Spelling) -> str:
    """The other cost center's id, or its place in the file where both have the same id."""
    same = other.center.id == spelling.center.id
    return path_of("cost_centers", other.position) if same else other.center.id


def _common_months(a: CostCenter, b: CostCenter) -> tuple[str, str]:
    start = max(a.valid_from or _ALWAYS[0], b.valid_from or _ALWAYS[0])
    return start, min(a.valid_to or _ALWAYS[1], b.valid_to or _ALWAYS[1])


def _cost_centers(draft: Draft) -> Iterator[Defect]:
    units = draft.known("business_units")
    for index, center in draft.cost_centers.items():
        if center.business_unit not in units:
            yield _unknown(path_of("cost_centers", index, "business_unit"), center.business_unit, "a business unit")
        if center.valid_from and center.valid_to and center.valid_to < center.valid_from:
            path = path_of("cost_centers", index, "valid_to")
            yield Defect(path, f"{center.valid_to} is before valid_from {center.valid_from}")


def _accounts(draft: Draft) -> Iterator[Defect]:
    centers = draft.known("cost_centers")
    for index, account in draft.accounts.items():
        if account.cost_center and account.cost_center not in centers:
            yield _unknown(path_of("accounts", index, "cost_center"), account.cost_center, "a cost center")


def _targets(draft: Draft) -> Iterator[Defect]:
    centers, pools = draft.known("cost_centers"), draft.known("pools")
    for path, target in draft.targets.items():
        if target.kind == "cost_center" and target.id not in centers:
            yield _unknown(f"{path}.cost_center", target.id, "a cost center")
        if target.kind == "pool" and target.id not in pools:
            yield _unknown(f"{path}.pool", target.id, "a pool")


def _required_pools(draft: Draft) -> Iterator[Defect]:
    for pool in REQUIRED_POOLS:
        if pool not in draft.known("pools"):
            yield Defect("pools", f"{pool} is not declared; owner resolution needs {', '.join(REQUIRED_POOLS)}")


def _splits(draft: Draft) -> Iterator[Defect]:
    centers = draft.known("cost_centers")
    for path, split in draft.splits.items():
        if isinstance(split, FixedSplit):
            yield from _shares(draft, path, split)
            continue
        if isinstance(split, DriverSplit) and split.driver not in draft.driver_names:
            yield _unknown(f"{path}.driver", split.driver, "a driver")
        named: set[str] = set()
        for i, center in enumerate(split.among or ()):
            if center not in centers:
                yield _unknown(f"{path}.among[{i}]", center, "a cost center")
            elif center in named:
                yield Defect(f"{path}.among[{i}]", f"{center} is named twice")
            named.add(center)


def _shares(draft: Draft, path: str, split: FixedSplit) -> Iterator[Defect]:
    centers, pools = draft.known("cost_centers"), draft.known("pools")
    for recipient in split.shares:
        where = f"{path}.{path_of('shares', recipient)}"
        if recipient.startswith(POOL_PREFIX):
            if recipient.removeprefix(POOL_PREFIX) not in pools:
                yield _unknown(where, recipient.removeprefix(POOL_PREFIX), "a pool")
        elif recipient not in centers:
            yield _unknown(where, recipient, "a cost center")
    added = sum(split.shares.values(), start=Decimal(0))
    if added != 1:
        yield Defect(f"{path}.shares", f"add up to {added.normalize():f}, not 1")


def _cycles(draft: Draft) -> Iterator[Defect]:
    feeds = {pool: s.pools_fed() if isinstance(s, FixedSplit) else () for pool, s in draft.pool_splits.items()}
    for cycle in find_cycles(feeds):
        yield Defect("pools", f"{' → '.join(cycle)} is a cycle")
    depth = max(pool_levels(feeds).values(), default=0) + 1
    if depth > MOST_POOL_LEVELS:
        yield Defect("pools", f"feed each other over {depth} levels; at most {MOST_POOL_LEVELS} can be split")


def _defaults(draft: Draft) -> Iterator[Defect]:
    center = draft.defaults.unowned_cost_center if draft.defaults else None
    if center and center not in draft.known("cost_centers"):
        yield _unknown("defaults.unowned_cost_center", center, "a cost center")


def _adjustments(draft: Draft) -> Iterator[Defect]:
    """Their cost centers exist, and what they settle is a business unit's statement of an earlier month."""
    centers = draft.known("cost_centers")
    for index, adjustment in draft.adjustments.items():
        for side in ("from_cost_center", "to_cost_center"):
            if (center := getattr(adjustment, side)) not in centers:
                yield _unknown(path_of("adjustments", index, side), center, "a cost center")
        if adjustment.settles:
            path = path_of("adjustments", index, "settles")
            unit, month, _ = adjustment.settles.rsplit(" ", 2)
            if unit not in draft.known("business_units"):
                yield _unknown(path, unit, "a business unit")
            if month >= adjustment.billing_period:
                yield Defect(path, f"{month} is not before {adjustment.billing_period}, the month of the adjustment")


def _unknown(path: str, value: str, what: str) -> Defect:
    return Defect(path, f"{value} is not {what}")


_CHECKS: tuple[Callable[[Draft], Iterator[Defect]], ...] = (
    _tag_keys,
    _unique_ids,
    _distinct_spellings,
    _cost_centers,
    _accounts,
    _targets,
    _required_pools,
    _splits,
    _cycles,
    _defaults,
    _adjustments,
)
