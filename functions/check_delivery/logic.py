"""Is the newest delivery of a month there, in time, whole, and of the columns that the SQL was written for?"""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import ValidationError

from functions.check_delivery.schema import SchemaDrift
from functions.read_manifest.logic import ScheduledTime
from functions.shared.delivery import Delivery, period_of_manifest
from functions.shared.errors import DeliveryStale, InvalidRequest
from functions.shared.payload import Payload
from functions.shared.periods import BillingPeriod


class ValidationRequest(Payload):
    """What an execution is started with: a manifest's key (by its arrival), a billing period (by a person), or the time
    for which it was scheduled, which means the month of that day."""

    billing_period: str | None = None
    manifest_key: str | None = None
    scheduled_at: ScheduledTime | None = None
    policy_key: str | None = None


class CheckDeliveryRequest(Payload):
    """The execution's input, its id, and when it started (UTC)."""

    request: object
    execution_id: str
    started_at: datetime


class DeliveryChecked(Payload):
    """The delivery that is measured; its files are listed in the run's folder of the work bucket.

    ``day`` (YYYY-MM-DD) is the one that the measures are of; ``age_seconds`` is counted from the manifest's arrival.
    """

    billing_period: str
    run_id: str
    day: str
    policy_key: str
    manifest_key: str
    delivered_at: datetime
    age_seconds: int
    data_files: int
    data_bytes: int
    fingerprint: str
    drift: SchemaDrift


def read_request(given: object) -> ValidationRequest:
    """The execution's input; raises InvalidRequest that names every field that is not one, or not of its type."""
    try:
        return ValidationRequest.model_validate(given)
    except ValidationError as invalid:
        defects = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'input'}: {e['msg']}" for e in invalid.errors())
        raise InvalidRequest(f"{defects}; the input takes {', '.join(ValidationRequest.model_fields)}") from None


def asked_at(request: ValidationRequest, started_at: datetime) -> datetime:
    """The time for which the check is made: a schedule that starts late is still of its day."""
    if request.scheduled_at is None:
        return started_at
    try:
        return datetime.fromisoformat(request.scheduled_at)
    except ValueError as error:
        raise InvalidRequest(f"scheduled_at: {request.scheduled_at} is no time ({error})") from None


def asked_period(request: ValidationRequest, at: datetime) -> BillingPeriod:
    """The month to validate; raises InvalidRequest unless the input names it in exactly one way."""
    named = [request.billing_period, request.manifest_key, request.scheduled_at]
    if sum(bool(name) for name in named) != 1:
        raise InvalidRequest("the input names the month once: billing_period, manifest_key or scheduled_at")
    if request.billing_period:
        return BillingPeriod.parse(request.billing_period)
    if request.manifest_key:
        return period_of_manifest(request.manifest_key)
    return BillingPeriod(at.year, at.month)


def require_begun(period: BillingPeriod, at: datetime, freshness_hours: int) -> None:
    """For a month without any manifest: raises DeliveryStale when the month began longer ago than AWS may be silent."""
    if at - period.start > timedelta(hours=freshness_hours):
        raise DeliveryStale(
            f"nothing was delivered for {period}, which began {_hours(at - period.start)} hours ago "
            f"(at most {freshness_hours}); look at the export's status in Data Exports"
        )


def require_fresh(manifest_key: str, delivered_at: datetime, at: datetime, freshness_hours: int) -> None:
    """Raises DeliveryStale when the newest delivery is older than the objective allows."""
    age = at - delivered_at
    if age > timedelta(hours=freshness_hours):
        raise DeliveryStale(
            f"{manifest_key} arrived {_hours(age)} hours ago (at most {freshness_hours}); "
            "look at the export's status in Data Exports"
        )


def lag(delivered_at: datetime, at: datetime) -> int:
    """How old a delivery is, in seconds; one that arrives while it is looked at is new."""
    return max(0, int((at - delivered_at).total_seconds()))


def describe(
    delivery: Delivery,
    request: ValidationRequest,
    *,
    run_id: str,
    delivered_at: datetime,
    at: datetime,
    drift: SchemaDrift,
) -> DeliveryChecked:
    """What the other states need to know of a delivery that is in order."""
    return DeliveryChecked(
        billing_period=delivery.billing_period,
        run_id=run_id,
        day=f"{at:%Y-%m-%d}",
        policy_key=request.policy_key or "",
        manifest_key=delivery.manifest_key,
        delivered_at=delivered_at,
        age_seconds=lag(delivered_at, at),
        data_files=len(delivery.files),
        data_bytes=sum(file.size for file in delivery.files),
        fingerprint=delivery.fingerprint,
        drift=drift,
    )


def _hours(age: timedelta) -> int:
    return int(age.total_seconds()) // 3600
