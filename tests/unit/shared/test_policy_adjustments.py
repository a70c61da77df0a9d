"""Adjustments of the policy: what one must say, and that it takes part in its own month only."""

from __future__ import annotations

from typing import Any

import pytest

from functions.shared.compiled_policy import AdjustmentOfRun, PolicyOfRun
from functions.shared.periods import BillingPeriod
from functions.shared.policy import compile_policy
from tests.unit.shared.policy_sample import HEADCOUNT, MAY_2026, compiled, defects, defects_of, load, put

JUNE_ROWS = {"headcount.csv": HEADCOUNT["headcount.csv"] + "2026-06,CC-1001,1\n"}


def adjustment(**changes: object) -> dict[str, Any]:
    return {
        "id": "ADJ-1",
        "billing_period": "2026-05",
        "from_cost_center": "CC-1001",
        "to_cost_center": "CC-9000",
        "amount": "250.5",
        "reason": "The farm was theirs",
        **changes,
    }


def test_an_adjustment_is_a_credit_and_a_charge_of_the_same_amount() -> None:
    policy = compiled(put("adjustments", [adjustment()]))

    assert [row._asdict() for row in policy.policy_adjustments] == [
        {"adjustment_id": "ADJ-1", "cost_center": center, "billing_currency": "USD", "amount": amount}
        for center, amount in (("CC-1001", "-250.50"), ("CC-9000", "250.50"))
    ]


def test_a_policy_without_adjustments_moves_nothing() -> None:
    assert compiled().policy_adjustments == ()
    assert compiled().json_lines()["policy_adjustments"] == ""


def test_an_adjustment_takes_part_in_its_own_month_only() -> None:
    changes = put("adjustments", [adjustment(), adjustment(id="ADJ-2", billing_period="2026-06")])

    assert {row.adjustment_id for row in compiled(changes).policy_adjustments} == {"ADJ-1"}
    june = compiled(changes, period=BillingPeriod(2026, 6), drivers=JUNE_ROWS)
    assert {row.adjustment_id for row in june.policy_adjustments} == {"ADJ-2"}


@pytest.mark.parametrize(
    ("changes", "defect"),
    [
        ({"from_cost_center": "CC-7"}, "adjustments[0].from_cost_center: CC-7 is not a cost center"),
        ({"to_cost_center": "CC-7"}, "adjustments[0].to_cost_center: CC-7 is not a cost center"),
        ({"to_cost_center": "CC-1001"}, "adjustments[0]: moves cost from CC-1001 to itself"),
        ({"amount": "1.005"}, "adjustments[0].amount: 1.005 is not a whole number of cents"),
        ({"amount": "-1"}, "adjustments[0].amount: '-1' is not a plain decimal such as 0.25"),
        ({"amount": 1.5}, 'adjustments[0].amount: 1.5 is a number: write it in quotes, as "1.5"'),
        (
            {"billing_period": "May 2026"},
            "adjustments[0].billing_period: 'May 2026' is not a month of the form YYYY-MM",
        ),
        ({"reason": " "}, "adjustments[0].reason: is empty"),
        (
            {"settles": "claims April"},
            "adjustments[0].settles: 'claims April' does not name a statement by unit, month and revision, "
            "such as claims 2026-05 r1",
        ),
        ({"settles": "sales 2026-04 r1"}, "adjustments[0].settles: sales is not a business unit"),
        (
            {"settles": "claims 2026-05 r1"},
            "adjustments[0].settles: 2026-05 is not before 2026-05, the month of the adjustment",
        ),
    ],
)
def test_what_an_adjustment_must_not_say_is_refused_in_words(changes: dict[str, Any], defect: str) -> None:
    assert defects(put("adjustments", [adjustment(**changes)])) == [defect]


def test_an_adjustment_of_nothing_is_refused() -> None:
    [defect] = defects(put("adjustments", [adjustment(amount="0.00")]))
    assert defect.startswith("adjustments[0].amount: 0.00 moves nothing")


def test_two_adjustments_of_one_id_are_refused() -> None:
    found = defects(put("adjustments", [adjustment(), adjustment(amount="1")]))
    assert found == ["adjustments[1].id: ADJ-1 is also the id of adjustments[0]"]


def test_a_cost_center_that_has_ended_can_neither_pay_nor_be_credited_in_the_month() -> None:
    changes = [
        put("cost_centers.1.valid_to", "2026-05"),
        put("adjustments", [adjustment(billing_period="2026-06", to_cost_center="CC-1002")]),
    ]

    assert compiled(*changes).policy_adjustments == ()
    found = defects_of(lambda: compiled(*changes, period=BillingPeriod(2026, 6), drivers=JUNE_ROWS))
    assert [str(defect) for defect in found] == ["adjustments[0].to_cost_center: CC-1002 is not valid in 2026-06"]


def test_a_run_knows_the_reasons_of_every_month() -> None:
    policy = load(put("adjustments", [adjustment(settles="claims 2026-04 r1"), adjustment(id="ADJ-0", reason="Other")]))
    run = PolicyOfRun.of(policy, compile_policy(policy, MAY_2026))

    assert run.adjustments["ADJ-1"] == AdjustmentOfRun(
        from_cost_center="CC-1001",
        to_cost_center="CC-9000",
        reason="The farm was theirs",
        settles="claims 2026-04 r1",
    )
    assert (run.adjustments["ADJ-0"].reason, run.adjustments["ADJ-0"].settles) == ("Other", "")
