"""``python -m local verify``: goes through what lies in a path, shows a line for every check, and counts."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from functions.shared.errors import SignatureInvalid
from local.progress import Show, counted
from local.verify.chain import check_chain
from local.verify.close import Close
from local.verify.detached_signature import check_signatures
from local.verify.findings import Finding, Verdict, failed, noted
from local.verify.layout import EVIDENCE, PeriodFolder, StatementFiles, Target, find_target, periods_in, revisions_of
from local.verify.ledger_check import check_ledger
from local.verify.named_files import check_named_files, check_statement_files
from local.verify.statement import check_draft, check_statement, filed_as
from local.verify.summary_check import check_summary
from local.verify.sums import check_sums
from local.verify.trust import Trust, find_root

VERIFIED = 0
NOT_VERIFIED = SignatureInvalid.exit_code


class VerifyOptions(NamedTuple):
    """What to verify, with which root (the one that lies beside the periods when None), and when a reader looks."""

    path: Path
    root_ca: Path | None
    now: datetime


class Section(NamedTuple):
    """The findings on one period, or on one statement."""

    title: str
    findings: Iterable[Finding]


def verify(options: VerifyOptions, show: Show) -> int:
    """Verifies everything and returns the exit code: 0 when every check holds, 4 otherwise.

    Raises UsageError when there is nothing to verify, or no root to verify with.
    """
    for name in ("pyhanko", "pyhanko_certvalidator", "pypdf"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what they log is in a finding already
    target = find_target(options.path)
    trust = Trust.read(options.root_ca or find_root(options.path), options.now)
    show(f"trusting {trust.describe()} ({trust.source})")
    checks, wrong = 0, []
    for section in _sections(target, trust):
        show(f"\n{section.title}")
        for finding in section.findings:
            show(f"  {finding}")
            checks += finding.verdict is not Verdict.NOTE
            if finding.verdict is Verdict.FAILED:
                wrong.append(f"{section.title}: {finding.file}")
    if not wrong:
        show(f"\n{Verdict.PASSED} {counted(checks, 'check')}, all of them passed")
        return VERIFIED
    show(f"\n{Verdict.FAILED} {len(wrong):,} of {counted(checks, 'check')} failed, the first in {wrong[0]}")
    return NOT_VERIFIED


def _sections(target: Target, trust: Trust) -> Iterator[Section]:
    closes = [Close(folder) for folder in target.periods]
    for close in closes:
        yield Section(close.title, _check_close(close, trust))
        if left := _without_evidence(close, closes):
            yield Section(f"{close.folder.files.name}, statements whose evidence is not here", _alone(left, trust))
    if closes:
        near = [Close(PeriodFolder(folder)) for folder in _folders_near(target)]
        yield Section("chain", check_chain(closes, near))
    for files in target.statements:
        yield Section(files.stem, _check_one(files, trust))


def _check_close(close: Close, trust: Trust) -> Iterator[Finding]:
    """Everything about a period's revision."""
    evidence, file = close.evidence, close.evidence_file
    if close.draft_status:
        yield from _draft(close)
        return
    if file.content is None:
        yield failed(file.name, "is missing")
    else:
        yield from check_signatures(file, close.claimed_time(trust.now), trust)
    if evidence is None:
        if close.problem and file.content is not None:
            yield failed(file.name, close.problem)
        yield from _alone(close.statements, trust)
        return
    yield from check_named_files(close, evidence)
    yield from check_ledger(close, evidence)
    for files in close.statements:
        yield from check_statement(files, filed_as(close, files), trust)
    yield from check_sums(close, evidence)
    yield from check_summary(close)


def _draft(close: Close) -> Iterator[Finding]:
    yield failed(close.title, f"is a draft ({close.draft_status}): nobody has signed it, and nothing is posted")
    for files in close.statements:
        yield from check_draft(files)


def _check_one(files: StatementFiles, trust: Trust) -> Iterator[Finding]:
    """A statement by itself, with the evidence and the ledger of its period where they lie beside it."""
    folders = [PeriodFolder(folder) for folder in revisions_of(files.folder.parent)]
    close = next((found for folder in folders if files in (found := Close(folder)).statements and found.evidence), None)
    filed = filed_as(close, files) if close else None
    if close is None or close.evidence is None or filed is None:
        yield noted(files.file("").name, f"no {EVIDENCE} beside it knows this statement: it is verified by itself")
    else:
        yield from check_signatures(close.evidence_file, close.claimed_time(trust.now), trust)
        yield from check_statement_files(close, close.evidence, filed.number)
        yield from check_ledger(close, close.evidence)
    yield from check_statement(files, filed, trust)


def _alone(statements: Iterable[StatementFiles], trust: Trust) -> Iterator[Finding]:
    for files in statements:
        yield from check_statement(files, None, trust)


def _without_evidence(close: Close, closes: list[Close]) -> list[StatementFiles]:
    """Statements of other revisions that lie in a period's folder, and whose evidence does not."""
    if close.evidence is None or close.folder.records != close.folder.files:
        return []
    known = {files for other in closes for files in other.statements}
    return [files for files in close.folder.statements() if files not in known]


def _folders_near(target: Target) -> set[Path]:
    """Folders beside those that are verified, in which the evidence before may lie."""
    verified = {folder.records for folder in target.periods}
    periods = {period for folder in target.periods for period in periods_in(folder.files.parent)}
    return {records for period in periods for records in revisions_of(period)} - verified
