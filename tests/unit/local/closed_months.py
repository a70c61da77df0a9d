"""Closed months of an organization that does not exist, as ``local close`` leaves them, written in a moment.

Statements, evidence and summary are made by the code that makes them in a close; only the amounts are invented.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from functions.post_charge.logic import PostedCharge
from functions.prepare_statements.rows import LedgerEntry, UntaggedCost
from functions.prepare_statements.totals import RunTotals, add_up
from functions.publish_ledger.logic import hash_entries
from functions.render_statement.filing import file_signed, file_unsigned
from functions.render_statement.model import StatementModel
from functions.render_statement.package import StatementFile
from functions.shared import run_files
from functions.shared.evidence import PreviousEvidence, StoredObject, facts_sha256
from functions.shared.filed_statement import FiledStatement
from functions.shared.periods import BillingPeriod
from functions.shared.reconciliation import Reconciliation
from functions.shared.signing.detached import sign_file
from functions.shared.signing.signatory import Signatory
from functions.summarize_run.evidence import build_evidence
from functions.summarize_run.filed import LedgerBucket
from functions.summarize_run.logic import SummarizeRunRequest, build_summary
from functions.summarize_run.records import RunRecords, Sources
from local.verify.ledger import ORDER
from tests.unit.render_statement.builders import Sample, statement_data
from tests.unit.run_samples import delivery, invoice_row, policy_of_run, pool_row, seal
from tests.unit.signing_kit import root, signatory

UNITS = ("claims", "digital")
MARCH, APRIL, MAY = "2026-03", "2026-04", "2026-05"

_LEDGER = pa.schema(
    [
        *((name, pa.string()) for name in ("entry_id", "billing_period", "charge_period")),
        ("revision", pa.int32()),
        *((name, pa.string()) for name in ("billing_account_id", "invoice_id", "billing_currency", "business_unit")),
        *((name, pa.string()) for name in ("cost_center", "allocation_method", "pool_id", "rule_id")),
        *((name, pa.string()) for name in ("sub_account_id", "service_name", "charge_class")),
        ("exact_cost", pa.decimal128(38, 10)),
        ("cost", pa.decimal128(38, 2)),
        ("line_count", pa.int64()),
    ]
)

Row = dict[str, str]


@dataclass(frozen=True)
class Month:
    """What to close: a month or a later revision of it, after which evidence, signed by whom, seen by AWS how."""

    period: str = MAY
    revision: int = 1
    after: Path | None = None
    by: Signatory = field(default_factory=signatory)
    folder: str = ""
    invoiced: bool = False
    draft: bool = False
    timestamps: Any = None

    @property
    def changes(self) -> int:
        """What makes amounts of months and revisions differ."""
        return int(self.period[-2:]) + 100 * self.revision


def write_root(out: Path) -> None:
    """The root that tests trust, where ``verify`` looks for it."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "root-ca.pem").write_text(root().pem)


def write_months(out: Path, *months: Month) -> None:
    """Months that follow each other in the chain, with the root certificate beside them."""
    write_root(out)
    before: Path | None = None
    for month in months:
        before = write_month(out, Month(**{**vars(month), "after": month.after or before}))


def write_month(out: Path, month: Month) -> Path:
    """Closes a month; returns its evidence."""
    folder = out / month.period
    records = folder / month.folder
    records.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    filed = []
    for number, unit in enumerate(UNITS):
        statement = _statement(month, unit, number)
        rows += _rows(statement)
        filed.append(_file(folder, statement, month))
    rows.sort(key=lambda row: [row[name] for name in ORDER])
    published = _publish(folder, month, rows)
    request = _request(month, rows)
    run = _records(month, rows, filed, _earlier_rows(folder, month))
    bucket = LedgerBucket(ledger=(published,), previous=_previous(month.after))
    (records / "summary.json").write_bytes(_json(build_summary(request, run)))
    summary = (records / "summary.json").read_bytes()
    evidence = records / "evidence.json"
    evidence.write_bytes(_json(build_evidence(request, run, bucket, summary, "f" * 64)))
    if not month.draft:
        sign(evidence, month.by)
    return evidence


def sign(file: Path, by: Signatory) -> None:
    """Puts both signatures beside a file."""
    signature = sign_file(file.read_bytes(), by)
    Path(f"{file}.p7s").write_bytes(signature.cms)
    Path(f"{file}.sig").write_bytes(signature.raw)


def edit_evidence(file: Path, by: Signatory, **changes: Any) -> None:
    """Replaces members of an evidence by others that the same signer vouches for."""
    file.write_bytes(_json(json.loads(file.read_bytes()) | changes))
    sign(file, by)


def write_ledger(file: Path, rows: Sequence[Row], compression: str = "snappy") -> None:
    """A ledger file with these entries."""
    typed = [
        row
        | {
            "revision": int(row["revision"]),
            "line_count": int(row["line_count"]),
            "cost": Decimal(row["cost"]),
            "exact_cost": Decimal(row["exact_cost"]).quantize(Decimal("1E-10")),
        }
        for row in rows
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(typed, schema=_LEDGER), file, compression=compression)


def read_ledger(file: Path) -> list[Row]:
    """The entries of a ledger file as text."""
    rows = pq.read_table(file).to_pylist()
    return [
        {name: f"{value:f}" if isinstance(value, Decimal) else str(value) for name, value in row.items()}
        for row in rows
    ]


