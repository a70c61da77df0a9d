"""Compares the hashes in the evidence with the files that they are of."""

from __future__ import annotations

from collections.abc import Iterator

from functions.shared.filed_statement import FiledStatement
from functions.shared.run_files import safe_name
from local.verify.close import Close
from local.verify.findings import Finding, Verdict, failed, passed, short
from local.verify.layout import STATEMENTS, SUFFIXES, Artefact
from local.verify.records import Evidence, json_path

PARTS = ("pdf", "csv", "sha256sums", "signature", "raw_signature")
"""The files of a statement, as the evidence calls them."""


def check_named_files(close: Close, evidence: Evidence) -> Iterator[Finding]:
    """Whether the files that the evidence names are there with the hashes that it names, and no others."""
    yield _compare(close.summary_file, evidence.run.summary.sha256, "run.summary.sha256")
    for number, stored in enumerate(evidence.run.ledger.objects):
        path = json_path("run", "ledger", "objects", number, "sha256")
        yield _compare(close.folder.file(stored.key), stored.sha256, path)
    for number in range(len(evidence.statements)):
        yield from check_statement_files(close, evidence, number)
    yield from _not_named(close, evidence)


def check_statement_files(close: Close, evidence: Evidence, number: int) -> Iterator[Finding]:
    """One line when a statement's files are the ones that the evidence names, else one for each that is not."""
    statement = evidence.statements[number]
    stem = stem_of(evidence, statement)
    if statement.pdf != f"{stem}{SUFFIXES[0]}":
        path = json_path("statements", number, "pdf")
        text = f"{path} is {statement.pdf}, the PDF of {statement.business_unit} is {stem}.pdf"
        yield failed(close.evidence_file.name, text)
    named = [(part, name) for part in PARTS if (name := getattr(statement, part))]
    if len(named) < len(PARTS):
        missing = " and no ".join(sorted({*PARTS} - {part for part, _ in named}))
        yield failed(close.evidence_file.name, f"{json_path('statements', number)} names no {missing}")
    findings = [
        _compare(
            close.folder.file(name),
            getattr(statement, f"{part}_sha256"),
            json_path("statements", number, f"{part}_sha256"),
        )
        for part, name in named
    ]
    wrong = [finding for finding in findings if finding.verdict is Verdict.FAILED]
    yield from wrong
    if not wrong:
        text = f"its {len(findings)} files are those that the evidence names ({json_path('statements', number)})"
        yield passed(close.folder.file(stem).name, text)


def stem_of(evidence: Evidence, statement: FiledStatement) -> str:
    """The path of a unit's files, without their endings."""
    return f"{STATEMENTS}/{safe_name(statement.business_unit)}-{evidence.billing_period}-r{evidence.revision}"


def _compare(file: Artefact, sha256: str | None, path: str) -> Finding:
    if file.content is None:
        return failed(file.name, f"is missing; the evidence names it ({path})")
    if file.sha256 != sha256:
        found, named = short(file.sha256 or ""), short(sha256 or "no hash")
        return failed(file.name, f"has the SHA-256 {found}, the evidence names {named} ({path})")
    return passed(file.name, f"is the file that the evidence names ({path})")


def _not_named(close: Close, evidence: Evidence) -> Iterator[Finding]:
    """Files of this revision that the evidence does not know."""
    stored = {item.key for item in evidence.run.ledger.objects}
    stems = {stem_of(evidence, statement) for statement in evidence.statements}
    for part in close.ledger.parts_of(evidence.revision):
        if part.file.path.relative_to(close.folder.files).as_posix() not in stored:
            yield failed(part.file.name, "is not in the evidence (run.ledger.objects)")
    for statement in close.statements:
        if f"{STATEMENTS}/{statement.stem}" not in stems:
            yield failed(statement.file("").name, "no such statement is in the evidence (statements)")
