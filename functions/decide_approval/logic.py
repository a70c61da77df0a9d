"""An approver's decision on a month whose charges wait to be posted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from functions.shared.errors import ApprovalNotAwaited, InvalidRequest
from functions.shared.payload import Payload
from functions.shared.period_state import PeriodRecord, PeriodStatus


class DecideApprovalRequest(Payload):
    """Who decides what on which month; a rejection says why, in the words that FinOps will read."""

    billing_period: str
    decision: Literal["approve", "reject"]
    by: str = Field(min_length=1)
    reason: str = ""


class ApprovalDecided(Payload):
    """The decision as it was recorded."""

    billing_period: str
    revision: int
    decision: str
    by: str
    at: str


def decide(record: PeriodRecord | None, request: DecideApprovalRequest, at: str) -> PeriodRecord:
    """The period with the decision in it; an approval holds for the run it was given to, and for no other.

    Raises ApprovalNotAwaited when the month does not wait for one, and InvalidRequest for a rejection without reason.
    """
    if record is None or record.status != PeriodStatus.PUBLISHED or not record.approval_token:
        state = f"is {record.status}" if record else "was never begun"
        raise ApprovalNotAwaited(f"{request.billing_period} {state}: nobody waits for an approval of it")
    if request.decision == "reject" and not request.reason.strip():
        raise InvalidRequest("a rejection needs a reason: whoever has to mend it reads nothing else")
    approved = record.run_id if request.decision == "approve" else ""
    return record.changed(
        approved_run_id=approved, decided_by=request.by, decided_at=at, decision_reason=request.reason, updated_at=at
    )
