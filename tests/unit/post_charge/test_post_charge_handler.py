"""The run remembers what the books answered to the last attempt at each charge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from functions.shared import run_files
from functions.shared.errors import PostingMismatch, PostingRejected, SecretUnreadable
from local.servicenow.server import ServiceNowStandIn
from tests.unit.function_bench import VALUES, FunctionBench
from tests.unit.run_samples import RUN_ID

ITEM = {
    "run_id": RUN_ID,
    "organization": "acme",
    "billing_period": "2026-05",
    "charge_period": "2026-05",
    "revision": 1,
    "cost_center": "CC-1001",
    "business_unit": "claims",
    "amount": "79.99",
    "billing_currency": "USD",
}


@pytest.fixture
def books(bench: FunctionBench, tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    """Books whose address is where the function looks for it, and a filed statement."""
    filed = {
        "business_unit": "claims",
        "total": "79.99",
        "folder": "charge_period=2026-05/",
        "pdf": "a.pdf",
        "csv": "a.csv",
        "sha256sums": "a.SHA256SUMS",
        "pdf_sha256": "ab" * 32,
        "csv_sha256": "cd" * 32,
    }
    bench.work.write_json(run_files.rendered_key(RUN_ID, "claims"), filed)
    with ServiceNowStandIn(tmp_path) as stand_in:
        secret = json.dumps({"base_url": stand_in.url, "credentials": stand_in.credentials})
        boto3.client("secretsmanager").create_secret(Name=VALUES["SERVICENOW_SECRET"], SecretString=secret)
        yield stand_in


def answer_of(bench: FunctionBench) -> dict[str, Any]:
    answer: dict[str, Any] = bench.work.read_json(run_files.posting_key(RUN_ID, "CC-1001"))
    return answer


def test_a_posted_charge_is_in_the_books_and_in_the_run(bench: FunctionBench, books: ServiceNowStandIn) -> None:
    assert bench.invoke("post_charge", ITEM) == {"amount": "79.99"}

    [line] = books.records("fm_expense_line")
    assert (answer_of(bench)["sys_id"], answer_of(bench)["amount"]) == (line["sys_id"], "79.99")
    assert "statement abababababab" in line["short_description"]


def test_a_refused_charge_fails_its_item_and_leaves_the_reason(bench: FunctionBench, books: ServiceNowStandIn) -> None:
    books.fail_next(1, "403", on="POST")

    with pytest.raises(PostingRejected) as refused:
        bench.invoke("post_charge", ITEM)
    assert answer_of(bench) == {
        "cost_center": "CC-1001",
        "error": "PostingForbidden",
        "cause": str(refused.value),
    }


def test_a_charge_posted_at_last_is_no_refusal_any_more(bench: FunctionBench, books: ServiceNowStandIn) -> None:
    books.fail_next(1, "403", on="POST")
    with pytest.raises(PostingRejected):
        bench.invoke("post_charge", ITEM)

    bench.invoke("post_charge", ITEM)
    assert "error" not in answer_of(bench)


@pytest.mark.usefixtures("books")
def test_a_charge_that_the_books_hold_with_another_amount_is_not_posted_any_more(bench: FunctionBench) -> None:
    bench.invoke("post_charge", ITEM)

    with pytest.raises(PostingMismatch):
        bench.invoke("post_charge", ITEM | {"amount": "80.00"})
    assert answer_of(bench)["error"] == "PostingMismatch"


def test_a_warm_function_keeps_its_token_and_a_new_secret_is_taken_at_once(
    bench: FunctionBench, books: ServiceNowStandIn
) -> None:
    for center in ("CC-1001", "CC-1002", "CC-1003"):
        bench.invoke("post_charge", ITEM | {"cost_center": center})
    assert books.requests.count("POST /oauth_token.do") == 1

    secret = json.dumps({"base_url": books.url, "credentials": books.basic_credentials})
    boto3.client("secretsmanager").put_secret_value(SecretId=VALUES["SERVICENOW_SECRET"], SecretString=secret)
    books.expire_tokens()
    bench.invoke("post_charge", ITEM | {"cost_center": "CC-1004"})
    assert books.requests.count("POST /oauth_token.do") == 1
    assert len(books.records("fm_expense_line")) == 4


@pytest.mark.usefixtures("books")
def test_a_secret_that_is_gone_is_the_reason_that_stays_with_the_charge(bench: FunctionBench) -> None:
    boto3.client("secretsmanager").delete_secret(SecretId=VALUES["SERVICENOW_SECRET"], ForceDeleteWithoutRecovery=True)
    with pytest.raises(SecretUnreadable):
        bench.invoke("post_charge", ITEM)

    assert answer_of(bench)["error"] == "SecretUnreadable"
    assert "ResourceNotFoundException" in answer_of(bench)["cause"]


def test_the_function_keeps_no_secret_in_its_answers(bench: FunctionBench, books: ServiceNowStandIn) -> None:
    books.fail_next(4, "401")
    with pytest.raises(Exception, match="fm_expense_line") as refused:
        bench.invoke("post_charge", ITEM)

    assert books.credentials["client_secret"] not in str(refused.value) + json.dumps(answer_of(bench))
