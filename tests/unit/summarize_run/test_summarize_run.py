"""The summary is what people read of a run; it repeats what the run has written down, and computes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.summarize_run.logic import SummarizeRunRequest, build_summary
from tests.unit.function_bench import FunctionBench
from tests.unit.run_samples import RUN_ID
from tests.unit.summarize_run.run_of_may import FILED, TAGS, event, keep_run, records


def summary(bench: FunctionBench, **changes: Any) -> dict[str, Any]:
    return build_summary(SummarizeRunRequest.model_validate(event(**changes)), records(bench))


def test_the_summary_says_what_was_billed_allocated_and_left_over(bench: FunctionBench) -> None:
    shown = summary(bench)

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


def test_every_pool_of_the_policy_is_in_the_summary_also_one_that_collected_nothing(bench: FunctionBench) -> None:
    assert summary(bench)["pools"] == {
        "logging": "0.00",
        "support": "20.00",
        "unrecognized": "0.00",
        "untaggable": "0.00",
        "untagged": "0.00",
    }


def test_cost_centers_statements_and_postings_are_listed(bench: FunctionBench) -> None:
    shown = summary(bench)

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
    assert shown["statements"][0]["signature"] == "statements/claims-2026-05-r1.SHA256SUMS.p7s"
    assert shown["unrecognized_tags"] == TAGS
    assert shown["postings"] == [
        {"cost_center": "CC-1001", "amount": "100.00", "table": "fm_expense_line", "key": "k1"}
    ]


def test_a_restatement_names_its_month_and_the_month_it_is_booked_in(bench: FunctionBench) -> None:
    shown = summary(bench, billing_period="2026-08", revision=2)

    assert (shown["billing_period"], shown["booked_in"], shown["revision"]) == ("2026-05", "2026-08", 2)


def test_no_amount_is_ever_a_number_of_json(bench: FunctionBench) -> None:
    def numbers(value: Any) -> list[float]:
        if isinstance(value, dict):
            return [number for member in value.values() for number in numbers(member)]
        if isinstance(value, list):
            return [number for member in value for number in numbers(member)]
        return [value] if isinstance(value, float) else []

    assert numbers(json.loads(json.dumps(summary(bench)))) == []


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
    assert store.read_json(f"{folder}summary.json") == summary(bench, status=status)
    assert store.read_json(f"{folder}evidence.json")["run"]["run_id"] == RUN_ID


def test_summarizing_a_close_twice_gives_the_same_bytes(bench: FunctionBench) -> None:
    keep_run(bench)
    bench.invoke("summarize_run", event())
    first = bench.ledger.read("periods/2026-05/revision-0001/summary.json")

    bench.invoke("summarize_run", event())
    assert bench.ledger.read("periods/2026-05/revision-0001/summary.json") == first
