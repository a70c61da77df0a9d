"""How a run may begin on a month depends on where the month stands, who holds it, and what AWS has delivered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.errors import PeriodLocked
from functions.shared.period_state import Admission, PeriodRecord, PeriodStatus, admit

ANY_STATUS = st.sampled_from(PeriodStatus)


def record(**changes: Any) -> PeriodRecord:
    whole = {
        "billing_period": "2026-05",
        "status": "CLOSED",
        "revision": 1,
        "booked_in": "2026-05",
        "run_id": "run-1",
        "execution_id": "arn:one",
        "closed_fingerprint": "bytes-1",
    }
    return PeriodRecord.model_validate(whole | changes)


def admission(kept: PeriodRecord | None, *, fingerprint: str = "bytes-1", held: bool = False) -> Admission:
    return admit(
        kept, period="2026-05", month="2026-08", run_id="run-2", fingerprint=fingerprint, holder_is_running=held
    )


def test_the_life_of_a_period_has_these_statuses_in_this_order() -> None:
    assert list(PeriodStatus) == ["OPEN", "FINAL", "RUNNING", "RECONCILED", "PUBLISHED", "POSTED", "CLOSED"]


def test_a_month_never_begun_is_closed_as_its_first_revision_in_itself() -> None:
    assert admission(None) == Admission(action="close", revision=1, billing_period="2026-05", run_id="run-2")


@pytest.mark.parametrize("status", ["OPEN", "FINAL", "RUNNING"])
def test_a_month_without_a_reconciled_ledger_starts_over_in_the_same_revision(status: str) -> None:
    assert admission(record(status=status)) == Admission(
        action="close", revision=1, billing_period="2026-05", run_id="run-2"
    )


@pytest.mark.parametrize("status", ["RECONCILED", "PUBLISHED", "POSTED"])
def test_from_the_reconciled_ledger_on_the_run_there_is_resumes_whatever_was_delivered_since(status: str) -> None:
    """A ledger may be half published: only its own run can complete it, in the month it was booked in."""
    kept = record(status=status, revision=2, booked_in="2026-07")

    assert admission(kept, fingerprint="bytes-9") == Admission(
        action="resume", revision=2, billing_period="2026-07", run_id="run-1"
    )


def test_a_closed_month_stays_closed_until_aws_delivers_other_bytes() -> None:
    assert admission(record()).action == "closed"
    assert admission(record(), fingerprint="bytes-2") == Admission(
        action="close", revision=2, billing_period="2026-08", run_id="run-2"
    )


@given(ANY_STATUS, st.integers(1, 9))
def test_a_revision_is_never_given_twice_once_it_is_closed(status: PeriodStatus, revision: int) -> None:
    admitted = admission(record(status=status, revision=revision), fingerprint="bytes-2")

    assert admitted.revision == revision + (status == PeriodStatus.CLOSED)


@given(ANY_STATUS.filter(lambda status: status != PeriodStatus.CLOSED))
def test_nobody_gets_a_month_that_a_running_execution_holds(status: PeriodStatus) -> None:
    with pytest.raises(PeriodLocked, match="2026-05 is being closed by arn:one"):
        admission(record(status=status), held=True)


def test_every_change_of_a_record_is_a_new_version_of_the_item() -> None:
    assert record(item_version=4).changed(status=PeriodStatus.OPEN).item_version == 5
