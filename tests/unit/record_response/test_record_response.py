"""An owner accepts or disputes a statement; every word is kept, and no ledger is ever touched."""

from __future__ import annotations

from typing import Any

import pytest

from functions.shared.adapters.response_table import ResponseTable
from functions.shared.errors import InvalidRequest, ResponseNotPossible, StatementNotFound
from tests.unit.function_bench import FunctionBench

SUMMARY = {"statements": [{"business_unit": "claims", "total": "518180.00"}]}
REASON = "the EKS share counts pods of pharmacy"


@pytest.fixture
def closed(bench: FunctionBench) -> FunctionBench:
    bench.ledger.write_json("periods/2026-05/revision-0001/summary.json", SUMMARY)
    return bench


def say(bench: FunctionBench, response: str, **changes: Any) -> dict[str, Any]:
    given = {
        "charge_period": "2026-05",
        "revision": 1,
        "business_unit": "claims",
        "response": response,
        "by": "gm.claims",
        **changes,
    }
    return bench.invoke("record_response", given)


def test_a_statement_is_accepted_with_its_total_by_whom_and_when(closed: FunctionBench) -> None:
    accepted = say(closed, "accept")

    assert (accepted["status"], accepted["total"]) == ("ACCEPTED", "518180.00")
    [said] = accepted["said"]
    assert said["by"] == "gm.claims"
    assert said["at"]


def test_a_dispute_is_settled_by_an_adjustment_and_everything_said_is_kept(closed: FunctionBench) -> None:
    say(closed, "dispute", reason=REASON)
    settled = say(closed, "settle", by="finops", reason="granted", adjustment="2026-06-claims-eks")

    [kept] = ResponseTable("responses").of_period("2026-05")
    assert kept.model_dump(mode="json") == settled
    assert [(word.response, word.by, word.reason) for word in kept.said] == [
        ("dispute", "gm.claims", REASON),
        ("settle", "finops", "granted"),
    ]
    assert kept.said[1].adjustment == "2026-06-claims-eks"


def test_a_dispute_can_be_withdrawn_by_accepting(closed: FunctionBench) -> None:
    say(closed, "dispute", reason=REASON)

    assert say(closed, "accept")["status"] == "ACCEPTED"


@pytest.mark.parametrize("response", ["dispute", "settle"])
def test_a_dispute_and_its_settlement_say_why(closed: FunctionBench, response: str) -> None:
    with pytest.raises(InvalidRequest, match="needs a reason"):
        say(closed, response)


def test_only_a_settlement_names_an_adjustment(closed: FunctionBench) -> None:
    with pytest.raises(InvalidRequest, match="only a settlement"):
        say(closed, "dispute", reason=REASON, adjustment="2026-06-claims-eks")


def test_what_is_settled_stays_settled_and_what_is_not_disputed_is_not_settled(closed: FunctionBench) -> None:
    with pytest.raises(ResponseNotPossible, match=r"is AWAITED: .*possible: accept, dispute"):
        say(closed, "settle", reason="granted")
    say(closed, "dispute", reason=REASON)
    say(closed, "settle", reason="not granted")
    with pytest.raises(ResponseNotPossible, match=r"is SETTLED: .*possible: nothing"):
        say(closed, "accept")


def test_a_statement_that_was_not_filed_has_no_owner_to_respond(closed: FunctionBench) -> None:
    with pytest.raises(StatementNotFound, match=r"no statement of 'pharmacy' \(it has claims\)"):
        say(closed, "accept", business_unit="pharmacy")
    with pytest.raises(StatementNotFound, match="the revision is not closed"):
        say(closed, "accept", revision=2)


def test_of_two_responses_that_come_at_once_one_is_refused(closed: FunctionBench) -> None:
    say(closed, "dispute", reason=REASON)
    table = ResponseTable("responses")
    [standing] = table.of_period("2026-05")

    with pytest.raises(ResponseNotPossible, match="at this moment"):
        table.save(standing)
