"""A closed revision as its files tell it: read once, looked at by every check."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from local.verify.layout import EVIDENCE, SUMMARY, Artefact, PeriodFolder, StatementFiles
from local.verify.ledger import Ledger, Row
from local.verify.records import CLOSED, Evidence, Record, read_evidence, read_record
from local.verify.sheet import Sheet, SheetUnreadable


@dataclass(frozen=True)
class Close:
    """A folder with the records of a revision, and what they name."""

    folder: PeriodFolder

    @cached_property
    def evidence_file(self) -> Artefact:
        """The evidence."""
        return self.folder.record(EVIDENCE)

    @cached_property
    def summary_file(self) -> Artefact:
        """The summary."""
        return self.folder.record(SUMMARY)

    @cached_property
    def evidence_record(self) -> Record:
        """What is in the evidence."""
        return read_record(self.evidence_file)

    @cached_property
    def summary_record(self) -> Record:
        """What is in the summary."""
        return read_record(self.summary_file)

    @cached_property
    def _evidence(self) -> Evidence | str:
        return read_evidence(self.evidence_record)

    @property
    def evidence(self) -> Evidence | None:
        """The evidence; None when it cannot be read."""
        return None if isinstance(self._evidence, str) else self._evidence

    @property
    def problem(self) -> str | None:
        """Why the evidence cannot be read."""
        return self._evidence if isinstance(self._evidence, str) else None

    @property
    def draft_status(self) -> str | None:
        """What a draft says it is; None for a close."""
        records = (self.evidence_record, self.summary_record)
        found = {str(status) for record in records if (status := record.members.get("status"))}
        return None if CLOSED in found or not found else ", ".join(sorted(found))

    @property
    def title(self) -> str:
        """The period and revision."""
        if self.evidence is None:
            return self.folder.records.name
        return f"{self.evidence.billing_period}, revision {self.evidence.revision}"

    def claimed_time(self, now: datetime) -> datetime:
        """When the close says it began; now when that cannot be read."""
        return self.evidence.run.started_at if self.evidence else now

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger files of the month that lie here."""
        return Ledger.of(self.folder, self.evidence.billing_period) if self.evidence else Ledger(())

    @cached_property
    def rows(self) -> list[Row] | None:
        """The entries of this revision; None when they cannot be read."""
        if self.evidence is None:
            return None
        revision = self.evidence.revision
        if not self.evidence.run.ledger.objects and not self.ledger.parts_of(revision):
            return []  # AWS wrote the same bill in other bytes: a revision without a difference has no file
        return self.ledger.rows_of(revision)

    def rows_of_unit(self, unit: str) -> list[Row] | None:
        """The entries of a business unit."""
        return None if self.rows is None else [row for row in self.rows if row["business_unit"] == unit]

    @cached_property
    def statements(self) -> list[StatementFiles]:
        """The statements of this revision of which there is any file."""
        if self.evidence is None:
            return self.folder.statements()
        wanted = (self.evidence.billing_period, self.evidence.revision)
        return [found for found in self.folder.statements() if (found.period, found.revision) == wanted]

    @cached_property
    def sheets(self) -> dict[str, Sheet]:
        """The CSVs that can be read, by the business unit that their statement is filed for."""
        sheets = {}
        for statement in self.evidence.statements if self.evidence else ():
            try:
                sheets[statement.business_unit] = Sheet.read(self.folder.file(statement.csv).content or b"")
            except SheetUnreadable:  # the check of the statement says so
                continue
        return sheets
