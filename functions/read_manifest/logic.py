"""Finds the delivery to close: from the manifest that arrived, or the newest one of a month."""

from __future__ import annotations

import hashlib
from datetime import datetime

from pydantic import ValidationError

from functions.shared.delivery import period_of_manifest
from functions.shared.errors import InvalidRequest
from functions.shared.payload import Payload
from functions.shared.periods import BillingPeriod


class CloseRequest(Payload):
    """What an execution is started with: a manifest's key (by its arrival), a billing period (by a person), or the time
    for which it was scheduled, which means the month before."""

    billing_period: str | None = None
    manifest_key: str | None = None
    scheduled_at: datetime | None = None
    preview: bool = False
    policy_key: str | None = None
    invoices_key: str | None = None


class ReadManifestRequest(Payload):
    """The execution's input, its id, and the attempt: a run starts over when AWS delivers in between."""

    request: object
    execution_id: str
    attempt: int


class DeliveryFound(Payload):
    """The delivery that this run closes; its files are listed in the run's folder of the work bucket."""

    billing_period: str
    run_id: str
    preview: bool
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
    named = BillingPeriod.parse(request.billing_period) if request.billing_period else None
    arrived = period_of_manifest(request.manifest_key) if request.manifest_key else None
    if named and arrived and named != arrived:
        raise InvalidRequest(f"billing_period is {named} but manifest_key is of {arrived}; give one of them")
    period = named or arrived
    if period is None and request.scheduled_at is not None:
        return BillingPeriod(request.scheduled_at.year, request.scheduled_at.month).previous()
    if period is None:
        raise InvalidRequest('name the month: {"billing_period": "YYYY-MM"} or {"manifest_key": "…-Manifest.json"}')
    return period


def name_run(period: BillingPeriod, execution_id: str, attempt: int) -> str:
    """The run's id: the month, the execution and the attempt; the same execution gives the same id."""
    return f"{period}-{hashlib.sha256(execution_id.encode()).hexdigest()[:12]}-{attempt}"
