"""Fixes the bytes that a close stands on."""

from __future__ import annotations

from datetime import datetime

from functions.shared.payload import Payload
from functions.shared.seal import Seal


class SealBillingDataRequest(Payload):
    """The run whose delivery is sealed; a preview hashes but does not retain."""

    run_id: str
    preview: bool
    started_at: datetime


class DataSealed(Payload):
    """What was sealed; the versions and checksums are in the work bucket under ``seal_key``."""

    files: int
    bytes: int
    retain_until: str
    seal_key: str


def describe_seal(seal: Seal, key: str) -> DataSealed:
    """The seal as a reviewer of the execution sees it."""
    return DataSealed(
        files=len(seal.files),
        bytes=sum(file.size for file in seal.files),
        retain_until=seal.retain_until.date().isoformat() if seal.retain_until else "",
        seal_key=key,
    )
