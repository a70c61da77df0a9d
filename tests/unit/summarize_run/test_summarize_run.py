"""The summary is what people read of a run, the evidence what auditors follow; both repeat, and compute nothing."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from functions.post_charge.logic import PostedCharge
from functions.prepare_statements.totals import CostCenterTotal, RunTotals
from functions.shared import run_files
from functions.shared.filed_statement import FiledStatement
from functions.shared.sql_catalog import load_statements
from functions.summarize_run.logic import SummarizeRunRequest, build_evidence, build_summary
from tests.unit.function_bench import FunctionBench
from tests.unit.run_samples import RUN_ID, policy_of_run, reconciliation, seal

STEPS = {"f010_charges": {"query_execution_id": "q-1", "bytes_scanned": 17, "result": "s3://work/athena-results/q-1"}}
LEDGER = {"location": "s3://ledger/ledger/…", "files": 1, "entries": 3, "content_sha256": "ab" * 32}
CENTER = CostCenterTotal(
    cost_center="CC-1001",
    business_unit="claims",
    direct=Decimal("75.00"),
    shared=Decimal("25.00"),
    by_pool={"support": Decimal("25.00")},
    total=Decimal("100.00"),
)
TOTALS = RunTotals(cost_centers=(CENTER,), untagged_ratio="0.0731")
TAGS = [{"value": "CC-1O01", "exact_cost": "3.5", "line_count": 2, "accounts": 1, "closest": "CC-1001"}]
FILED = FiledStatement(
    business_unit="claims",
    total=Decimal("100.00"),
    folder="charge_period=2026-05/",
    pdf="statements/claims-2026-05-r1.pdf",
    csv="statements/claims-2026-05-r1.csv",
    sha256sums="statements/claims-2026-05-r1.SHA256SUMS",
    pdf_sha256="ab" * 32,
    csv_sha256="cd" * 32,
)
POSTED = PostedCharge(
    cost_center="CC-1001", amount=Decimal("100.00"), table="fm_expense_line", key="k1", sys_id="s1", created=False
)


def event(**changes: Any) -> dict[str, Any]:
    return {
        "run_id": RUN_ID,
        "billing_period": "2026-05",
        "charge_period": "2026-05",
        "revision": 1,
        "status": "CLOSED",
        "started_at": "2026-06-08T06:00:00Z",
        "execution_arn": "arn:aws:states:us-east-1:123456789012:execution:close:one",
        "state_machine": "month_end_close",
        "steps": STEPS,
        "ledger": LEDGER,
    } | changes


def summary(**changes: Any) -> dict[str, Any]:
    request = SummarizeRunRequest.model_validate(event(**changes))
    return build_summary(request, policy_of_run(), reconciliation(), TOTALS, [FILED], [POSTED])


def keep_run(bench: FunctionBench) -> None:
    for key, kept in (
        (run_files.policy_key(RUN_ID), policy_of_run()),
        (run_files.seal_key(RUN_ID), seal()),
        (run_files.reconciliation_key(RUN_ID), reconciliation()),
        (run_files.totals_key(RUN_ID), TOTALS),
        (run_files.rendered_key(RUN_ID, "claims"), FILED),
        (run_files.posting_key(RUN_ID, "CC-1001"), POSTED),
    ):
        bench.work.write_json(key, kept.model_dump(mode="json"))
    bench.work.write_json(run_files.unrecognized_tags_key(RUN_ID), TAGS)


def test_the_summary_says_what_was_billed_allocated_and_left_over() -> None:
    shown = summary()

    assert (shown["billed_cost"], shown["allocated_cost"], shown["delta"]) == ("100.00", "100.00", "0.00")
    assert shown["control_totals"] == [
        {
            "billing_account_id": "999900001111",
            "invoice_id": "INV-1",
            "billed_cost": "100.00",
            "allocated_cost": "100.00",
        }
    ]
    assert (shown["line_items"], shown["untagged_ratio"], shown["billing_currency"]) == (10, "0.0731", "USD")


def test_every_pool_of_the_policy_is_in_the_summary_also_one_that_collected_nothing() -> None:
    assert summary()["pools"] == {
        "logging": "0.00",
        "support": "20.00",
        "unrecognized": "0.00",
        "untaggable": "0.00",
        "untagged": "0.00",
    }


def test_cost_centers_statements_and_postings_are_listed() -> None:
    shown = summary()

    assert shown["cost_centers"] == [
        {
            "cost_center": "CC-1001",
            "business_unit": "claims",
            "direct": "75.00",
            "shared": "25.00",
            "by_pool": {"support": "25.00"},
            "total": "100.00",
        }
    ]
    assert [(entry["business_unit"], entry["pdf"], entry["total"]) for entry in shown["statements"]] == [
        ("claims", FILED.pdf, "100.00")
    ]
    assert shown["postings"] == [
        {"cost_center": "CC-1001", "amount": "100.00", "table": "fm_expense_line", "key": "k1"}
    ]


def test_a_restatement_names_its_month_and_the_month_it_is_booked_in() -> None:
    shown = summary(billing_period="2026-08", revision=2)

    assert (shown["billing_period"], shown["booked_in"], shown["revision"]) == ("2026-05", "2026-08", 2)


def test_no_amount_is_ever_a_number_of_json() -> None:
    def numbers(value: Any) -> list[float]:
        if isinstance(value, dict):
            return [number for member in value.values() for number in numbers(member)]
        if isinstance(value, list):
            return [number for member in value for number in numbers(member)]
        return [value] if isinstance(value, float) else []

    assert numbers(json.loads(json.dumps(summary()))) == []


def test_the_evidence_leads_from_sealed_bytes_over_queries_to_the_ledger() -> None:
    evidence = build_evidence(
        SummarizeRunRequest.model_validate(event()), policy_of_run(), seal(), reconciliation(), [FILED]
    )

    assert [file["version_id"] for file in evidence["sealed"]["files"]] == ["v1"]
    assert evidence["sql"] == {name: statement.sha256 for name, statement in load_statements().items()}
    assert evidence["policy_sha256"] == policy_of_run().sha256
    assert (evidence["queries"], evidence["ledger"]) == (STEPS, LEDGER)
    assert [invoice["exact_billed"] for invoice in evidence["reconciliation"]["invoices"]] == ["99.9960000000"]


@pytest.mark.parametrize(
    ("status", "bucket", "folder"),
    [("CLOSED", "ledger", "periods/2026-05/revision-0001/"), ("PREVIEW", "work", f"runs/{RUN_ID}/")],
)
def test_a_close_is_filed_with_the_ledger_and_a_preview_stays_with_its_run(
    bench: FunctionBench, status: str, bucket: str, folder: str
) -> None:
    keep_run(bench)

    answer = bench.invoke("summarize_run", event(status=status))

    assert answer == {
        "summary": f"s3://{bucket}/{folder}summary.json",
        "evidence": f"s3://{bucket}/{folder}evidence.json",
        "total": "100.00",
    }
    store = bench.ledger if bucket == "ledger" else bench.work
    assert store.read_json(f"{folder}summary.json") == summary(status=status) | {"unrecognized_tags": TAGS}
    assert store.read_json(f"{folder}evidence.json")["run_id"] == RUN_ID


def test_summarizing_a_close_twice_gives_the_same_bytes(bench: FunctionBench) -> None:
    keep_run(bench)
    bench.invoke("summarize_run", event())
    first = bench.ledger.read("periods/2026-05/revision-0001/summary.json")

    bench.invoke("summarize_run", event())
    assert bench.ledger.read("periods/2026-05/revision-0001/summary.json") == first
