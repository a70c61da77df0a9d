"""Finds the delivery to close: from the manifest that arrived, or the newest one of a month."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated

from pydantic import StringConstraints, ValidationError

from functions.shared.delivery import Delivery, period_of_manifest
from functions.shared.errors import InvalidRequest
from functions.shared.payload import Payload
from functions.shared.periods import BillingPeriod
from functions.shared.restored_close import RestoredClose

# As EventBridge Scheduler writes it; the state machine reads the day in it.
ScheduledTime = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")]


class CloseRequest(Payload):
    """What an execution is started with: a manifest's key (by its arrival), a billing period (by a person), or the time
    for which it was scheduled, which means the month before. By replay_period: the run that a close is restored to."""

    billing_period: str | None = None
    manifest_key: str | None = None
    scheduled_at: ScheduledTime | None = None
    preview: bool = False
    policy_key: str | None = None
    invoices_key: str | None = None
    replay: str | None = None


class ReadManifestRequest(Payload):
    """The execution's input, its id, and the attempt: a run starts over when AWS delivers in between."""

    request: object
    execution_id: str
    attempt: int


class OriginalClose(Payload):
    """The close that a replay derives again; ``billing_period`` is where its entries are booked."""

    billing_period: str
    revision: int
    has_invoices: bool


class DeliveryFound(Payload):
    """The delivery that this run closes; its files are listed in the run's folder of the work bucket.

    A preview locks, publishes and posts nothing, and so does a replay, which is one of an original close.
    """

    billing_period: str
    run_id: str
    preview: bool
    replay: bool
    original: OriginalClose | None
    policy_key: str
    invoices_key: str
    manifest_key: str
    manifest_execution_id: str
    data_files: int
    data_bytes: int
    fingerprint: str


def read_request(given: object) -> CloseRequest:
    """The execution's input; raises InvalidRequest that names every field that is not one, or not of its type."""
    try:
        return CloseRequest.model_validate(given)
    except ValidationError as invalid:
        defects = "; ".join(
            f"{'.'.join(map(str, error['loc'])) or 'input'}: {error['msg']}" for error in invalid.errors()
        )
        raise InvalidRequest(f"{defects}; the input takes {', '.join(CloseRequest.model_fields)}") from None


def requested_period(request: CloseRequest) -> BillingPeriod:
    """The month to close; raises InvalidRequest when the input names none, or two different ones."""
    months: dict[str, BillingPeriod] = {}
    if request.billing_period:
        months["billing_period"] = BillingPeriod.parse(request.billing_period)
    if request.manifest_key:
        months["manifest_key"] = period_of_manifest(request.manifest_key)
    if request.scheduled_at:
        months["scheduled_at"] = _month_of(request.scheduled_at).previous()
    if not months:
        raise InvalidRequest('name the month: {"billing_period": "YYYY-MM"} or {"manifest_key": "…-Manifest.json"}')
    period, *others = dict.fromkeys(months.values())
    if others:
        said = ", ".join(f"{field} is of {month}" for field, month in months.items())
        raise InvalidRequest(f"the input names more than one month ({said}); give one of them")
    return period


def require_alone(request: CloseRequest) -> None:
    """Raises InvalidRequest when a replay is asked for together with anything else."""
    others = sorted(request.model_fields_set - {"replay"})
    if others:
        raise InvalidRequest(f"replay: takes no {', '.join(others)} beside it; everything follows from the close")


def describe_restored(run_id: str, restored: RestoredClose | None, delivery: Delivery | None) -> DeliveryFound:
    """The delivery of a close that was restored; raises InvalidRequest when none was restored to this run."""
    if restored is None or delivery is None:
        raise InvalidRequest(f"replay: no close is restored to the run {run_id!r}; start replay_period with the month")
    return DeliveryFound(
        billing_period=restored.charge_period,
        run_id=run_id,
        preview=True,
        replay=True,
        original=OriginalClose(
            billing_period=restored.billing_period, revision=restored.revision, has_invoices=restored.has_invoices
        ),
        policy_key=restored.policy_key,
        invoices_key="",
        manifest_key=delivery.manifest_key,
        manifest_execution_id=delivery.manifest_execution_id,
        data_files=len(delivery.files),
        data_bytes=sum(file.size for file in delivery.files),
        fingerprint=delivery.fingerprint,
    )


def _month_of(time: str) -> BillingPeriod:
    try:
        at = datetime.fromisoformat(time)
    except ValueError as error:
        raise InvalidRequest(f"scheduled_at: {time} is no time ({error})") from None
    return BillingPeriod(at.year, at.month)


def name_run(period: BillingPeriod, execution_id: str, attempt: int) -> str:
    """The run's id: the month, the execution and the attempt; the same execution gives the same id."""
    return f"{period}-{hashlib.sha256(execution_id.encode()).hexdigest()[:12]}-{attempt}"
