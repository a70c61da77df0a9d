"""How many of a function may run at the same time."""

from __future__ import annotations

from infra.config import EnvironmentConfig

SIDE_BY_SIDE = {"render_statement": 10, "post_charge": 5, "attach_statement": 5, "update_ticket": 5}
"""How many of them a Map of one execution runs at the same time; of every other function it runs one."""


def reserved_concurrency(config: EnvironmentConfig, verb_noun: str) -> int | None:
    """Enough for the months that may close at once: those of a backfill, the current one, and one asked for.

    What is beyond that is a loop, or a caller who is not the state machine; and the books get no more at a time. None
    where the account has too few to reserve any.
    """
    if not config.reserves_concurrency:
        return None
    return (config.backfill_months + 2) * SIDE_BY_SIDE.get(verb_noun, 1)
