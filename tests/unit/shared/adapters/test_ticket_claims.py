"""Of two executions that come at the same moment, one works on an account's ticket."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from functions.shared.adapters.ticket_claims import PARTITION_KEY, SORT_KEY, TicketClaims
from functions.shared.errors import TicketBusy

NOON = datetime(2026, 6, 4, 12, tzinfo=UTC)
LIFETIME = timedelta(minutes=5)
ACCOUNT, OTHER = "410010010101", "410010010102"


@pytest.fixture
def claims() -> Iterator[TicketClaims]:
    with mock_aws():
        keys = ((PARTITION_KEY, "HASH"), (SORT_KEY, "RANGE"))
        boto3.client("dynamodb").create_table(
            TableName="tag_hygiene",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],  # type: ignore[typeddict-item]
            BillingMode="PAY_PER_REQUEST",
        )
        yield TicketClaims("tag_hygiene")


def holder() -> str:
    """Who has claimed the account's ticket last."""
    [item] = boto3.client("dynamodb").scan(TableName="tag_hygiene")["Items"]
    return str(item["claimed_by"]["S"])


def test_a_second_execution_is_told_to_come_back_and_others_accounts_are_free(claims: TicketClaims) -> None:
    with claims.claimed(ACCOUNT, "first", NOON, LIFETIME):
        with (
            pytest.raises(TicketBusy, match="410010010101: another execution"),
            claims.claimed(ACCOUNT, "second", NOON, LIFETIME),
        ):
            raise AssertionError("both work on one ticket")
        with claims.claimed(OTHER, "second", NOON, LIFETIME):
            pass
    with claims.claimed(ACCOUNT, "second", NOON, LIFETIME):
        pass


def test_a_claim_is_given_back_when_the_books_refuse(claims: TicketClaims) -> None:
    with pytest.raises(ValueError, match="refused"), claims.claimed(ACCOUNT, "first", NOON, LIFETIME):
        raise ValueError("refused")
    with claims.claimed(ACCOUNT, "second", NOON, LIFETIME):
        assert holder() == "second"


def test_the_claim_of_an_execution_that_died_ends_when_it_cannot_be_alive_any_more(claims: TicketClaims) -> None:
    dead = claims.claimed(ACCOUNT, "dead", NOON, LIFETIME)
    dead.__enter__()

    with (
        pytest.raises(TicketBusy),
        claims.claimed(ACCOUNT, "next", NOON + LIFETIME, LIFETIME),
    ):
        raise AssertionError("the first may be alive still")
    with claims.claimed(ACCOUNT, "next", NOON + LIFETIME + timedelta(seconds=2), LIFETIME):
        dead.__exit__(None, None, None)
        assert holder() == "next", "it does not take the claim of the next with it"
