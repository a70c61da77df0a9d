"""One item of the Map that keeps the tickets: how well an account is tagged on a day, and what the policy asks for."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field

from functions.shared.money import ExactAmount
from functions.shared.payload import Payload
from functions.shared.periods import BillingPeriod

_SETTLING = timedelta(days=7)

_Period = Annotated[str, AfterValidator(lambda text: str(BillingPeriod.parse(text)))]


class UntaggedResource(Payload):
    """A resource without owner tag, and what it has cost in the month so far."""

    resource_id: str
    service_name: str
    cost: ExactAmount


class AccountStanding(Payload):
    """What was measured in an account on a day, of the usage of one month on resources, at effective cost.

    ``account_name`` is blank when the policy does not list the account. ``untagged_ratio`` is the rounded part of
    ``taggable_cost`` that has no owner tag; ``untagged_resources`` are the most costly of these, the most costly first.
    ``ticket_group`` is the assignment group of the account's owner, blank when the books' own rules choose it.
    """

    account_id: str = Field(pattern=r"^\d{12}$")
    account_name: str
    billing_period: _Period
    day: date
    billing_currency: str
    owner_tag: str
    untagged_ratio: ExactAmount
    untagged_cost: ExactAmount
    taggable_cost: ExactAmount
    untagged_resources: tuple[UntaggedResource, ...] = ()
    ticket_group: str = ""

    @property
    def is_unused(self) -> bool:
        """Whether the month has no usage of the account, as far as it is known, that could be tagged."""
        return self.taggable_cost <= 0

    @property
    def has_settled(self) -> bool:
        """Whether the month is old enough for what is not in its bill not to have been used."""
        return self.day >= BillingPeriod.parse(self.billing_period).start.date() + _SETTLING


class TicketRules(Payload):
    """When a ticket is opened and resolved; ratios are 0 to 1.

    One is opened above ``threshold`` and resolved below ``threshold`` − ``hysteresis``, so that a value around the
    threshold does neither again and again. It is due after ``days_to_fix``, and taken up again when the account
    relapses within ``reopen_days`` of being clean.
    """

    threshold: ExactAmount = Field(ge=0, le=1)
    hysteresis: ExactAmount = Field(ge=0, le=1)
    days_to_fix: int = Field(ge=1)
    reopen_days: int = Field(ge=0)

    def drifts(self, standing: AccountStanding) -> bool:
        """Whether a ticket is opened, or taken up again: by the exact amounts, not the rounded ratio."""
        return standing.untagged_cost > standing.taggable_cost * self.threshold

    def is_clean(self, standing: AccountStanding) -> bool:
        """Whether a ticket is resolved; an account in which everything is tagged is clean whatever the threshold."""
        return standing.untagged_cost <= 0 or standing.untagged_cost < standing.taggable_cost * self.clean_below

    @property
    def clean_below(self) -> Decimal:
        """The share below which a ticket is resolved; half the threshold where the hysteresis would leave nothing."""
        return self.threshold - self.hysteresis if self.hysteresis < self.threshold else self.threshold / 2


class TicketItem(Payload):
    """An account and the rules of its ticket, and the run that measured it."""

    run_id: str
    account: AccountStanding
    rules: TicketRules
