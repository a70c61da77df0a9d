"""The function that keeps an account's ticket lets nobody else at it meanwhile, and leaves in the run what it did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from functions.shared import run_files
from functions.shared.adapters.ticket_claims import PARTITION_KEY, SORT_KEY, TicketClaims
from functions.shared.errors import PostingForbidden, TicketBusy
from local.servicenow.server import ServiceNowStandIn
from tests.unit.function_bench import VALUES, FunctionBench
from tests.unit.run_samples import RUN_ID
from tests.unit.update_ticket.drifting import ACCOUNT, GROUP, RULES, standing

TABLE = VALUES["HYGIENE_TABLE"]


def item(number: int, ratio: str) -> dict[str, Any]:
    account = standing(number, ratio).model_dump(mode="json")
    return {"run_id": RUN_ID, "account": account, "rules": RULES.model_dump(mode="json")}


@pytest.fixture
def books(bench: FunctionBench, tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    """Books with the owner's group, and the table of claims."""
    assert bench.work.bucket == "work"
    boto3.client("dynamodb").create_table(
        TableName=TABLE,
        AttributeDefinitions=[
            {"AttributeName": PARTITION_KEY, "AttributeType": "S"},
            {"AttributeName": SORT_KEY, "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": PARTITION_KEY, "KeyType": "HASH"},
            {"AttributeName": SORT_KEY, "KeyType": "RANGE"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    with ServiceNowStandIn(tmp_path) as stand_in:
        stand_in.add_record("sys_user_group", {"name": GROUP})
        secret = json.dumps({"base_url": stand_in.url, "credentials": stand_in.credentials})
        boto3.client("secretsmanager").create_secret(Name=VALUES["SERVICENOW_SECRET"], SecretString=secret)
        yield stand_in


def outcome_of(bench: FunctionBench) -> dict[str, Any]:
    outcome: dict[str, Any] = bench.work.read_json(run_files.ticket_key(RUN_ID, ACCOUNT))
    return outcome


def test_a_drift_opens_a_ticket_and_a_repeated_run_finds_it(bench: FunctionBench, books: ServiceNowStandIn) -> None:
    assert [bench.invoke("update_ticket", item(0, "0.08")) for _ in range(2)] == [{"act": "open"}, {"act": "leave"}]

    [incident] = books.records("incident")
    assert outcome_of(bench) == {
        "account_id": ACCOUNT,
        "act": "leave",
        "number": incident["number"],
        "status": "open",
        "due_on": "2026-06-15",
    }


def test_an_account_that_another_execution_works_on_is_left_to_it(
    bench: FunctionBench, books: ServiceNowStandIn
) -> None:
    now, lifetime = datetime.now(UTC), timedelta(minutes=5)
    with TicketClaims(TABLE).claimed(ACCOUNT, "another execution", now, lifetime), pytest.raises(TicketBusy):
        bench.invoke("update_ticket", item(0, "0.08"))
    assert books.records("incident") == []
    assert outcome_of(bench)["error"] == "TicketBusy"


def test_a_refusal_stays_with_the_run_until_an_attempt_succeeds(bench: FunctionBench, books: ServiceNowStandIn) -> None:
    books.fail_next(1, "403", on="POST")
    with pytest.raises(PostingForbidden):
        bench.invoke("update_ticket", item(0, "0.08"))
    assert outcome_of(bench)["error"] == "PostingForbidden"

    assert bench.invoke("update_ticket", item(0, "0.08")) == {"act": "open"}
    assert "error" not in outcome_of(bench)
