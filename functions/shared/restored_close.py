"""A closed revision that is derived again: what month_end_close has to know of it beside the restored files."""

from __future__ import annotations

from pydantic import Field

from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.payload import Payload
from functions.shared.signing.signer import Signer


class RestoredClose(Payload):
    """What the original close was: its month, where it was booked, its policy, its code, and who signed.

    ``billing_period`` is where the entries are booked, ``charge_period`` the month of the bill; ``policy_key`` is in
    the work bucket; ``signers`` and ``provenance``, the code and SQL that a filed statement names, are by business
    unit.
    """

    charge_period: str
    billing_period: str
    revision: int
    policy_key: str
    has_invoices: bool
    code_version: str
    signers: dict[str, Signer]
    provenance: dict[str, dict[str, str]] = Field(default_factory=dict)


def find_restored(work: ObjectStore, run_id: str) -> RestoredClose | None:
    """What RestorePeriod has restored for a run; None when it has restored nothing."""
    found = work.find_json(run_files.restored_close_key(run_id))
    return None if found is None else RestoredClose.model_validate(found)


def read_restored(work: ObjectStore, run_id: str) -> RestoredClose:
    """What RestorePeriod has restored for a run that stands on it."""
    return RestoredClose.model_validate(work.read_json(run_files.restored_close_key(run_id)))
