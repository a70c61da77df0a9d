"""Reads what was filed of a close, and what a replay derived of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from functions.compare_replay.comparison import Derived, Filed, Files
from functions.compare_replay.logic import CompareReplayRequest
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore, read_query_result
from functions.shared.closed_evidence import ClosedEvidence
from functions.shared.evidence import RUN, StoredObject
from functions.shared.filed_statement import FiledStatement
from functions.shared.signing.signer import Signer
from functions.shared.signing.verification import signer_of

ENTRIES = "s010_ledger_entries"


@dataclass(frozen=True)
class Buckets:
    """Where the records are, and where the replay has put its files."""

    ledger: ObjectStore
    statements: ObjectStore
    work: ObjectStore


def read_filed(buckets: Buckets, request: CompareReplayRequest) -> tuple[Filed, Signer]:
    """What was filed, and who signed its evidence; raises SignatureInvalid when nobody has."""
    key = run_files.evidence_key(request.charge_period, request.revision)
    where, content = buckets.ledger.uri(key), buckets.ledger.read(key)
    signer = signer_of(where, content, buckets.ledger.read(f"{key}.p7s"))
    evidence = ClosedEvidence.read(where, content)
    summary_key = run_files.summary_key(request.charge_period, request.revision)
    filed = Filed(
        evidence_key=key,
        evidence=evidence,
        facts=json.loads(content),
        summary_key=summary_key,
        summary=buckets.ledger.find(summary_key),
        statements=_filed_statements(buckets.statements, evidence),
        ledger=_ledger_objects(buckets.ledger, evidence.ledger.prefix),
        entries=list(read_query_result(request.filed_entries_result)),
    )
    return filed, signer


def read_derived(buckets: Buckets, run_id: str) -> Derived:
    """What the replay has put into its run's folder."""
    work = buckets.work
    facts: dict[str, Any] = work.read_json(run_files.run_record_key(run_id, "evidence.json"))
    found = work.read_records(run_files.rendered_prefix(run_id))
    records = {record.business_unit: record for record in map(FiledStatement.model_validate, found)}
    return Derived(
        facts=facts,
        summary=work.read_json(run_files.run_record_key(run_id, "summary.json")),
        records=records,
        statements={
            name: work.find(record.folder + name) for record in records.values() for name in (record.csv, record.pdf)
        },
        entries=list(read_query_result(facts[RUN]["queries"][ENTRIES]["result"])),
    )


def _filed_statements(store: ObjectStore, evidence: ClosedEvidence) -> Files:
    keys = [
        record.folder + name
        for record in evidence.statements
        for name in (record.csv, record.pdf, record.sha256sums, record.signature, record.raw_signature)
        if name
    ]
    return {key: store.find(key) for key in keys}


def _ledger_objects(store: ObjectStore, prefix: str) -> list[StoredObject]:
    return [
        StoredObject(
            key=stored.key,
            version_id=stored.version_id,
            size=stored.size,
            sha256=store.digest(stored.key, stored.version_id).sha256,
        )
        for stored in store.latest_versions(prefix)
    ]
