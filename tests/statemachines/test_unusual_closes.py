"""Months that closed another way than most: what was filed verifies, and is derived again from the same bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from functions.shared.periods import BillingPeriod
from local.export_run import export_run
from tests.statemachines.harness import Close, Execution
from tests.unit.local.verifying import Verified, verify

pytestmark = pytest.mark.slow

NEWER_CODE = "9" * 64


def verified(close: Close, period: str, execution: Execution) -> Verified:
    described = close.world.cloud.client("stepfunctions").describe_execution(executionArn=execution.arn)
    folder = export_run(close.world, BillingPeriod.parse(period), described)
    return verify(folder, "--root-ca", close.world.root_certificate)


@contextmanager
def newer_code(close: Close) -> Iterator[None]:
    """Functions that say they are of another version, as after a deployment."""
    functions = close.world.cloud.client("lambda")
    before = {
        function["FunctionName"]: function["Environment"]["Variables"]
        for function in functions.list_functions()["Functions"]
        if "CODE_VERSION" in function.get("Environment", {}).get("Variables", {})
    }
    for name, variables in before.items():
        newer = {"Variables": variables | {"CODE_VERSION": NEWER_CODE}}
        functions.update_function_configuration(FunctionName=name, Environment=newer)
    try:
        yield
    finally:
        for name, variables in before.items():
            functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


def test_a_close_that_was_resumed_after_a_deployment_is_derived_again_byte_by_byte(close: Close) -> None:
    """Its statements name the code that made them, its evidence the code that ended it."""
    close.deliver("2023-01")
    close.books.fail_next(1, "403", on="POST")
    assert close.run("2023-01").status == "FAILED"

    with newer_code(close):
        resumed = close.run("2023-01")

    assert (resumed.status, resumed.output["period"]["action"]) == ("SUCCEEDED", "resume")
    evidence = close.ledger.read_json("periods/2023-01/revision-0001/evidence.json")
    made_with = {statement["code_version"] for statement in evidence["statements"]}
    assert evidence["code_version"] == NEWER_CODE
    assert NEWER_CODE not in made_with
    assert close.replay("2023-01").status == "SUCCEEDED"


def test_the_same_bill_in_other_bytes_is_a_revision_without_a_difference(close: Close) -> None:
    close.deliver("2023-03")
    first = close.run("2023-03")
    assert first.status == "SUCCEEDED"
    cur = close.world.out / "cur-2023-03-7-True"
    file = sorted((cur / "data").rglob("*.parquet"))[0]
    pq.write_table(pq.read_table(file), file, compression="zstd")
    with close.a_minute_later():
        close.world.deliver(cur, BillingPeriod.parse("2023-03"))

    second = close.run("2023-03")

    assert (second.status, second.output["period"]["revision"]) == ("SUCCEEDED", 2)
    assert "PostCharges" not in second.states
    assert second.output["postings"]["total"] == "0.00"
    assert second.output["postings"]["earlier_total"] == first.output["postings"]["total"]
    found = verified(close, "2023-03", second)
    assert (found.code, found.failed) == (0, [])
    assert [line for line in found.out if "2 revisions of the ledger add up to" in line]
    assert close.replay("2023-03").status == "SUCCEEDED"


def renamed_policy(close: Close, folder: Path) -> str:
    """The small policy with business unit finance under another id; its key."""
    folder.mkdir()
    policy = folder / "policy.yaml"
    text = close.work.read_text(close.policy_key)
    policy.write_text(re.sub(r"\bfinance\b", "treasury", text), encoding="utf-8")
    return close.world.put_policy(policy)


def test_a_business_unit_that_the_policy_no_longer_has_gets_what_is_taken_back_from_it(close: Close) -> None:
    close.deliver("2023-05", seed=1)
    assert close.run("2023-05").status == "SUCCEEDED"
    close.deliver("2023-05", seed=2)

    second = close.run("2023-05", policy_key=renamed_policy(close, close.world.out / "renamed"))

    assert second.status == "SUCCEEDED", second.cause
    evidence = close.ledger.read_json("periods/2023-05/revision-0002/evidence.json")
    totals = {statement["business_unit"]: Decimal(statement["total"]) for statement in evidence["statements"]}
    assert totals["finance"] < 0 < totals["treasury"]
    assert sum(totals.values()) == Decimal(evidence["totals"]["revision_cost"])
    found = verified(close, "2023-05", second)
    assert (found.code, found.failed) == (0, [])


def test_an_invoice_that_a_reviewer_lists_in_two_rows_is_one_invoice(close: Close) -> None:
    close.deliver("2023-06", seed=1)
    preview = close.run("2023-06", preview=True)
    summary = close.work.read_json(f"runs/{preview.output['period']['run_id']}/summary.json")
    lines = ["billing_account_id,invoice_id,billing_currency,total"]
    for number, invoice in enumerate(summary["control_totals"]):
        whole = Decimal(invoice["billed_cost"])
        parts = [whole] if number else [whole - 1, Decimal(1)]
        lines += [f"{invoice['billing_account_id']},{invoice['invoice_id']},USD,{part}" for part in parts]
    file = close.world.out / "invoices-2023-06.csv"
    file.write_text("\n".join([*lines, ""]), encoding="utf-8")

    closed = close.run("2023-06", invoices_key=close.world.put_invoices(file))

    assert closed.status == "SUCCEEDED", closed.cause
    found = verified(close, "2023-06", closed)
    assert (found.code, found.failed) == (0, [])


def test_a_later_revision_is_not_closed_while_a_line_that_it_adjusts_is_another(close: Close) -> None:
    close.deliver("2023-07", seed=1)
    assert close.run("2023-07").status == "SUCCEEDED"
    line = next(line for line in close.books.records("fm_expense_line") if "2023-07," in line["short_description"])
    close.books.change_record("fm_expense_line", line["sys_id"], {"amount": "0.01"})
    close.deliver("2023-07", seed=2)

    refused = close.run("2023-07")

    assert (refused.status, refused.error) == ("FAILED", "PostingMismatch")
    assert "A later revision books the difference to it" in refused.cause
    close.books.change_record("fm_expense_line", line["sys_id"], {"amount": line["amount"]})
    second = close.run("2023-07")
    assert second.status == "SUCCEEDED", second.cause
    held = [Decimal(amount) for amounts in close.charges("2023-07").values() for amount in amounts]
    assert sum(held) == Decimal(second.output["postings"]["earlier_total"])
