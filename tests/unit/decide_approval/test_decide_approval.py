"""An approver decides on a month that waits, once, and on the very run that was shown."""

from __future__ import annotations

from typing import Any

import pytest

from functions.decide_approval.logic import DecideApprovalRequest, decide
from functions.shared.errors import ApprovalNotAwaited, InvalidRequest
from functions.shared.period_state import PeriodRecord, admit

AT = "2026-06-05T09:00:00+00:00"


def waiting(**changes: Any) -> PeriodRecord:
    whole = {
        "billing_period": "2026-05",
        "status": "PUBLISHED",
        "revision": 1,
        "booked_in": "2026-05",
        "run_id": "run-1",
        "execution_id": "execution-1",
        "approval_token": "token",
    }
    return PeriodRecord.model_validate(whole | changes)


def request(decision: str, reason: str = "") -> DecideApprovalRequest:
    return DecideApprovalRequest.model_validate(
        {"billing_period": "2026-05", "decision": decision, "by": "controller", "reason": reason}
    )


def resumed(record: PeriodRecord) -> bool:
    """Whether the next run on the period finds it approved."""
    admission = admit(
        record, period="2026-05", month="2026-06", run_id="run-2", fingerprint="bytes", holder_is_running=False
    )
    assert admission.run_id == record.run_id
    return admission.approved


def test_an_approval_says_who_gave_it_and_when_and_holds_when_the_run_is_resumed() -> None:
    decided = decide(waiting(), request("approve"), AT)

    assert (decided.decided_by, decided.decided_at) == ("controller", AT)
    assert resumed(decided)
    assert not resumed(waiting())


def test_an_approval_of_one_run_is_none_of_another() -> None:
    decided = decide(waiting(), request("approve"), AT)

    assert not resumed(decided.model_copy(update={"run_id": "run-3"}))


def test_a_rejection_withdraws_an_approval_and_says_why() -> None:
    decided = decide(waiting(approved_run_id="run-1"), request("reject", "pool shared-network is wrong"), AT)

    assert decided.decision_reason == "pool shared-network is wrong"
    assert not resumed(decided)


def test_a_rejection_without_a_reason_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="needs a reason"):
        decide(waiting(), request("reject", " "), AT)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (None, "2026-05 was never begun"),
        (waiting(status="RUNNING"), "2026-05 is RUNNING"),
        (waiting(status="CLOSED"), "2026-05 is CLOSED"),
        (waiting(approval_token=""), "2026-05 is PUBLISHED"),
    ],
    ids=["never begun", "still allocating", "closed", "nobody asked"],
)
def test_a_month_that_does_not_wait_is_not_decided_on(record: PeriodRecord | None, said: str) -> None:
    with pytest.raises(ApprovalNotAwaited, match=said):
        decide(record, request("approve"), AT)
