"""Signs the evidence of a close as it was filed."""

from __future__ import annotations

import hashlib
from datetime import datetime

from functions.shared.payload import Payload


class SignEvidenceRequest(Payload):
    """The closed revision whose evidence is signed."""

    charge_period: str
    revision: int
    started_at: datetime


class EvidenceSigned(Payload):
    """Where the signatures are, and what they sign."""

    evidence_sha256: str
    signature: str
    raw_signature: str


def sha256(content: bytes) -> str:
    """The SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()
