"""The order in which pools are split: a pool before every pool that it feeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MOST_POOL_LEVELS = 32
"""How many levels of pools feeding pools there may be: the levels of table pool_shares."""

Feeds = Mapping[str, Sequence[str]]
"""Pool id → the ids of the pools that receive a share of it; ids that are not keys are ignored."""


def pool_levels(feeds: Feeds) -> dict[str, int]:
    """The level of each pool: 0 when no pool feeds it, else one more than the highest level that feeds it.

    Pools on a cycle, and pools that only a cycle feeds, have no level and are left out.
    """
    fed_by: dict[str, set[str]] = {pool: set() for pool in feeds}
    for pool, recipients in feeds.items():
        for recipient in recipients:
            if recipient in fed_by:
                fed_by[recipient].add(pool)
    levels: dict[str, int] = {}
    waiting = list(feeds)
    while ready := [pool for pool in waiting if fed_by[pool] <= levels.keys()]:
        levels |= {pool: max((levels[feeder] + 1 for feeder in fed_by[pool]), default=0) for pool in ready}
        waiting = [pool for pool in waiting if pool not in levels]
    return {pool: levels[pool] for pool in feeds if pool in levels}


def find_cycles(feeds: Feeds) -> list[list[str]]:
    """Cycles that keep pools from having a level, each as a closed walk: ``[network, logging, network]``.

    No pool is on two of them; taking these apart may uncover others.
    """
    stuck = {pool for pool in feeds if pool not in pool_levels(feeds)}
    cycles: list[list[str]] = []
    for start in (pool for pool in feeds if pool in stuck):
        walk = _closed_walk(feeds, start, stuck)
        cycles += [walk] if walk else []
        stuck -= set(walk)
    return cycles


def _closed_walk(feeds: Feeds, start: str, allowed: set[str]) -> list[str]:
    """The first way from a pool back to itself through allowed pools, depth first; empty when there is none."""
    trail, seen = [start], set[str]()

    def search(pool: str) -> bool:
        for recipient in feeds[pool]:
            if recipient == start:
                return True
            if recipient in allowed and recipient not in seen:
                seen.add(recipient)
                trail.append(recipient)
                if search(recipient):
                    return True
                trail.pop()
        return False

    return [*trail, start] if start in allowed and search(start) else []