def _statement(month: Month, unit: str, number: int) -> StatementModel:
    """A unit's statement: two cost centers of its own, in two pools and on two invoices."""
    sample = Sample(cost_centers=2, accounts=1, services=4, pools=2, months=1, seed=10 * month.changes + number)
    data = json.loads(json.dumps(statement_data(sample)).replace("CC-10", f"CC-{1 + number}0"))
    for line in data["ledger_lines"]:
        line["entry_id"] = hashlib.sha256(
            f"{month.period} {month.revision} {unit} {line['entry_id']}".encode()
        ).hexdigest()
    data["trend"][-1]["billing_period"] = month.period
    return StatementModel.model_validate(
        data
        | {
            "business_unit": {"id": unit, "name": unit.title()},
            "billing_period": month.period,
            "charge_period": month.period,
            "revision": month.revision,
            "draft": month.draft,
        }
    )


def _rows(statement: StatementModel) -> list[Row]:
    return [
        {name: str(value) for name, value in line.model_dump(mode="json").items()}
        | {
            "billing_period": statement.billing_period,
            "charge_period": statement.charge_period,
            "revision": str(statement.revision),
            "billing_currency": statement.billing_currency,
            "business_unit": statement.business_unit.id,
        }
        for line in statement.ledger_lines
    ]


def _file(folder: Path, statement: StatementModel, month: Month) -> FiledStatement:
    def write(file: StatementFile) -> StatementFile:
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        return file

    if month.draft:
        return file_unsigned(statement, "drafts/", write)
    return file_signed(statement, f"charge_period={month.period}/", write, month.by, month.timestamps)


def _publish(folder: Path, month: Month, rows: list[Row]) -> StoredObject:
    key = f"{run_files.ledger_prefix(month.period, month.period, month.revision)}part-00000.parquet"
    write_ledger(folder / key, rows)
    content = (folder / key).read_bytes()
    return StoredObject(key=key, version_id="v1", size=len(content), sha256=hashlib.sha256(content).hexdigest())


def _earlier_rows(folder: Path, month: Month) -> list[Row]:
    names = [f"*/{month.period}-revision-{revision:04d}-*.parquet" for revision in range(1, month.revision)]
    return [row for name in names for file in (folder / "ledger").glob(name) for row in read_ledger(file)]


def _request(month: Month, rows: list[Row]) -> SummarizeRunRequest:
    entries, content_sha256 = hash_entries(rows)
    return SummarizeRunRequest(
        run_id=f"{month.period}-0123456789ab-{month.revision}",
        billing_period=month.period,
        charge_period=month.period,
        revision=month.revision,
        status="PREVIEW" if month.draft else "CLOSED",
        started_at=BillingPeriod.parse(month.period).previous(-1).start,
        execution_arn="arn:aws:states:us-east-1:123456789012:execution:close:one",
        state_machine="month_end_close",
        steps={},
        ledger={"location": "s3://ledger/ledger/…", "files": 1, "entries": entries, "content_sha256": content_sha256},
    )


def _records(month: Month, rows: list[Row], filed: list[FiledStatement], earlier: list[Row]) -> RunRecords:
    costs, all_costs = _by_invoice(rows), _by_invoice([*rows, *earlier])
    invoices = [
        invoice_row(
            billing_account_id=account,
            invoice_id=invoice,
            billed_cost=str(all_costs[account, invoice]),
            allocated_cost=str(all_costs[account, invoice]),
            revision_cost=str(costs[account, invoice]),
        )
        for account, invoice in sorted(all_costs)
    ]
    totals = _totals(rows)
    names = ("billing_account_id", "invoice_id", "billing_currency")
    return RunRecords(
        policy=policy_of_run(),
        delivery=delivery(),
        seal=seal(),
        reconciliation=Reconciliation.of(invoices, [pool_row()]),
        invoice_totals=tuple(
            {name: row[name] for name in names} | {"invoiced_cost": row["billed_cost"]}
            for row in invoices
            if month.invoiced
        ),
        queries={},
        totals=totals,
        unrecognized_tags=(),
        sources=Sources(policy_sha256="a" * 64, policy_file="policy.yaml", policy={}, sql={}),
        filed=tuple(filed),
        posted=tuple(
            PostedCharge(
                cost_center=center.cost_center,
                amount=center.total,
                table="fm_expense_line",
                key=f"k-{center.cost_center}",
                sys_id="s",
                created=True,
            )
            for center in totals.cost_centers
        ),
        statements_began_at=None,
    )


def _totals(rows: list[Row]) -> RunTotals:
    untagged = UntaggedCost.model_validate({"taggable_cost": "0", "untagged_cost": "0", "charge_count": 0})
    return add_up([LedgerEntry.model_validate(row) for row in rows], untagged)


def _by_invoice(rows: list[Row]) -> dict[tuple[str, str], Decimal]:
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(lambda: Decimal("0.00"))
    for row in rows:
        sums[row["billing_account_id"], row["invoice_id"]] += Decimal(row["cost"])
    return sums


def _previous(file: Path | None) -> PreviousEvidence | None:
    if file is None:
        return None
    content = file.read_bytes()
    evidence = json.loads(content)
    period, revision = evidence["billing_period"], evidence["revision"]
    stored = StoredObject(
        key=run_files.evidence_key(period, revision),
        version_id="v1",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    return PreviousEvidence(charge_period=period, revision=revision, file=stored, facts_sha256=facts_sha256(evidence))


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False).encode()
