"""Takes the period for one execution: nobody else can close it until this one is done or dead."""

from __future__ import annotations

from functions.shared.payload import Payload
from functions.shared.period_state import Admission, PeriodRecord, PeriodStatus


class TakePeriodLockRequest(Payload):
    """The run that wants the period, and when it asks."""

    billing_period: str
    run_id: str
    fingerprint: str
    execution_id: str
    at: str


def lock_period(record: PeriodRecord | None, admission: Admission, request: TakePeriodLockRequest) -> PeriodRecord:
    """The record as it reads while this execution holds the period; a resumed one keeps its status and run."""
    if record is None:
        return PeriodRecord(
            billing_period=request.billing_period,
            status=PeriodStatus.RUNNING,
            revision=admission.revision,
            booked_in=admission.billing_period,
            run_id=admission.run_id,
            execution_id=request.execution_id,
            delivery_fingerprint=request.fingerprint,
            updated_at=request.at,
        )
    held = record.changed(
        execution_id=request.execution_id,
        approval_token="",
        updated_at=request.at,
        failure_error=None,
        failure_cause=None,
    )
    if admission.action == "resume":
        return held
    return held.model_copy(
        update={
            "status": PeriodStatus.RUNNING,
            "revision": admission.revision,
            "booked_in": admission.billing_period,
            "run_id": admission.run_id,
            "delivery_fingerprint": request.fingerprint,
        }
    )
