"""Publishes a reconciled ledger where nobody can change it any more."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime

from functions.shared.payload import Payload


class PublishLedgerRequest(Payload):
    """The run and revision to publish, and where Athena put the rows of s010_ledger_entries."""

    run_id: str
    billing_period: str
    charge_period: str
    revision: int
    entries_result: str
    started_at: datetime


class LedgerPublished(Payload):
    """The published ledger. ``content_sha256`` is over its rows, so it does not depend on how Parquet was written."""

    location: str
    files: int
    entries: int
    content_sha256: str


def hash_entries(rows: Iterable[Mapping[str, str]]) -> tuple[int, str]:
    """How many entries there are, and the SHA-256 over their ids and amounts in the order of the statement query."""
    digest, count = hashlib.sha256(), 0
    for row in rows:
        digest.update(f"{row['entry_id']} {row['exact_cost']} {row['cost']} {row['line_count']}\n".encode())
        count += 1
    return count, digest.hexdigest()
