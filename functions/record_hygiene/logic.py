"""What is kept of an account's hygiene: one record an account, month and day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict

from functions.measure_hygiene.model import AccountHygiene, BusinessUnitCost, Hygiene
from functions.shared.money import ExactAmount
from functions.shared.payload import Payload


class RecordHygieneRequest(Payload):
    """The run whose measures are recorded."""

    run_id: str


class HygieneRecorded(Payload):
    """How many accounts were recorded, and how many of them have more untagged than on their day before."""

    items: int
    worse: int


class HygieneRecord(BaseModel):
    """One item of tag_hygiene.

    ``period_day`` is ``YYYY-MM#YYYY-MM-DD``. ``previous_ratio`` is that of the account's record before, blank for its
    first one. ``expires_at`` is in seconds since 1970, for DynamoDB to delete the item then.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    account_id: str
    period_day: str
    account_name: str
    owner: str
    untagged_ratio: str
    previous_ratio: str
    untagged_cost: ExactAmount
    taggable_cost: ExactAmount
    over_threshold: bool
    coverage: dict[str, str]
    resource_coverage: dict[str, str]
    expires_at: int

    @property
    def is_worse(self) -> bool:
        """Whether a larger share is untagged than in the record before; four decimals each, so text compares."""
        return bool(self.previous_ratio) and self.untagged_ratio > self.previous_ratio


class UnitRecord(BaseModel):
    """Another item of tag_hygiene: what a business unit cost so far. No account has its ``account_id``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account_id: str
    period_day: str
    month_to_date: ExactAmount
    expires_at: int


def unit_key(business_unit: str) -> str:
    """The ``account_id`` of a business unit's records; an account's is twelve digits."""
    return f"business-unit/{business_unit}"


def period_day(hygiene: Hygiene) -> str:
    """The second part of the key of every record of a validation."""
    return f"{hygiene.billing_period}#{hygiene.day}"


def make_record(
    account: AccountHygiene, hygiene: Hygiene, previous: HygieneRecord | None, keep_days: int
) -> HygieneRecord:
    """The record of an account; recording the same day again gives the same key."""
    return HygieneRecord(
        account_id=account.account_id,
        period_day=period_day(hygiene),
        account_name=account.account_name,
        owner=account.owner,
        untagged_ratio=account.untagged_ratio,
        previous_ratio=previous.untagged_ratio if previous else "",
        untagged_cost=account.untagged_cost,
        taggable_cost=account.taggable_cost,
        over_threshold=account.over_threshold,
        coverage=account.coverage,
        resource_coverage=account.resource_coverage,
        expires_at=_expires_at(hygiene, keep_days),
    )


def make_unit_record(unit: BusinessUnitCost, hygiene: Hygiene, keep_days: int) -> UnitRecord:
    """The record of a business unit, with which the same day of the next month is compared."""
    return UnitRecord(
        account_id=unit_key(unit.business_unit),
        period_day=period_day(hygiene),
        month_to_date=unit.month_to_date,
        expires_at=_expires_at(hygiene, keep_days),
    )


def _expires_at(hygiene: Hygiene, keep_days: int) -> int:
    day = datetime.fromisoformat(hygiene.day).replace(tzinfo=UTC)
    return int((day + timedelta(days=keep_days)).timestamp())
