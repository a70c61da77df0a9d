"""Verifies one statement: its PDF, its CSV, the checksums over both, and the signatures of these."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from functions.shared.errors import InvalidPeriod
from functions.shared.filed_statement import FiledStatement
from functions.shared.periods import BillingPeriod
from functions.shared.run_files import safe_name
from local.verify.checksums import check_checksums
from local.verify.close import Close
from local.verify.detached_signature import check_signatures
from local.verify.findings import Finding, failed, money, noted, passed, reason
from local.verify.layout import SUFFIXES, Artefact, StatementFiles
from local.verify.pdf_signature import check_pdf
from local.verify.pdf_text import PdfText
from local.verify.records import json_path
from local.verify.sheet import Sheet, SheetUnreadable, first_difference, foreign_line
from local.verify.trust import Trust


class Filed(NamedTuple):
    """A statement as the evidence has it: the close, and which of its statements."""

    close: Close
    number: int
    statement: FiledStatement


def filed_as(close: Close, files: StatementFiles) -> Filed | None:
    """The statement of the evidence whose files these are; None when it has none."""
    for number, statement in enumerate(close.evidence.statements if close.evidence else ()):
        if safe_name(statement.business_unit) == files.unit:
            return Filed(close, number, statement)
    return None


def check_statement(files: StatementFiles, filed: Filed | None, trust: Trust) -> Iterator[Finding]:
    """Everything about one statement; ``filed`` is what the evidence knows of it, None when there is no evidence."""
    pdf, csv, sums = (files.file(suffix) for suffix in SUFFIXES[:3])
    yield from (failed(file.name, "is missing") for file in (pdf, csv, sums) if file.content is None)
    claimed = None
    if pdf.content is not None:
        finding, claimed = check_pdf(pdf, trust)
        yield finding
    yield from check_checksums(sums, pdf, csv)
    yield from check_signatures(sums, claimed or end_of_period(files, trust.now), trust)
    if csv.content is not None:
        yield from _check_contents(files, pdf, csv, filed)


def check_draft(files: StatementFiles) -> Iterator[Finding]:
    """The checksums of a draft: nobody has signed them."""
    pdf, csv, sums = (files.file(suffix) for suffix in SUFFIXES[:3])
    yield from (failed(file.name, "is missing") for file in (pdf, csv, sums) if file.content is None)
    yield from check_checksums(sums, pdf, csv)


def end_of_period(files: StatementFiles, now: datetime) -> datetime:
    """When a statement was signed at the earliest, by its name; now when the name says nothing."""
    try:
        return BillingPeriod.parse(files.period).previous(-1).start
    except InvalidPeriod:
        return now


def _check_contents(files: StatementFiles, pdf: Artefact, csv: Artefact, filed: Filed | None) -> Iterator[Finding]:
    try:
        sheet = Sheet.read(csv.content or b"")
        total = sheet.total()
    except SheetUnreadable as error:
        yield failed(csv.name, str(error))
        return
    yield _check_sheet(files, csv, sheet, total, filed)
    if pdf.content is not None and sheet.lines:
        yield _check_text(pdf, csv, sheet.lines[0].row["billing_currency"], total)


def _check_sheet(files: StatementFiles, csv: Artefact, sheet: Sheet, total: Decimal, filed: Filed | None) -> Finding:
    """Whether the lines are of this statement, are the ledger's, and add up to what is asked for."""
    named_for = {"business_unit": files.unit, "charge_period": files.period, "revision": str(files.revision)}
    if wrong := foreign_line(sheet, named_for):
        return failed(csv.name, wrong)
    text = f"{len(sheet.lines):,} lines add up to {money(total)}"
    if filed is None:
        return passed(csv.name, f"{text}; there is no evidence and no ledger to compare them with")
    entries = filed.close.rows_of_unit(filed.statement.business_unit)
    if entries is not None and (difference := first_difference(sheet, entries)):
        return failed(csv.name, difference)
    path = json_path("statements", filed.number, "total")
    if filed.statement.total != total:
        return failed(csv.name, f"{text}, the evidence has {money(filed.statement.total)} ({path})")
    text = f"{text}, as in the evidence ({path})"
    if entries is None:
        return noted(csv.name, f"{text}; there is no ledger to compare them with")
    return passed(csv.name, f"{text}, and are the ledger's entries of its unit")


def _check_text(pdf: Artefact, csv: Artefact, currency: str, total: Decimal) -> Finding:
    """Whether the PDF shows people the CSV's total, and names this CSV."""
    try:
        text = PdfText(pdf.content or b"")
        says_total, says_csv = text.says_total(currency, total), text.says(csv.sha256 or "")
    except Exception as error:  # what a damaged file makes a parser stumble over is not to be foreseen
        return failed(pdf.name, f"its text cannot be read: {reason(error)}")
    if not says_total:
        asked = f"{currency} {money(total)}"
        return failed(pdf.name, f"page 1 does not say {asked}, what the lines of {csv.path.name} add up to")
    if not says_csv:
        return failed(pdf.name, f"does not state the SHA-256 of {csv.path.name}, so it belongs to another one")
    return passed(pdf.name, f"says {currency} {money(total)} and the SHA-256 of {csv.path.name}")
