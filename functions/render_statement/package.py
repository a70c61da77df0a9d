"""The files of one statement as they are filed: PDF, CSV and the checksums over both."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import NamedTuple

from functions.render_statement.logic import RenderedStatement
from functions.render_statement.model import StatementModel
from functions.shared.filed_statement import FiledStatement
from functions.shared.payload import Payload
from functions.shared.run_files import safe_name


class RenderStatementRequest(Payload):
    """One item of the Map: the run and the business unit whose statement is rendered."""

    run_id: str
    business_unit: str
    started_at: datetime


class StatementFile(NamedTuple):
    """One file, ready to be written."""

    name: str
    content: bytes
    content_type: str
    sha256: str


class StatementPackage(NamedTuple):
    """PDF, CSV and SHA256SUMS of one statement, in this order."""

    statement: StatementModel
    files: tuple[StatementFile, ...]

    def record(self, folder: str) -> FiledStatement:
        """What the run remembers of the files in their folder."""
        pdf, csv, sums = self.files
        return FiledStatement(
            business_unit=self.statement.business_unit.id,
            total=self.statement.total,
            folder=folder,
            pdf=pdf.name,
            csv=csv.name,
            sha256sums=sums.name,
            pdf_sha256=pdf.sha256,
            csv_sha256=csv.sha256,
        )


def statement_folder(statement: StatementModel, run_id: str) -> str:
    """Where a statement is filed; drafts lie apart, one folder a run, for they may be made again and again."""
    return f"drafts/{run_id}/" if statement.draft else f"charge_period={statement.charge_period}/"


def package_statement(statement: StatementModel, rendered: RenderedStatement) -> StatementPackage:
    """Names the files and adds their checksums in the form that ``sha256sum --check`` reads."""
    stem = f"statements/{safe_name(statement.business_unit.id)}-{statement.charge_period}-r{statement.revision}"
    pdf = _file(f"{stem}.pdf", rendered.pdf, "application/pdf")
    csv = _file(f"{stem}.csv", rendered.csv, "text/csv; charset=utf-8")
    lines = "".join(f"{file.sha256}  {file.name.rpartition('/')[2]}\n" for file in (pdf, csv))
    sums = _file(f"{stem}.SHA256SUMS", lines.encode(), "text/plain; charset=utf-8")
    return StatementPackage(statement, (pdf, csv, sums))


def _file(name: str, content: bytes, content_type: str) -> StatementFile:
    return StatementFile(name, content, content_type, hashlib.sha256(content).hexdigest())
