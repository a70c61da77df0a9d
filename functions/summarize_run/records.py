"""Everything a run has written down, read back at its end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from functions.post_charge.logic import PostedCharge
from functions.prepare_statements.totals import RunTotals
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.delivery import Delivery
from functions.shared.errors import InvalidPolicy
from functions.shared.filed_statement import FiledStatement
from functions.shared.policy import policy_hash
from functions.shared.reconciliation import Reconciliation
from functions.shared.seal import Seal


@dataclass(frozen=True)
class Sources:
    """The policy file with its drivers and the SQL files of a run, as text by name.

    ``policy_sha256`` is the hash of the policy that the run used, each SQL file has a hash of its own.
    """

    policy_sha256: str
    policy_file: str
    policy: Mapping[str, str]
    sql: Mapping[str, str]

    def archived(self) -> dict[str, bytes]:
        """The files by their keys in the archive; raises InvalidPolicy when the policy is not the one that was used."""
        drivers = {name: text for name, text in self.policy.items() if name != self.policy_file}
        found = policy_hash(self.policy[self.policy_file], drivers)
        if found != self.policy_sha256:
            raise InvalidPolicy(
                f"{self.policy_file}: the copy that the run keeps has the hash {found[:12]}…, the run used "
                f"{self.policy_sha256[:12]}…; it is not archived, and the month stays open"
            )
        files = {run_files.policy_archive_key(self.policy_sha256, name): text for name, text in self.policy.items()}
        files |= {run_files.sql_archive_key(sha256(text), name): text for name, text in self.sql.items()}
        return {key: text.encode("utf-8") for key, text in sorted(files.items())}


_NO_GATE: Mapping[str, Any] = {"gate": "off"}
"""A preview is not asked for a change request, nor was a run that began before there was a gate."""


@dataclass(frozen=True)
class RunRecords:
    """A run's files. ``statements_began_at`` is when its first statement was filed: its queries were over by then."""

    policy: PolicyOfRun
    delivery: Delivery
    seal: Seal
    reconciliation: Reconciliation
    invoice_totals: tuple[Mapping[str, str], ...]
    queries: Mapping[str, Any]
    totals: RunTotals
    unrecognized_tags: tuple[Mapping[str, Any], ...]
    sources: Sources
    filed: tuple[FiledStatement, ...]
    posted: tuple[PostedCharge, ...]
    statements_began_at: datetime | None
    change: Mapping[str, Any] = field(default_factory=lambda: _NO_GATE)

    @classmethod
    def read(cls, work: ObjectStore, run_id: str) -> Self:
        """Reads them from the run's folder."""
        policy = PolicyOfRun.model_validate(work.read_json(run_files.policy_key(run_id)))
        rendered = work.latest_versions(run_files.rendered_prefix(run_id))
        totals = work.read_text(f"{run_files.table_prefix(run_id, 'invoice_totals')}rows.jsonl")
        return cls(
            policy=policy,
            delivery=Delivery.model_validate(work.read_json(run_files.delivery_key(run_id))),
            seal=Seal.model_validate(work.read_json(run_files.seal_key(run_id))),
            reconciliation=Reconciliation.model_validate(work.read_json(run_files.reconciliation_key(run_id))),
            invoice_totals=tuple(json.loads(line) for line in totals.splitlines()),
            queries=work.read_json(run_files.queries_key(run_id)),
            totals=RunTotals.model_validate(work.read_json(run_files.totals_key(run_id))),
            unrecognized_tags=tuple(work.read_json(run_files.unrecognized_tags_key(run_id))),
            sources=Sources(
                policy_sha256=policy.sha256,
                policy_file=policy.file,
                policy=_texts(work, run_files.policy_source_prefix(run_id)),
                sql={
                    name.removesuffix(".sql"): text
                    for name, text in _texts(work, run_files.sql_source_prefix(run_id)).items()
                },
            ),
            change=next(
                (json.loads(text) for text in _texts(work, run_files.change_prefix(run_id)).values()), _NO_GATE
            ),
            filed=tuple(FiledStatement.model_validate(work.read_json(record.key)) for record in rendered),
            posted=tuple(
                PostedCharge.model_validate(row) for row in work.read_records(run_files.postings_prefix(run_id))
            ),
            statements_began_at=min((record.last_modified for record in rendered), default=None),
        )


def sha256(content: bytes | str) -> str:
    """The SHA-256 of bytes, or of text in UTF-8, in hex."""
    return hashlib.sha256(content.encode("utf-8") if isinstance(content, str) else content).hexdigest()


def _texts(work: ObjectStore, prefix: str) -> dict[str, str]:
    return {version.key.removeprefix(prefix): work.read_text(version.key) for version in work.latest_versions(prefix)}
