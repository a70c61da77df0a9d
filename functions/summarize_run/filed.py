"""What is in the ledger bucket when a close ends: its ledger, those its queries read, and the evidence before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from functions.render_queries.logic import TREND_MONTHS
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore, StoredVersion
from functions.shared.evidence import PreviousEvidence, StoredObject, facts_sha256, previous_closed, read_by_queries
from functions.summarize_run.logic import SummarizeRunRequest
from functions.summarize_run.records import RunRecords, sha256


@dataclass(frozen=True)
class LedgerBucket:
    """The objects of the published revision, the objects that were there for its queries, and the evidence before."""

    ledger: tuple[StoredObject, ...] = ()
    ledger_read: tuple[StoredObject, ...] = ()
    previous: PreviousEvidence | None = None

    @classmethod
    def read(cls, store: ObjectStore, request: SummarizeRunRequest, records: RunRecords) -> Self:
        """What was published after the run's first statement was filed, its queries cannot have read."""
        own = run_files.ledger_prefix(request.billing_period, request.charge_period, request.revision)
        objects = store.latest_versions("ledger/")
        began = records.statements_began_at
        read = [
            version
            for version in objects
            if read_by_queries(version.key, request.charge_period, request.revision, TREND_MONTHS)
            and (began is None or version.last_modified <= began)
        ]
        return cls(
            ledger=tuple(_hashed(store, version) for version in objects if version.key.startswith(own)),
            ledger_read=tuple(_hashed(store, version) for version in read),
            previous=_previous(store, request),
        )


@dataclass(frozen=True)
class RecordFolder:
    """Where a run's records go: a preview's as often as it is made, a close's once, named by its ledger's content.

    A close that is resumed writes them again: the same ledger's records may stay as they were first written.
    """

    store: ObjectStore
    prefix: str
    until: datetime
    ledger_content: str | None = None

    def put(self, name: str, value: object) -> None:
        """Files a record as JSON."""
        if self.ledger_content is None:
            self.store.write_json(self.prefix + name, value)
        else:
            self.store.write_json_once(self.prefix + name, value, self.ledger_content, self.until)

    def read(self, name: str) -> bytes:
        """A record as it stands."""
        return self.store.read(self.prefix + name)

    def uri(self, name: str) -> str:
        """Where a record is."""
        return self.store.uri(self.prefix + name)


def archive(store: ObjectStore, files: Mapping[str, bytes], until: datetime) -> None:
    """Keeps files under keys that name their content; one that is there from an earlier close is kept longer."""
    there = {version.key: version for version in store.latest_versions("archive/")}
    for key, content in files.items():
        if key in there:
            store.retain_at_least(key, there[key].version_id, until)
        else:
            store.write_once(key, content, "text/plain; charset=utf-8", sha256(content), until)


def _previous(store: ObjectStore, request: SummarizeRunRequest) -> PreviousEvidence | None:
    versions = {version.key: version for version in store.latest_versions("periods/")}
    closed = previous_closed(versions, request.charge_period, request.revision)
    if closed is None:
        return None
    key = run_files.evidence_key(closed.charge_period, closed.revision)
    content = store.read(key)
    evidence: dict[str, Any] = json.loads(content)
    file = StoredObject(key=key, version_id=versions[key].version_id, size=len(content), sha256=sha256(content))
    return PreviousEvidence(
        charge_period=closed.charge_period, revision=closed.revision, file=file, facts_sha256=facts_sha256(evidence)
    )


def _hashed(store: ObjectStore, version: StoredVersion) -> StoredObject:
    digest = store.digest(version.key, version.version_id)
    return StoredObject(key=version.key, version_id=version.version_id, size=version.size, sha256=digest.sha256)
