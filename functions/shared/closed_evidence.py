"""The evidence of a closed revision, read back: which bytes it stands on, with what, and what was filed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from functions.shared.errors import RestorationFailed
from functions.shared.evidence import FORMAT, StoredObject
from functions.shared.filed_statement import FiledStatement
from functions.shared.seal import Seal, SealedFile


class _Read(BaseModel):
    """A part of the evidence; what is not needed of it is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ArchivedFile(_Read):
    """A policy, driver or SQL file: its name, its hash, and where the archive has it."""

    name: str
    sha256: str
    key: str


class ArchivedPolicy(_Read):
    """The policy: the name of its file, the hash over it and its drivers, and all of them."""

    file: str
    sha256: str
    files: tuple[ArchivedFile, ...]


class BilledFile(_Read):
    """A data file by its content."""

    key: str
    size: int
    sha256: str


class Bill(_Read):
    """What was delivered."""

    manifest_key: str
    manifest_execution_id: str
    columns: tuple[str, ...]
    files: tuple[BilledFile, ...]


class FiledLedger(_Read):
    """The published ledger by its content."""

    prefix: str
    entries: int
    content_sha256: str


class FileVersion(_Read):
    """The version of a data file that was sealed."""

    key: str
    version_id: str
    etag: str


class BillOfRun(_Read):
    """The sealed versions, and until when they stay."""

    retain_until: datetime
    files: tuple[FileVersion, ...]


class LedgerOfRun(_Read):
    """The objects that the ledger was published as."""

    objects: tuple[StoredObject, ...]


class SummaryOfRun(_Read):
    """The summary that lies beside the evidence."""

    sha256: str


class Run(_Read):
    """How the run went, as far as a replay needs it."""

    run_id: str
    bill: BillOfRun
    ledger: LedgerOfRun
    ledger_read: tuple[StoredObject, ...]
    summary: SummaryOfRun


class ClosedEvidence(_Read):
    """The evidence of a close. ``billing_period`` is the month of the bill, ``booked_in`` that of the entries."""

    format: Literal["chargeback evidence 1"]
    billing_period: str
    booked_in: str
    revision: int
    status: Literal["CLOSED"]
    code_version: str
    policy: ArchivedPolicy
    sql: tuple[ArchivedFile, ...]
    bill: Bill
    invoice_totals: tuple[dict[str, Any], ...]
    ledger: FiledLedger
    statements: tuple[FiledStatement, ...]
    run: Run

    @classmethod
    def read(cls, name: str, content: bytes) -> Self:
        """Reads evidence; raises RestorationFailed that names the file and the fields that it lacks."""
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            fields = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'content'}: {e['msg']}" for e in error.errors())
            raise RestorationFailed(f"{name} cannot be read as {FORMAT}: {fields}") from None

    @property
    def seal(self) -> Seal:
        """The seal on the delivery, as it was; raises RestorationFailed when a data file has no version."""
        versions = {file.key: file for file in self.run.bill.files}
        if missing := [file.key for file in self.bill.files if file.key not in versions]:
            raise RestorationFailed(f"the evidence names no version of {', '.join(missing)}")
        return Seal(
            billing_period=self.billing_period,
            manifest_key=self.bill.manifest_key,
            manifest_execution_id=self.bill.manifest_execution_id,
            retain_until=self.run.bill.retain_until,
            files=tuple(
                SealedFile(
                    key=file.key,
                    version_id=versions[file.key].version_id,
                    size=file.size,
                    etag=versions[file.key].etag,
                    sha256=file.sha256,
                )
                for file in self.bill.files
            ),
        )
