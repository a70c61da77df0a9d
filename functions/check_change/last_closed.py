"""What the revision that was closed last was made with."""

from __future__ import annotations

from functions.check_change.logic import FilesInForce, files_of
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.closed_evidence import ClosedEvidence

_SIGNED = "evidence.json.p7s"


def last_closed(ledger: ObjectStore) -> FilesInForce:
    """Its policy, driver and SQL files; nothing when there is none. Raises RestorationFailed when it cannot be read."""
    signed = [each for each in ledger.latest_versions("periods/") if each.key.endswith(_SIGNED)]
    if not signed:
        return {}
    key = max(signed, key=lambda each: (each.last_modified, each.key)).key.removesuffix(".p7s")
    return files_of(ClosedEvidence.read(key, ledger.read(key)))
