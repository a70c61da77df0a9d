"""Reads evidence and summary, as far as they are verified."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from functions.shared.evidence import StoredObject
from functions.shared.filed_statement import FiledStatement
from functions.shared.money import Cents
from local.verify.layout import Artefact

_SHOWN_DEFECTS = 3
CLOSED = "CLOSED"


class _Read(BaseModel):
    """A part of a record; what is not verified of it is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


ReadT = TypeVar("ReadT", bound=_Read)


class InvoiceLine(_Read):
    """An invoice: what AWS billed, and what the ledger has of it, in all revisions and in this one."""

    billing_account_id: str
    invoice_id: str
    billed_cost: Cents
    allocated_cost: Cents
    revision_cost: Cents
    delta: Cents

    @property
    def key(self) -> tuple[str, str]:
        """Account and invoice."""
        return self.billing_account_id, self.invoice_id


class ControlTotal(_Read):
    """An invoice as the summary shows it."""

    billing_account_id: str
    invoice_id: str
    billed_cost: Cents
    allocated_cost: Cents


class InvoiceTotal(_Read):
    """What AWS's own invoice says."""

    billing_account_id: str
    invoice_id: str
    invoiced_cost: Cents


class Totals(_Read):
    """The close in five amounts."""

    billed_cost: Cents
    allocated_cost: Cents
    delta: Cents
    revision_cost: Cents
    commitment_bridge: Cents
    line_items: int


class InvariantRead(_Read):
    """Something that had to hold."""

    invariant: str
    found: str
    expected: str


class PoolLine(_Read):
    """A pool on an invoice: what it collected and received, and what it passed on."""

    collected: Cents
    received: Cents
    shared: Cents


class Reconciled(_Read):
    """The reconciliation, invoice by invoice and pool by pool."""

    invoices: tuple[InvoiceLine, ...]
    pools: tuple[PoolLine, ...]


class LedgerOfEvidence(_Read):
    """The ledger by its content."""

    prefix: str
    entries: int
    content_sha256: str


class Predecessor(_Read):
    """Which evidence comes before, and the hash of its facts."""

    billing_period: str
    revision: int
    facts_sha256: str


class _SummaryOfRun(_Read):
    sha256: str


class _LedgerOfRun(_Read):
    objects: tuple[StoredObject, ...]


class Run(_Read):
    """How the run went, as far as it names files."""

    started_at: datetime
    ledger: _LedgerOfRun
    summary: _SummaryOfRun
    previous_evidence: StoredObject | None


class Evidence(_Read):
    """The evidence of a close."""

    format: Literal["chargeback evidence 1"]
    billing_period: str
    revision: int
    status: Literal["CLOSED"]
    billing_currency: str
    control_totals: tuple[ControlTotal, ...]
    invoice_totals: tuple[InvoiceTotal, ...]
    totals: Totals
    invariants: tuple[InvariantRead, ...]
    reconciliation: Reconciled
    ledger: LedgerOfEvidence
    statements: tuple[FiledStatement, ...]
    previous_evidence: Predecessor | None
    run: Run


class CostCenter(_Read):
    """A cost center of the summary, and what it owes."""

    cost_center: str
    total: Cents


class Posting(_Read):
    """What the books charge a cost center."""

    cost_center: str
    amount: Cents


class Summary(_Read):
    """The summary, as far as it is not a copy of the evidence."""

    cost_centers: tuple[CostCenter, ...]
    postings: tuple[Posting, ...]


class Record(NamedTuple):
    """A JSON file: its members, or why it has none."""

    members: Mapping[str, Any]
    problem: str | None = None


def read_record(file: Artefact) -> Record:
    """Reads a JSON file that is there; says where it is not JSON."""
    try:
        found = json.loads(file.content or b"")
    except json.JSONDecodeError as error:
        return Record({}, f"is no JSON any more: line {error.lineno:,}, column {error.colno:,}: {error.msg}")
    except UnicodeDecodeError as error:
        return Record({}, f"byte {error.start:,} is not UTF-8")
    return Record(found) if isinstance(found, dict) else Record({}, "is no JSON object")


def read_evidence(record: Record) -> Evidence | str:
    """The evidence that a file holds, or why it holds none, by JSON path."""
    return _read(record, Evidence)


def read_summary(record: Record) -> Summary | str:
    """The summary that a file holds, or why it holds none, by JSON path."""
    return _read(record, Summary)


def _read(record: Record, kind: type[ReadT]) -> ReadT | str:
    if record.problem:
        return record.problem
    try:
        return kind.model_validate(record.members)
    except ValidationError as error:
        return "; ".join(f"{json_path(*e['loc'])}: {e['msg']}" for e in error.errors()[:_SHOWN_DEFECTS])


def json_path(*parts: str | int) -> str:
    """A member as people write it: ``statements[3].csv_sha256``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".")
