"""A payer account with cost-allocation tags, whose time the tests tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from functions.activate_tags.logic import Activation, activate_tags
from functions.shared.adapters.cost_allocation_tags import CostAllocationTags
from local.aws.cost_allocation_tags import PayerTags
from local.aws.patching import Patches

MORNING = datetime(2026, 5, 20, 5, 30, tzinfo=UTC)
"""When the daily schedule runs."""


class Payer:
    """The account, the time in it, and the function that looks after its tags every morning."""

    def __init__(self, register: CostAllocationTags) -> None:
        self.now = MORNING
        self.tags = PayerTags(clock=lambda: self.now)
        self.register = register

    def run(self, keys: Sequence[str], backfill_months: int = 1) -> Activation:
        return activate_tags(self.register, keys, backfill_months, self.now)

    def sleep(self, days: int = 1) -> None:
        """The same time of day, days later."""
        self.now += timedelta(days=days)


@contextmanager
def payer_of(register: CostAllocationTags) -> Iterator[Payer]:
    """A new payer in the mocked account that the register talks to."""
    payer, patches = Payer(register), Patches()
    payer.tags.install(patches)
    try:
        yield payer
    finally:
        patches.undo()
