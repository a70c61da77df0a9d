"""What is known of a billing period between runs, and how a run may begin on it."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from functions.shared.errors import PeriodLocked


class PeriodStatus(StrEnum):
    """The life of a period; each status is reached from the one before it, but for FINAL.

    FINAL is a month whose invoices AWS has issued, and whose last run failed before its ledger was reconciled; a run
    that finds it so goes on at once and makes it RUNNING.
    """

    OPEN = "OPEN"
    FINAL = "FINAL"
    RUNNING = "RUNNING"
    RECONCILED = "RECONCILED"
    PUBLISHED = "PUBLISHED"
    POSTED = "POSTED"
    CLOSED = "CLOSED"


RECOMPUTED = frozenset({PeriodStatus.OPEN, PeriodStatus.FINAL, PeriodStatus.RUNNING})
"""Statuses from which the next run starts over. From RECONCILED on it resumes the run there is: publishing may have
begun, and the parts of two runs' ledgers must never mix."""


class PeriodRecord(BaseModel):
    """One period: where its newest revision stands, who works on it, and why the last run on it failed.

    ``booked_in`` is the billing period of the revision's entries: the period itself for the first revision, the month
    in which a later one is made. ``approval_token`` resumes the execution that waits for an approval; the approval is
    of ``approved_run_id`` and of no other run.
    """

    model_config = ConfigDict(frozen=True)

    billing_period: str
    status: PeriodStatus
    revision: int
    item_version: int = 1
    booked_in: str = ""
    run_id: str = ""
    execution_id: str = ""
    delivery_fingerprint: str = ""
    closed_fingerprint: str = ""
    approval_token: str = ""
    approved_run_id: str = ""
    decided_by: str = ""
    decided_at: str = ""
    decision_reason: str = ""
    updated_at: str = ""
    failure_error: str | None = None
    failure_cause: str | None = None

    def changed(self, **changes: object) -> PeriodRecord:
        """A copy with changes, as the next version of the item."""
        return self.model_copy(update={**changes, "item_version": self.item_version + 1})


class Admission(BaseModel):
    """How a run goes on: ``close`` from the start, ``resume`` after the ledger, or nothing as it is ``closed``.

    ``billing_period`` is where the revision is booked; ``approved`` says that somebody has approved this very run.
    """

    model_config = ConfigDict(frozen=True)

    action: Literal["close", "resume", "closed"]
    revision: int
    billing_period: str
    run_id: str
    approved: bool = False


def admit(
    record: PeriodRecord | None, *, period: str, month: str, run_id: str, fingerprint: str, holder_is_running: bool
) -> Admission:
    """Decides how a run on a period begins.

    ``fingerprint`` identifies the delivered bytes: a closed period with the same bytes stays closed, with others it
    gets the next revision, booked in ``month``, the current one. A period whose ledger is reconciled is resumed with
    its own run, whatever was delivered since. Raises PeriodLocked while another execution that still runs holds the
    period.
    """

    def begin(revision: int) -> Admission:
        booked_in = period if revision == 1 else max(period, month)
        return Admission(action="close", revision=revision, billing_period=booked_in, run_id=run_id)

    if record is None:
        return begin(1)
    standing = {"revision": record.revision, "billing_period": record.booked_in, "run_id": record.run_id}
    if record.status == PeriodStatus.CLOSED:
        if record.closed_fingerprint == fingerprint:
            return Admission(action="closed", **standing)
        return begin(record.revision + 1)
    if holder_is_running:
        raise PeriodLocked(
            f"{record.billing_period} is being closed by {record.execution_id}; wait for it to end, or stop it"
        )
    if record.status in RECOMPUTED:
        return begin(record.revision)
    return Admission(action="resume", approved=record.approved_run_id == record.run_id, **standing)
