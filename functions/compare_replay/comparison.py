"""Compares a close that was derived again with what was filed: ledger, statements, evidence and summary.

Pure: the files are given as bytes and rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.compare_replay.comparing import (
    NOTHING,
    compare_lines,
    compare_members,
    compare_rows,
    compare_signed_pdf,
    compare_values,
)
from functions.compare_replay.logic import Difference
from functions.publish_ledger.logic import hash_entries
from functions.shared.closed_evidence import ClosedEvidence
from functions.shared.errors import SignatureInvalid
from functions.shared.evidence import RUN, StoredObject
from functions.shared.filed_statement import FiledStatement
from functions.shared.signing.verification import signer_of

NO_FACTS_OF_A_REPLAY = {RUN, "status", "code_version", "ledger", "statements", "previous_evidence"}
"""Members of the evidence that a replay has not, or has otherwise: other code is noted, files are compared as such."""

NOT_OF_A_REPLAY = {"status", "postings", "executions", "statements"}
"""Members of the summary that only a close has."""

_OF_A_STATEMENT = ("business_unit", "total", "pdf", "csv", "sha256sums")

Row = Mapping[str, str]
Files = Mapping[str, bytes | None]
"""Files by their keys; None for one that is not there."""


@dataclass(frozen=True)
class Filed:
    """What was filed, as it stands now: evidence, summary, statements by their keys, and the ledger."""

    evidence_key: str
    evidence: ClosedEvidence
    facts: Mapping[str, Any]
    summary_key: str
    summary: bytes | None
    statements: Files
    ledger: Sequence[StoredObject]
    entries: Sequence[Row]

    @property
    def code_versions(self) -> set[str]:
        """The code that made the evidence, and the statements: of a close that was resumed it may be another."""
        made = {statement.code_version for statement in self.evidence.statements if statement.code_version}
        return {self.evidence.code_version} | made


@dataclass(frozen=True)
class Derived:
    """What was derived again; PDF and CSV files by the names that they have in the statement bucket."""

    facts: Mapping[str, Any]
    summary: Mapping[str, Any]
    records: Mapping[str, FiledStatement]
    statements: Files
    entries: Sequence[Row]


def compare_close(filed: Filed, derived: Derived) -> dict[str, list[Difference]]:
    """The differences by file, in the order in which a reader looks for them; a file that is the same has none."""
    found: dict[str, list[Difference]] = {}
    for file, differences in (
        *_ledger(filed, derived),
        *_statements(filed, derived),
        *_evidence(filed, derived),
        *_summary(filed, derived),
    ):
        found.setdefault(file, []).extend(differences)
    return found


Compared = Iterator[tuple[str, list[Difference]]]


def _ledger(filed: Filed, derived: Derived) -> Compared:
    """Row by row, by its content, and object by object: how Athena cut it into objects is not derived again."""
    ledger = filed.evidence.ledger
    entries, content_sha256 = hash_entries(derived.entries)
    yield (
        ledger.prefix,
        [
            *compare_rows(ledger.prefix, filed.entries, derived.entries),
            *compare_values(ledger.prefix, "number of entries", ledger.entries, entries),
            *compare_values(ledger.prefix, "SHA-256 of the entries", ledger.content_sha256, content_sha256),
        ],
    )
    stands = {item.key: item for item in filed.ledger}
    published = {item.key: item for item in filed.evidence.run.ledger.objects}
    for key in sorted(stands.keys() | published.keys()):
        now, then = stands.get(key), published.get(key)
        yield key, compare_values(key, "SHA-256", now.sha256 if now else NOTHING, then.sha256 if then else NOTHING)


def _statements(filed: Filed, derived: Derived) -> Compared:
    units = [record.business_unit for record in filed.evidence.statements]
    for record in filed.evidence.statements:
        yield from _statement(filed, derived, record)
    for unit in sorted(derived.records.keys() - set(units)):
        name = derived.records[unit].csv
        yield name, [Difference(file=name, place="statement", filed=NOTHING, derived=f"a statement of {unit}")]


def _statement(filed: Filed, derived: Derived, record: FiledStatement) -> Compared:
    for name, sha256, compare, other in (
        (record.csv, record.csv_sha256, compare_lines, derived.statements.get(record.csv)),
        (record.pdf, record.pdf_sha256, compare_signed_pdf, derived.statements.get(record.pdf)),
        (record.sha256sums, record.sha256sums_sha256, compare_lines, _sums(record)),
    ):
        key = record.folder + name
        content = filed.statements.get(key)
        differences = _missing(key, content, other)
        if content is not None and other is not None:
            # The hash shows what the comparison leaves out: the part of a PDF that is its signature.
            differences = compare(key, content, other) or _hash(key, content, sha256)
        yield key, differences
    yield from _signatures(filed, record)


def _signatures(filed: Filed, record: FiledStatement) -> Compared:
    """The checksums' signatures; nobody signs them again, so they have to be the filed ones, and to hold."""
    for name, sha256 in (
        (record.signature, record.signature_sha256),
        (record.raw_signature, record.raw_signature_sha256),
    ):
        if name is None:
            continue
        key = record.folder + name
        content = filed.statements.get(key)
        differences = _missing(key, content, b"")
        if content is not None:
            differences = _hash(key, content, sha256)
            if name == record.signature and not differences:
                differences = _signature(key, _sums(record), content)
        yield key, differences


def _sums(record: FiledStatement) -> bytes:
    """The checksums, as they follow from the evidence."""
    return f"{record.pdf_sha256}  {_base(record.pdf)}\n{record.csv_sha256}  {_base(record.csv)}\n".encode()


def _signature(key: str, sums: bytes, signature: bytes) -> list[Difference]:
    try:
        signer_of(key, sums, signature)
    except SignatureInvalid as error:
        return [Difference(file=key, place="signature", filed=str(error), derived="the signature of the checksums")]
    return []


def _evidence(filed: Filed, derived: Derived) -> Compared:
    differences = compare_members(
        filed.evidence_key, _without(filed.facts, NO_FACTS_OF_A_REPLAY), _without(derived.facts, NO_FACTS_OF_A_REPLAY)
    )
    yield filed.evidence_key, list(differences)


def _summary(filed: Filed, derived: Derived) -> Compared:
    key, sha256 = filed.summary_key, filed.evidence.run.summary.sha256
    differences = _missing(key, filed.summary, b"")
    if filed.summary is not None:
        try:
            one = _comparable(json.loads(filed.summary))
        except (ValueError, TypeError, AttributeError, KeyError):
            one = {}  # nothing of it can be compared, and so everything differs
        differences = list(compare_members(key, one, _comparable(derived.summary)))
        differences = differences or _hash(key, filed.summary, sha256)
    yield key, differences


def _comparable(summary: Mapping[str, Any]) -> dict[str, Any]:
    statements = [{name: row[name] for name in _OF_A_STATEMENT} for row in summary.get("statements", [])]
    return _without(summary, NOT_OF_A_REPLAY) | {"statements": statements}


def _missing(key: str, filed: bytes | None, derived: bytes | None) -> list[Difference]:
    if filed is not None and derived is not None:
        return []
    words = {True: NOTHING, False: "a file"}
    return [Difference(file=key, place="file", filed=words[filed is None], derived=words[derived is None])]


def _hash(key: str, content: bytes, sha256: str | None) -> list[Difference]:
    return compare_values(key, "SHA-256 as the evidence has it", hashlib.sha256(content).hexdigest(), sha256)


def _without(members: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name not in names}


def _base(name: str) -> str:
    return name.rpartition("/")[2]
