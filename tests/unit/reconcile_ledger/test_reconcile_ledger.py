"""A ledger that is not the bill goes no further, and says where and by how much it is not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from functions.shared import run_files
from functions.shared.compiled_policy import AdjustmentOfRun
from functions.shared.errors import InvariantViolated, ReconciliationFailed
from functions.shared.reconciliation import Reconciliation
from tests.unit.function_bench import FunctionBench
from tests.unit.run_samples import RUN_ID, csv_of, invoice_row, policy_of_run, pool_row, reconciliation

STEPS = {"f010_charges": {"query_execution_id": "q-1", "bytes_scanned": 17}}


def event(
    bench: FunctionBench, *invoices: dict[str, str], line_items: int = 10, tolerance: str = "0.00"
) -> dict[str, Any]:
    policy = policy_of_run(invoice_tolerance=Decimal(tolerance))
    bench.work.write_json(run_files.policy_key(RUN_ID), policy.model_dump(mode="json"))
    return {
        "run_id": RUN_ID,
        "invoices_result": bench.put_query_result("invoices", csv_of(*(invoices or (invoice_row(),)))),
        "pools_result": bench.put_query_result("pools", csv_of(pool_row())),
        "line_items": line_items,
        "steps": STEPS,
    }


def test_the_control_numbers_of_a_reconciled_ledger_are_shown_and_kept(bench: FunctionBench) -> None:
    credit = invoice_row(
        invoice_id="INV-2",
        billed_cost="-30.00",
        allocated_cost="-30.00",
        revision_cost="-30.00",
        commitment_bridge="0.00",
        lines_read="2",
        lines_folded="2",
    )

    shown = bench.invoke("reconcile_ledger", event(bench, invoice_row(), credit, line_items=12))

    assert shown == {
        "billed_cost": "70.00",
        "allocated_cost": "70.00",
        "delta": "0.00",
        "revision_cost": "70.00",
        "commitment_bridge": "2.50",
        "invoices": 2,
        "pools": 1,
    }
    kept = bench.work.read_json(run_files.reconciliation_key(RUN_ID))
    assert Reconciliation.model_validate(kept) == reconciliation([invoice_row(), credit])


def test_a_cent_too_little_fails_the_close_and_keeps_nothing(bench: FunctionBench) -> None:
    with pytest.raises(ReconciliationFailed, match=r"billed 100\.00, allocated 99\.99 USD, delta 0\.01"):
        bench.invoke("reconcile_ledger", event(bench, invoice_row(allocated_cost="99.99", delta="0.01")))
    assert not bench.work.latest_versions(run_files.reconciliation_key(RUN_ID))


def test_adjustments_that_no_invoice_can_carry_fail_the_close(bench: FunctionBench) -> None:
    request = event(bench, invoice_row(billing_currency="EUR"))
    moved = AdjustmentOfRun(from_cost_center="CC-1001", to_cost_center="CC-1002", reason="agreed")
    policy = policy_of_run(adjustments={"ADJ-1": moved})
    bench.work.write_json(run_files.policy_key(RUN_ID), policy.model_dump(mode="json"))

    with pytest.raises(InvariantViolated, match=r"ADJ-1 of the policy cannot be booked: .* no invoice in USD"):
        bench.invoke("reconcile_ledger", request)
    assert bench.invoke("reconcile_ledger", event(bench))["invoices"] == 1


def test_an_invoice_may_be_as_far_from_its_lines_as_the_policy_tolerates(bench: FunctionBench) -> None:
    rounded = invoice_row(billed_cost="100.02", allocated_cost="100.02", invoice_rounding="0.02")

    assert bench.invoke("reconcile_ledger", event(bench, rounded, tolerance="0.02"))["billed_cost"] == "100.02"
    with pytest.raises(ReconciliationFailed, match=r"its lines in the bill add up to 100\.00 USD: 0\.02 apart"):
        bench.invoke("reconcile_ledger", event(bench, rounded, tolerance="0.01"))


def test_lines_that_were_surveyed_but_not_added_up_fail_the_close(bench: FunctionBench) -> None:
    with pytest.raises(InvariantViolated, match="lines of the delivery: 10, expected 11, differs by -1"):
        bench.invoke("reconcile_ledger", event(bench, line_items=11))


def test_the_queries_behind_the_ledger_are_kept_for_the_evidence(bench: FunctionBench) -> None:
    """When the close is interrupted after this, the execution that goes on does not know them."""
    bench.invoke("reconcile_ledger", event(bench))

    assert bench.work.read_json(run_files.queries_key(RUN_ID)) == STEPS
