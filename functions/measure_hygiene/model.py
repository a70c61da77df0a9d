"""What a validation has measured: ratios are text with four decimals, amounts exact text."""

from __future__ import annotations

from datetime import datetime

from functions.check_delivery.schema import SchemaDrift
from functions.shared.money import ExactAmount
from functions.shared.payload import Payload


class ServiceHygiene(Payload):
    """An account's taggable usage of one service."""

    service_name: str
    untagged_ratio: str
    untagged_cost: ExactAmount
    taggable_cost: ExactAmount
    resources: int
    untagged_resources: int


class UnrecognizedValue(Payload):
    """An owner tag value that names no cost center, and the closest known spelling; blank when none is near."""

    value: str
    exact_cost: ExactAmount
    resources: int
    closest: str


class CostlyResource(Payload):
    """An untagged resource."""

    resource_id: str
    service_name: str
    exact_cost: ExactAmount


class BusinessUnitCost(Payload):
    """What a business unit's own cost centers own of the month so far, and owned by then of the month before.

    ``previous_month_to_date`` and ``change`` are None when the month before was not measured by then.
    """

    business_unit: str
    month_to_date: ExactAmount
    previous_month_to_date: ExactAmount | None
    change: ExactAmount | None


class AccountHygiene(Payload):
    """One account that has taggable usage.

    ``owner`` is its default cost center, blank when it has none. ``coverage`` is per mandatory tag by cost,
    ``resource_coverage`` by number of resources.
    """

    account_id: str
    account_name: str
    owner: str
    untagged_ratio: str
    untagged_cost: ExactAmount
    taggable_cost: ExactAmount
    over_threshold: bool
    coverage: dict[str, str]
    resource_coverage: dict[str, str]
    services: list[ServiceHygiene]
    unrecognized: list[UnrecognizedValue]
    costly_untagged: list[CostlyResource]


class Hygiene(Payload):
    """A month as it stands on a day; accounts are ranked by their untagged cost, the largest first.

    ``shared_pool_share`` is the part of the bill so far (``bill_cost``) that pools own, ``pools`` what each owns.
    """

    billing_period: str
    day: str
    organization: str
    billing_currency: str
    delivered_at: datetime
    age_seconds: int
    drift: SchemaDrift
    untagged_threshold: str
    untagged_ratio: str
    untagged_cost: ExactAmount
    taggable_cost: ExactAmount
    bill_cost: ExactAmount
    shared_pool_cost: ExactAmount
    shared_pool_share: str
    pools: dict[str, ExactAmount]
    business_units: list[BusinessUnitCost]
    accounts: list[AccountHygiene]
