"""The files of one statement as they are filed: PDF, CSV, the checksums over both, and the signatures of those."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import NamedTuple

from functions.render_statement.logic import RenderedStatement
from functions.render_statement.model import StatementModel
from functions.shared.filed_statement import FiledStatement
from functions.shared.payload import Payload
from functions.shared.run_files import replayed_prefix, safe_name
from functions.shared.signing.detached import CMS_TYPE, RAW_TYPE, sign_file
from functions.shared.signing.signatory import Signatory


class RenderStatementRequest(Payload):
    """One item of the Map: the run and the business unit whose statement is rendered; a replay's is not signed."""

    run_id: str
    business_unit: str
    started_at: datetime
    replay: bool = False


class StatementFile(NamedTuple):
    """One file, ready to be written. ``content_id`` tells whether a file that is there already says the same."""

    name: str
    content: bytes
    content_type: str
    content_id: str

    @property
    def sha256(self) -> str:
        """The SHA-256 of the file's bytes, in hex."""
        return hashlib.sha256(self.content).hexdigest()


class Signatures(NamedTuple):
    """The two signatures of a statement's checksums."""

    cms: StatementFile
    raw: StatementFile


def statement_folder(statement: StatementModel, run_id: str, *, replay: bool = False) -> str:
    """Where a statement is filed; drafts lie apart, one folder a run, for they may be made again and again.

    A replay's statement is filed nowhere: it stays with the other files of the run.
    """
    if replay:
        return replayed_prefix(run_id)
    return f"drafts/{run_id}/" if statement.draft else f"charge_period={statement.charge_period}/"


def pdf_file(statement: StatementModel, content: bytes) -> StatementFile:
    """The PDF. Its content id is the statement's: signed anew, with a later timestamp, it would say the same."""
    meaning = hashlib.sha256(statement.model_dump_json(exclude={"signed_by"}).encode()).hexdigest()
    return StatementFile(f"{_stem(statement)}.pdf", content, "application/pdf", meaning)


def csv_file(statement: StatementModel, rendered: RenderedStatement) -> StatementFile:
    """The CSV."""
    return _file(f"{_stem(statement)}.csv", rendered.csv, "text/csv; charset=utf-8")


def checksum_file(statement: StatementModel, pdf: StatementFile, csv: StatementFile) -> StatementFile:
    """The checksums of both, in the form that ``sha256sum --check`` reads."""
    lines = "".join(f"{file.sha256}  {file.name.rpartition('/')[2]}\n" for file in (pdf, csv))
    return _file(f"{_stem(statement)}.SHA256SUMS", lines.encode(), "text/plain; charset=utf-8")


def signature_files(sums: StatementFile, signatory: Signatory) -> Signatures:
    """The checksums' signatures; through the checksums they sign PDF and CSV."""
    signature = sign_file(sums.content, signatory)
    return Signatures(
        cms=_file(f"{sums.name}.p7s", signature.cms, CMS_TYPE), raw=_file(f"{sums.name}.sig", signature.raw, RAW_TYPE)
    )


def filed_statement(
    statement: StatementModel,
    folder: str,
    *,
    pdf: StatementFile,
    csv: StatementFile,
    sums: StatementFile,
    signatures: Signatures | None = None,
) -> FiledStatement:
    """What the run remembers of the files in their folder."""
    record = FiledStatement(
        business_unit=statement.business_unit.id,
        total=statement.total,
        folder=folder,
        pdf=pdf.name,
        csv=csv.name,
        sha256sums=sums.name,
        pdf_sha256=pdf.sha256,
        csv_sha256=csv.sha256,
        sha256sums_sha256=sums.sha256,
        code_version=statement.provenance.code_version,
        sql_sha256=statement.provenance.sql_sha256,
    )
    if signatures is None:
        return record
    return record.model_copy(
        update={
            "signature": signatures.cms.name,
            "signature_sha256": signatures.cms.sha256,
            "raw_signature": signatures.raw.name,
            "raw_signature_sha256": signatures.raw.sha256,
        }
    )


def _stem(statement: StatementModel) -> str:
    return f"statements/{safe_name(statement.business_unit.id)}-{statement.charge_period}-r{statement.revision}"


def _file(name: str, content: bytes, content_type: str) -> StatementFile:
    return StatementFile(name, content, content_type, hashlib.sha256(content).hexdigest())
