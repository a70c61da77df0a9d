"""Builds the evidence of a run: what it stands on, what came of it, and - apart from that - how it went."""

from __future__ import annotations

from typing import Any

from functions.shared import run_files
from functions.shared.evidence import FORMAT
from functions.shared.money import format_cents
from functions.shared.reconciliation import invariants
from functions.summarize_run.filed import LedgerBucket
from functions.summarize_run.logic import SummarizeRunRequest, control_totals
from functions.summarize_run.records import RunRecords, Sources, sha256


def build_evidence(
    request: SummarizeRunRequest, records: RunRecords, bucket: LedgerBucket, summary: bytes, code_version: str
) -> dict[str, Any]:
    """The evidence. ``summary`` is the summary as it was filed beside it.

    Two runs on the same bytes, policy, SQL, code and signing identity give the same evidence, but for ``run``.
    """
    return _facts(request, records, bucket, code_version) | {"run": _run(request, records, bucket, summary)}


def _facts(
    request: SummarizeRunRequest, records: RunRecords, bucket: LedgerBucket, code_version: str
) -> dict[str, Any]:
    seal, reconciliation, previous = records.seal, records.reconciliation, bucket.previous
    return {
        "format": FORMAT,
        "billing_period": request.charge_period,
        "booked_in": request.billing_period,
        "revision": request.revision,
        "status": request.status,
        "organization": records.policy.organization,
        "billing_currency": records.policy.billing_currency,
        "cost_basis": records.policy.cost_basis,
        "code_version": code_version,
        "policy": {
            "file": records.policy.file,
            "sha256": records.policy.sha256,
            "files": _policy_files(records.sources),
        },
        "sql": _sql_files(records.sources),
        "bill": {
            "manifest_key": seal.manifest_key,
            "manifest_execution_id": seal.manifest_execution_id,
            "columns": list(records.delivery.columns),
            "files": [{"key": file.key, "size": file.size, "sha256": file.sha256} for file in seal.files],
        },
        "invoice_totals": [dict(row) for row in records.invoice_totals],
        "control_totals": control_totals(reconciliation),
        "totals": {
            "billed_cost": format_cents(reconciliation.billed_cost),
            "allocated_cost": format_cents(reconciliation.allocated_cost),
            "delta": format_cents(reconciliation.delta),
            "revision_cost": format_cents(reconciliation.revision_cost),
            "commitment_bridge": format_cents(reconciliation.commitment_bridge),
            "line_items": reconciliation.line_items,
        },
        "invariants": [
            {"invariant": what, "found": f"{found:f}", "expected": f"{expected:f}"}
            for what, found, expected in invariants(reconciliation)
        ],
        "reconciliation": reconciliation.model_dump(mode="json"),
        "ledger": _ledger(request),
        "statements": [statement.model_dump(mode="json") for statement in records.filed],
        "previous_evidence": previous
        and {
            "billing_period": previous.charge_period,
            "revision": previous.revision,
            "facts_sha256": previous.facts_sha256,
        },
    }


def _run(request: SummarizeRunRequest, records: RunRecords, bucket: LedgerBucket, summary: bytes) -> dict[str, Any]:
    seal = records.seal
    return {
        "run_id": request.run_id,
        "started_at": request.started_at.isoformat(),
        "state_machine": request.state_machine,
        "execution_arn": request.execution_arn,
        "queries": {**records.queries, **request.steps},
        "change": dict(records.change),
        "bill": {
            "retain_until": seal.retain_until and seal.retain_until.isoformat(),
            "files": [{"key": f.key, "version_id": f.version_id, "etag": f.etag} for f in seal.files],
        },
        "ledger": {
            "location": request.ledger.get("location"),
            "objects": [item.model_dump(mode="json") for item in bucket.ledger],
        },
        "ledger_read": [item.model_dump(mode="json") for item in bucket.ledger_read],
        "summary": {"file": "summary.json", "sha256": sha256(summary)},
        "previous_evidence": bucket.previous and bucket.previous.file.model_dump(mode="json"),
    }


def _ledger(request: SummarizeRunRequest) -> dict[str, Any] | None:
    """The published ledger by its content: how Athena cut it into files is about the run."""
    if not request.ledger:
        return None
    return {
        "prefix": run_files.ledger_prefix(request.billing_period, request.charge_period, request.revision),
        "entries": request.ledger["entries"],
        "content_sha256": request.ledger["content_sha256"],
    }


def _policy_files(sources: Sources) -> list[dict[str, str]]:
    return [
        {"name": name, "sha256": sha256(text), "key": run_files.policy_archive_key(sources.policy_sha256, name)}
        for name, text in sorted(sources.policy.items())
    ]


def _sql_files(sources: Sources) -> list[dict[str, str]]:
    return [
        {"name": name, "sha256": sha256(text), "key": run_files.sql_archive_key(sha256(text), name)}
        for name, text in sorted(sources.sql.items())
    ]
