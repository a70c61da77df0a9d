"""The ticket of an account goes to those who can mend its tags."""

from __future__ import annotations

from typing import Any

import pytest

from functions.shared.periods import BillingPeriod
from functions.shared.policy import load_policy
from functions.shared.policy.ticket_groups import all_ticket_groups, ticket_group
from tests.unit.shared.policy_sample import HEADCOUNT, MAY_2026, sample

OWNED, SHARED, UNKNOWN = "111122223333", "222233334444", "999900001111"


def group(account: str, *changes: Any, period: BillingPeriod = MAY_2026) -> str:
    return ticket_group(load_policy(sample(*changes), HEADCOUNT).document, account, period)


def everybody(policy: dict[str, Any]) -> None:
    policy["tags"]["ticket_group"] = "Cloud FinOps"


def claims(policy: dict[str, Any]) -> None:
    policy["business_units"][0]["ticket_group"] = "Claims Cloud"


def sandbox(policy: dict[str, Any]) -> None:
    policy["accounts"][1]["ticket_group"] = "Sandbox Wardens"


def moved(policy: dict[str, Any]) -> None:
    policy["business_units"][1]["ticket_group"] = "Finance Cloud"
    center = policy["cost_centers"][0] | {"business_unit": "finance", "valid_from": "2026-06"}
    policy["cost_centers"][0]["valid_to"] = "2026-05"
    policy["cost_centers"].append(center)


def test_a_policy_without_groups_leaves_the_choice_to_the_books() -> None:
    assert group(OWNED) == ""


@pytest.mark.parametrize(
    ("account", "expected"), [(OWNED, "Claims Cloud"), (SHARED, "Sandbox Wardens"), (UNKNOWN, "Cloud FinOps")]
)
def test_the_group_is_the_accounts_then_its_business_units_then_everybodys(account: str, expected: str) -> None:
    assert group(account, everybody, claims, sandbox) == expected


def test_an_account_without_cost_center_is_everybodys() -> None:
    assert group(SHARED, everybody, claims) == "Cloud FinOps"


def test_a_cost_center_that_moves_takes_its_accounts_tickets_along() -> None:
    assert group(OWNED, claims, moved) == "Claims Cloud"
    assert group(OWNED, claims, moved, period=BillingPeriod(2026, 6)) == "Finance Cloud"


@pytest.mark.parametrize(("key", "value"), [("days_to_fix", 0), ("untagged_hysteresis", 0.01), ("ticket_group", " ")])
def test_a_setting_of_tickets_that_cannot_be_right_is_named(key: str, value: object) -> None:
    with pytest.raises(Exception, match=rf"tags\.{key}"):
        group(OWNED, lambda policy: policy["tags"].update({key: value}))


def test_every_group_that_is_named_is_listed_once() -> None:
    document = load_policy(sample(everybody, claims, sandbox), HEADCOUNT).document
    assert all_ticket_groups(document) == {"Cloud FinOps", "Claims Cloud", "Sandbox Wardens"}
