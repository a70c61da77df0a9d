"""A month is posted when the books hold exactly what the ledger says, cost center by cost center and line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest

from functions.check_postings.books import check_books
from functions.check_postings.logic import (
    PostingsChecked,
    RefusedCharge,
    read_answers,
    require_posted,
)
from functions.post_charge.logic import BookedCharge, HeldCharges, PostedCharge
from functions.prepare_statements.totals import CostCenterTotal, RunTotals
from functions.shared import run_files
from functions.shared.errors import (
    ChargesNotPosted,
    DuplicatePosting,
    MissingPosting,
    PostingError,
    PostingMismatch,
    PostingRejected,
    PostingUnauthorized,
    TransientError,
    UnexpectedPosting,
)
from functions.shared.money import parse_money
from local.servicenow.server import ServiceNowStandIn
from tests.unit.function_bench import VALUES, FunctionBench
from tests.unit.run_samples import RUN_ID, policy_of_run
from tests.unit.servicenow_bench import LINES, charge_of

BATCH = charge_of().batch


def totals(**amounts: str) -> RunTotals:
    return RunTotals(
        cost_centers=tuple(
            CostCenterTotal(
                cost_center=center,
                business_unit="claims",
                direct=parse_money(amount),
                shared=Decimal(0),
                by_pool={},
                total=parse_money(amount),
            )
            for center, amount in amounts.items()
        ),
        untagged_ratio="0.0000",
    )


def posted(center: str, amount: str) -> PostedCharge:
    return PostedCharge(cost_center=center, amount=parse_money(amount), table=LINES, key="k", sys_id="s", created=True)


def refused(center: str, error: str = "PostingRejected", cause: str = "no budget") -> RefusedCharge:
    return RefusedCharge(cost_center=center, error=error, cause=cause)


def line(
    center: str, amount: str, *, sys_id: str = "", key: str = "", currency: str = "USD", to: str = ""
) -> BookedCharge:
    """A line of the books; ``to`` is the cost center that it charges."""
    return BookedCharge(key or BATCH.key(center), sys_id or f"id-{center}", Decimal(amount), currency, to or center)


def check(owed: RunTotals, *lines: BookedCharge, hidden: int = 0) -> PostingsChecked:
    return check_books(owed, BATCH, HeldCharges(list(lines), hidden), LINES)


def test_books_that_hold_every_charge_are_counted_and_added_up() -> None:
    checked = check(totals(A="10.00", B="-2.50"), line("A", "10.00"), line("B", "-2.5"))

    assert checked == PostingsChecked(charges=2, total=Decimal("7.50"))


def test_a_cost_center_that_owes_nothing_needs_no_line_and_may_have_none() -> None:
    assert check(totals(A="10.00", B="0.00"), line("A", "10.00")).charges == 1
    with pytest.raises(UnexpectedPosting, match="record id-B"):
        check(totals(A="10.00", B="0.00"), line("A", "10.00"), line("B", "0.00"))


def test_a_month_without_charges_has_no_lines() -> None:
    assert check(totals()) == PostingsChecked(charges=0, total=Decimal("0.00"))


@pytest.mark.parametrize(
    ("lines", "error", "said"),
    [
        (
            [line("A", "10.00")],
            MissingPosting,
            r"10\.00 USD in 1 line for 2026-05 r1, the ledger has 12\.50 in 2 \(-2\.50\): B: 2\.50 is missing",
        ),
        ([], MissingPosting, r"A: 10\.00 is missing; B: 2\.50 is missing"),
        (
            [line("A", "10.00"), line("B", "2.50", sys_id="x"), line("B", "2.50", sys_id="y")],
            DuplicatePosting,
            r"\(\+2\.50\): B: 2\.50 is booked 2 times, as x \(2\.50 USD\) and y \(2\.50 USD\)",
        ),
        (
            [line("A", "10.01"), line("B", "2.50")],
            PostingMismatch,
            r"A: record id-A holds 10\.01 USD, the ledger has 10\.00 USD \(\+0\.01\)",
        ),
        (
            [line("A", "10.00", currency="EUR"), line("B", "2.50")],
            PostingMismatch,
            r"holds 10\.00 EUR, the ledger has 10\.00 USD\.",
        ),
        ([line("A", "10.00"), line("B", "2.505")], PostingMismatch, r"holds 2\.505 USD, .*\(\+0\.005\)"),
        ([line("A", "10.00", to="B"), line("B", "2.50")], PostingMismatch, r"A: record id-A charges 10\.00 USD to 'B'"),
        (
            [line("A", "10.00"), line("B", "2.50"), line("C", "3.00")],
            UnexpectedPosting,
            r"record id-C with key [0-9a-f]{64} holds 3\.00 USD of 'C', which the ledger has not",
        ),
        (
            [line("A", "10.00"), line("B", "2.50", key=BATCH.key("B")[:40])],
            PostingMismatch,
            r"B: 2\.50 is missing; record id-B with key [0-9a-f]{40} holds 2\.50 USD",
        ),
    ],
)
def test_books_that_differ_from_the_ledger_are_refused_line_by_line(
    lines: list[BookedCharge], error: type[PostingMismatch], said: str
) -> None:
    with pytest.raises(PostingMismatch, match=said) as found:
        check(totals(A="10.00", B="2.50"), *lines)
    assert type(found.value) is error
    assert "\n" not in str(found.value)


def test_equal_sums_do_not_hide_that_two_lines_are_exchanged() -> None:
    with pytest.raises(PostingMismatch, match=r"\(\+0\.00\): A: .*holds 2\.50.*; B: .*holds 10\.00"):
        check(totals(A="10.00", B="2.50"), line("A", "2.50"), line("B", "10.00"))


def test_lines_that_the_books_hide_from_us_are_no_proof() -> None:
    with pytest.raises(PostingMismatch, match="1 line hidden from us"):
        check(totals(A="10.00"), line("A", "10.00"), hidden=1)


def test_many_differences_are_counted_and_the_first_are_named() -> None:
    owed = totals(**{f"CC{number:04}": "1.00" for number in range(2000)})

    with pytest.raises(MissingPosting, match=r"CC0000: .*; CC0009: 1\.00 is missing; and 1990 more\. Correct"):
        check(owed)


def test_posted_charges_raise_nothing() -> None:
    require_posted(totals(A="10.00"), [posted("A", "10.00")])


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        ("PostingRejected", PostingRejected),
        ("PostingUnauthorized", PostingUnauthorized),
        ("PostingMismatch", PostingMismatch),
        ("KeyError", PostingError),
        ("InvalidPeriod", PostingError),
    ],
)
def test_a_refused_charge_fails_the_close_by_the_name_of_the_refusal(error: str, raised: type[Exception]) -> None:
    with pytest.raises(PostingError) as failed:
        require_posted(totals(A="1.00", B="2.00"), [posted("A", "1.00"), refused("B", error)])
    assert type(failed.value) is raised
    assert str(failed.value) == "1 of 2 charges are not posted: B: no budget. Run again to resume"


def test_many_refused_charges_are_counted_and_the_first_are_named() -> None:
    centers = [f"CC-{number}" for number in range(5)]

    with pytest.raises(PostingRejected, match=r"^5 of 5 .* CC-0: .*; CC-1: .*; CC-2: no budget; and 2 more\. Run"):
        require_posted(totals(**dict.fromkeys(centers, "1.00")), [refused(center) for center in centers])


def test_only_an_answer_with_an_error_is_a_refusal() -> None:
    answers: list[Any] = [posted("A", "1.00"), refused("B")]

    assert read_answers(answer.model_dump(mode="json") for answer in answers) == answers


def keep(bench: FunctionBench, answer: PostedCharge | RefusedCharge) -> None:
    bench.work.write_json(run_files.posting_key(RUN_ID, answer.cost_center), answer.model_dump(mode="json"))


REQUEST = {"run_id": RUN_ID, "billing_period": "2026-05", "charge_period": "2026-05", "revision": 1}


@pytest.fixture
def books(bench: FunctionBench, tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    """Books, a run that owes two charges and found both posted."""
    with ServiceNowStandIn(tmp_path) as stand_in:
        secret = json.dumps({"base_url": stand_in.url, "credentials": stand_in.credentials, "timeout_seconds": 1})
        boto3.client("secretsmanager").create_secret(Name=VALUES["SERVICENOW_SECRET"], SecretString=secret)
        policy = policy_of_run(organization=BATCH.organization, billing_currency=BATCH.billing_currency)
        bench.work.write_json(run_files.policy_key(RUN_ID), policy.model_dump(mode="json"))
        bench.work.write_json(run_files.totals_key(RUN_ID), totals(A="10.00", B="-2.50").model_dump(mode="json"))
        for center, amount in (("A", "10.00"), ("B", "-2.50")):
            keep(bench, posted(center, amount))
        yield stand_in


def enter(books: ServiceNowStandIn, center: str, amount: str) -> None:
    columns = {"u_chargeback_key": BATCH.key(center), "amount": amount, "u_currency": "USD", "u_cost_center": center}
    books.add_record(LINES, columns)


def test_the_books_are_read_back_and_compared_with_the_ledger(bench: FunctionBench, books: ServiceNowStandIn) -> None:
    enter(books, "A", "10.00")
    enter(books, "B", "-2.50")
    books.add_record(LINES, {"u_chargeback_key": "somebody else's", "amount": "99.00"})

    assert bench.invoke("check_postings", REQUEST) == {"charges": 2, "total": "7.50", "earlier_total": "0.00"}


def test_what_was_answered_is_not_believed_when_the_books_hold_something_else(
    bench: FunctionBench, books: ServiceNowStandIn
) -> None:
    enter(books, "A", "10.01")

    with pytest.raises(PostingMismatch, match=r"10\.01 USD in 1 line .* 7\.50 in 2 \(\+2\.51\): A: .* B: -2\.50 is"):
        bench.invoke("check_postings", REQUEST)


def test_another_revision_has_lines_of_its_own(bench: FunctionBench, books: ServiceNowStandIn) -> None:
    enter(books, "A", "10.00")
    enter(books, "B", "-2.50")

    with pytest.raises(MissingPosting, match=r"0\.00 USD in 0 lines for 2026-05 r2"):
        bench.invoke("check_postings", REQUEST | {"revision": 2})


def close_first_revision(bench: FunctionBench, books: ServiceNowStandIn, *, table: str = LINES) -> None:
    """Revision 1 charged 99.00 and is closed; the run in hand is revision 2, and its lines are in the books."""
    summary = {
        "organization": BATCH.organization,
        "billing_period": "2026-05",
        "booked_in": "2026-05",
        "revision": 1,
        "billing_currency": "USD",
        "postings": [{"cost_center": "A", "amount": "99.00", "table": table, "key": BATCH.key("A")}],
    }
    bench.ledger.write_json(run_files.summary_key("2026-05", 1), summary)
    second = BATCH.model_copy(update={"revision": 2, "billing_period": "2026-06"})
    for center, amount in (("A", "10.00"), ("B", "-2.50")):
        columns = {"amount": amount, "u_currency": "USD", "u_cost_center": center}
        books.add_record(LINES, columns | {"u_chargeback_key": second.key(center)})


RESTATED = REQUEST | {"billing_period": "2026-06", "revision": 2}


def test_a_later_revision_reads_what_it_adjusts_back_as_well(bench: FunctionBench, books: ServiceNowStandIn) -> None:
    close_first_revision(bench, books)
    enter(books, "A", "99.00")

    assert bench.invoke("check_postings", RESTATED) == {"charges": 2, "total": "7.50", "earlier_total": "99.00"}


@pytest.mark.parametrize(
    ("held", "error", "said"),
    [
        ("98.00", PostingMismatch, r"for 2026-05 r1, .* A: record \w+ holds 98\.00 USD, .* 99\.00 USD \(-1\.00\)"),
        (None, MissingPosting, r"for 2026-05 r1, .* A: 99\.00 is missing"),
    ],
)
def test_a_later_revision_is_not_posted_while_a_line_that_it_adjusts_is_another(
    bench: FunctionBench, books: ServiceNowStandIn, held: str | None, error: type[PostingMismatch], said: str
) -> None:
    close_first_revision(bench, books)
    if held:
        enter(books, "A", held)

    with pytest.raises(
        error, match=said + r".*its key in the ledger bucket's periods/2026-05/revision-0001/summary.json"
    ):
        bench.invoke("check_postings", RESTATED)


def test_a_cost_center_that_was_renamed_since_holds_no_later_revision_up(
    bench: FunctionBench, books: ServiceNowStandIn
) -> None:
    close_first_revision(bench, books)
    columns = {"u_chargeback_key": BATCH.key("A"), "amount": "99.00", "u_currency": "USD", "u_cost_center": "A-2027"}
    books.add_record(LINES, columns)

    assert bench.invoke("check_postings", RESTATED)["earlier_total"] == "99.00"


def test_what_was_posted_to_another_table_is_not_looked_for_in_this_one(
    bench: FunctionBench, books: ServiceNowStandIn
) -> None:
    close_first_revision(bench, books, table="u_expenses_of_before")

    assert bench.invoke("check_postings", RESTATED)["earlier_total"] == "0.00"


def test_a_run_without_charges_finds_no_line_and_passes(bench: FunctionBench, books: ServiceNowStandIn) -> None:
    bench.work.write_json(run_files.totals_key(RUN_ID), totals(A="0.00").model_dump(mode="json"))

    assert bench.invoke("check_postings", REQUEST) == {"charges": 0, "total": "0.00", "earlier_total": "0.00"}
    enter(books, "A", "1.00")
    with pytest.raises(UnexpectedPosting):
        bench.invoke("check_postings", REQUEST)


def test_a_refused_charge_is_told_before_the_books_are_asked(bench: FunctionBench, books: ServiceNowStandIn) -> None:
    keep(bench, refused("B"))

    with pytest.raises(PostingRejected, match="B: no budget"):
        bench.invoke("check_postings", REQUEST)
    assert books.requests == []


@pytest.mark.parametrize("error", ["BooksUnavailable", "BooksRateLimited", "SecretsUnavailable"])
def test_what_was_waited_for_with_the_charge_is_not_waited_for_again(
    bench: FunctionBench, books: ServiceNowStandIn, error: str
) -> None:
    """The state tries again what may pass by its name; here nothing can change any more."""
    keep(bench, refused("B", error, "the books are away"))

    with pytest.raises(ChargesNotPosted, match="B: the books are away") as failed:
        bench.invoke("check_postings", REQUEST)
    assert not isinstance(failed.value, TransientError)
    assert books.requests == []


def test_a_charge_that_was_posted_once_and_is_wrong_in_the_books_now_is_not_passed_over(
    bench: FunctionBench, books: ServiceNowStandIn
) -> None:
    enter(books, "A", "10.00")
    enter(books, "B", "-2.50")
    keep(bench, refused("A", "PostingMismatch", "record 7 holds 99.00 USD"))

    with pytest.raises(PostingMismatch, match=r"record 7 holds 99\.00 USD"):
        bench.invoke("check_postings", REQUEST)
