"""Activates the tags we bill by, and has AWS apply them to earlier months.

Run again it changes nothing: what is active stays so, and a backfill that has been asked for is not asked for twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from functions.shared.adapters.cost_allocation_tags import Backfill, KnownTag, RefusedTag
from functions.shared.errors import BackfillRefused
from functions.shared.payload import Payload
from functions.shared.periods import BillingPeriod

BETWEEN_BACKFILLS = timedelta(hours=24)


class TagRegister(Protocol):
    """Where an organisation's cost-allocation tags are kept."""

    def find(self, keys: Sequence[str]) -> list[KnownTag]: ...

    def activate(self, keys: Sequence[str]) -> list[RefusedTag]: ...

    def backfills(self) -> list[Backfill]: ...

    def start_backfill(self, since: BillingPeriod) -> Backfill: ...


class Activation(Payload):
    """How the tags stand now.

    ``activated`` are the keys that became active just now, ``active`` all that are; ``not_yet_known`` are those that
    AWS has not seen on billed usage, which takes it up to a day; ``refused`` tells for a key what AWS says.
    ``backfill`` tells what became of the months before.
    """

    activated: tuple[str, ...]
    active: tuple[str, ...]
    not_yet_known: tuple[str, ...]
    refused: dict[str, str]
    backfill: str


def activate_tags(register: TagRegister, keys: Iterable[str], backfill_months: int, now: datetime) -> Activation:
    """Activates those of the keys that AWS knows, and starts a backfill when one is due."""
    wanted = tuple(dict.fromkeys(keys))
    known = {tag.key: tag for tag in register.find(wanted)}
    inactive = [key for key in wanted if key in known and not known[key].is_active]
    refused = {tag.key: tag.reason for tag in register.activate(inactive)}
    activated = tuple(key for key in inactive if key not in refused)
    since = BillingPeriod(now.year, now.month).previous(backfill_months)
    changes = [now for _ in activated]
    changes += [tag.changed_at for tag in known.values() if tag.is_active and tag.changed_at]
    return Activation(
        activated=activated,
        active=tuple(key for key in wanted if key in known and key not in refused),
        not_yet_known=tuple(key for key in wanted if key not in known),
        refused=refused,
        backfill=_backfill(register, changes, since, now),
    )


def _backfill(register: TagRegister, changes: Sequence[datetime], since: BillingPeriod, now: datetime) -> str:
    """Starts a backfill unless none is needed or AWS would take none; returns what was done, and why."""
    history = register.backfills()
    missing = [change for change in changes if needs_backfill(change, since, history)]
    if not missing:
        return "not needed"
    if any(backfill.is_running for backfill in history):
        return "waits for the one that is running; tried again tomorrow"
    if any(now - backfill.requested_at < BETWEEN_BACKFILLS for backfill in history):
        return "waits, for AWS takes one in 24 hours; tried again tomorrow"
    try:
        started = register.start_backfill(since)
    except BackfillRefused as refused:
        return f"refused ({refused}); tried again tomorrow"
    if started.has_failed:
        return "failed; tried again tomorrow"
    return f"started from {since}" if started.is_running else "not needed: AWS has seen no change since the last one"


def needs_backfill(changed_at: datetime, since: BillingPeriod, history: Iterable[Backfill]) -> bool:
    """Whether a tag that became active then is missing in months that no backfill since has reached.

    A change without a time of day may have been at any time of it.
    """
    is_whole_day = changed_at == changed_at.replace(hour=0, minute=0, second=0, microsecond=0)
    latest = changed_at + timedelta(days=1) if is_whole_day else changed_at
    return latest > since.start and not any(
        backfill.requested_at >= latest and backfill.start <= since.start and not backfill.has_failed
        for backfill in history
    )
