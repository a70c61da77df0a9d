"""A month is posted when the books hold exactly what the ledger says, cost center by cost center."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from functions.check_postings.logic import PostingsChecked, RefusedCharge, check_postings, read_answers
from functions.post_charge.logic import PostedCharge
from functions.prepare_statements.totals import CostCenterTotal, RunTotals
from functions.shared import run_files
from functions.shared.errors import PostingError, PostingMismatch, PostingRejected, PostingUnauthorized
from functions.shared.money import parse_money
from tests.unit.function_bench import FunctionBench
from tests.unit.run_samples import RUN_ID


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
    return PostedCharge(
        cost_center=center, amount=parse_money(amount), table="fm_expense_line", key="k", sys_id="s", created=True
    )


def refused(center: str, error: str = "PostingRejected", cause: str = "no budget") -> RefusedCharge:
    return RefusedCharge(cost_center=center, error=error, cause=cause)


def test_books_that_hold_every_charge_are_counted_and_added_up() -> None:
    checked = check_postings(totals(A="10.00", B="-2.50"), [posted("A", "10.00"), posted("B", "-2.50")])

    assert checked == PostingsChecked(charges=2, total=Decimal("7.50"))


def test_a_cost_center_that_owes_nothing_needs_no_charge() -> None:
    assert check_postings(totals(A="10.00", B="0.00"), [posted("A", "10.00")]).charges == 1


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
        check_postings(totals(A="1.00", B="2.00"), [posted("A", "1.00"), refused("B", error)])
    assert type(failed.value) is raised
    assert str(failed.value) == "1 of 2 charges are not posted: B: no budget. Run again to resume"


def test_many_refused_charges_are_counted_and_the_first_are_named() -> None:
    centers = [f"CC-{number}" for number in range(5)]

    with pytest.raises(PostingRejected, match=r"^5 of 5 .* CC-0: .*; CC-1: .*; CC-2: no budget; and 2 more\. Run"):
        check_postings(totals(**dict.fromkeys(centers, "1.00")), [refused(center) for center in centers])


@pytest.mark.parametrize(
    ("wanted", "held", "said"),
    [
        ({"A": "1.00"}, [], "A: the ledger has 1.00, the books have no charge"),
        ({"A": "1.00"}, [posted("A", "1.01")], "A: the ledger has 1.00, the books have 1.01"),
        ({"A": "1.00"}, [posted("A", "1.00"), posted("B", "3.00")], "B: the ledger has no charge, the books have 3.00"),
    ],
)
def test_books_that_differ_from_the_ledger_are_refused(
    wanted: dict[str, str], held: list[PostedCharge], said: str
) -> None:
    with pytest.raises(PostingMismatch, match=said):
        check_postings(totals(**wanted), held)


def test_only_an_answer_with_an_error_is_a_refusal() -> None:
    answers: list[Any] = [posted("A", "1.00"), refused("B")]

    assert read_answers(answer.model_dump(mode="json") for answer in answers) == answers


def keep(bench: FunctionBench, answer: PostedCharge | RefusedCharge) -> None:
    bench.work.write_json(run_files.posting_key(RUN_ID, answer.cost_center), answer.model_dump(mode="json"))


def test_the_records_of_the_run_are_compared_with_its_totals(bench: FunctionBench) -> None:
    bench.work.write_json(run_files.totals_key(RUN_ID), totals(A="10.00", B="2.50").model_dump(mode="json"))
    keep(bench, posted("A", "10.00"))
    keep(bench, refused("B"))
    with pytest.raises(PostingRejected, match="B: no budget"):
        bench.invoke("check_postings", {"run_id": RUN_ID})

    keep(bench, posted("B", "2.50"))
    assert bench.invoke("check_postings", {"run_id": RUN_ID}) == {"charges": 2, "total": "12.50"}


def test_a_charge_that_was_posted_once_and_is_wrong_in_the_books_now_is_not_passed_over(bench: FunctionBench) -> None:
    bench.work.write_json(run_files.totals_key(RUN_ID), totals(A="10.00").model_dump(mode="json"))
    keep(bench, posted("A", "10.00"))
    keep(bench, refused("A", "PostingMismatch", "record 7 holds 99.00 USD"))

    with pytest.raises(PostingMismatch, match=r"record 7 holds 99\.00 USD"):
        bench.invoke("check_postings", {"run_id": RUN_ID})
