"""A run of May 2026, with everything that it has written down by its end."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from functions.post_charge.logic import PostedCharge
from functions.prepare_statements.totals import CostCenterTotal, RunTotals
from functions.shared import run_files
from functions.shared.filed_statement import FiledStatement
from functions.summarize_run.records import RunRecords
from tests.unit.function_bench import FunctionBench
from tests.unit.run_samples import RUN_ID, delivery, policy_of_run, reconciliation, seal
from tests.unit.shared.policy_sample import HEADCOUNT, sample

ALLOCATION = {"f010_charges": {"query_execution_id": "q-1", "bytes_scanned": 17, "result": "s3://work/…/q-1"}}
STATEMENTS = {"s010_ledger_entries": {"query_execution_id": "q-2", "bytes_scanned": 5, "result": "s3://work/…/q-2"}}
LEDGER = {"location": "s3://ledger/ledger/…", "files": 1, "entries": 3, "content_sha256": "ab" * 32}
SQL = {"f010_charges": "select 1\n", "s010_ledger_entries": "select 2\n"}
INVOICES = [{"billing_account_id": "999900001111", "invoice_id": "INV-1", "total": "100.00"}]
TAGS = [{"value": "CC-1O01", "exact_cost": "3.5", "line_count": 2, "accounts": 1, "closest": "CC-1001"}]
CENTER = CostCenterTotal(
    cost_center="CC-1001",
    business_unit="claims",
    direct=Decimal("75.00"),
    shared=Decimal("25.00"),
    by_pool={"support": Decimal("25.00")},
    total=Decimal("100.00"),
)
FILED = FiledStatement(
    business_unit="claims",
    total=Decimal("100.00"),
    folder="charge_period=2026-05/",
    pdf="statements/claims-2026-05-r1.pdf",
    csv="statements/claims-2026-05-r1.csv",
    sha256sums="statements/claims-2026-05-r1.SHA256SUMS",
    pdf_sha256="ab" * 32,
    csv_sha256="cd" * 32,
    sha256sums_sha256="ef" * 32,
    signature="statements/claims-2026-05-r1.SHA256SUMS.p7s",
    signature_sha256="01" * 32,
    raw_signature="statements/claims-2026-05-r1.SHA256SUMS.sig",
    raw_signature_sha256="23" * 32,
)
POSTED = PostedCharge(
    cost_center="CC-1001", amount=Decimal("100.00"), table="fm_expense_line", key="k1", sys_id="s1", created=False
)


def event(**changes: Any) -> dict[str, Any]:
    """What the state machine hands over at the end of a close."""
    return {
        "run_id": RUN_ID,
        "billing_period": "2026-05",
        "charge_period": "2026-05",
        "revision": 1,
        "status": "CLOSED",
        "started_at": "2026-06-08T06:00:00Z",
        "execution_arn": "arn:aws:states:us-east-1:123456789012:execution:close:one",
        "state_machine": "month_end_close",
        "steps": STATEMENTS,
        "ledger": LEDGER,
    } | changes


def keep_run(bench: FunctionBench, run_id: str = RUN_ID) -> None:
    """Writes down what the functions before have written."""
    for key, kept in (
        (run_files.policy_key(run_id), policy_of_run()),
        (run_files.delivery_key(run_id), delivery()),
        (run_files.seal_key(run_id), seal()),
        (run_files.reconciliation_key(run_id), reconciliation()),
        (run_files.totals_key(run_id), RunTotals(cost_centers=(CENTER,), untagged_ratio="0.0731")),
        (run_files.rendered_key(run_id, "claims"), FILED),
        (run_files.posting_key(run_id, "CC-1001"), POSTED),
    ):
        bench.work.write_json(key, kept.model_dump(mode="json"))
    bench.work.write_json(run_files.queries_key(run_id), ALLOCATION)
    bench.work.write_json(run_files.unrecognized_tags_key(run_id), TAGS)
    bench.work.write_json_lines(f"{run_files.table_prefix(run_id, 'invoice_totals')}rows.jsonl", INVOICES)
    for name, text in {policy_of_run().file: sample(), **HEADCOUNT}.items():
        bench.work.write(run_files.policy_source_prefix(run_id) + name, text.encode(), "text/plain")
    for name, text in SQL.items():
        bench.work.write(f"{run_files.sql_source_prefix(run_id)}{name}.sql", text.encode(), "text/plain")


def records(bench: FunctionBench) -> RunRecords:
    """The same, read back."""
    keep_run(bench)
    return RunRecords.read(bench.work, RUN_ID)


def evidence_of(bench: FunctionBench, period: str = "2026-05", revision: int = 1) -> dict[str, Any]:
    """The evidence as it was filed."""
    found: dict[str, Any] = json.loads(bench.ledger.read(run_files.evidence_key(period, revision)))
    return found
