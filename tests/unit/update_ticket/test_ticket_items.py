"""Every account that was measured, or is in the policy, becomes an item with what the policy says of its ticket."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from functions.measure_hygiene.model import Hygiene
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.policy import compile_policy, load_policy
from functions.update_ticket.items import ticket_items
from functions.update_ticket.standing import TicketItem
from tests.unit.shared.policy_sample import HEADCOUNT, MAY_2026, sample

LISTED, UNLISTED = "111122223333", "999900001111"


def with_groups(policy: dict[str, Any]) -> None:
    policy["tags"] |= {"untagged_hysteresis": "0.02", "days_to_fix": 7, "ticket_group": "Cloud FinOps"}
    policy["business_units"][0]["ticket_group"] = "Claims Cloud"


def measured(account_id: str, name: str) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "account_name": name,
        "owner": "",
        "untagged_ratio": "0.0731",
        "untagged_cost": "731.2500000000",
        "taggable_cost": "10000.0000000000",
        "over_threshold": True,
        "coverage": {},
        "resource_coverage": {},
        "services": [],
        "unrecognized": [],
        "costly_untagged": [{"resource_id": "i-1", "service_name": "AmazonEC2", "exact_cost": "700.0000000000"}],
    }


def hygiene() -> Hygiene:
    return Hygiene.model_validate(
        {
            "billing_period": "2026-05",
            "day": "2026-05-20",
            "organization": "Meridian Health",
            "billing_currency": "USD",
            "delivered_at": "2026-05-20T04:00:00Z",
            "age_seconds": 9000,
            "drift": {"added": [], "missing": [], "retyped": {}},
            "untagged_threshold": "0.05",
            "untagged_ratio": "0.0731",
            "untagged_cost": "1462.50",
            "taggable_cost": "20000.00",
            "bill_cost": "30000.00",
            "shared_pool_cost": "3000.00",
            "shared_pool_share": "0.1000",
            "pools": {},
            "business_units": [],
            "accounts": [measured(LISTED, "claims-prod"), measured(UNLISTED, "")],
        }
    )


def test_an_item_has_what_was_measured_and_what_the_policy_asks_for() -> None:
    policy = load_policy(sample(with_groups), HEADCOUNT)
    items = ticket_items("2026-05-run", hygiene(), PolicyOfRun.of(policy, compile_policy(policy, MAY_2026)))

    first, second = (TicketItem.model_validate(item.model_dump(mode="json")) for item in items[:2])
    assert first.run_id == "2026-05-run"
    assert (first.account.account_id, first.account.ticket_group) == (LISTED, "Claims Cloud")
    assert (second.account.account_id, second.account.ticket_group) == (UNLISTED, "Cloud FinOps")
    assert (first.account.day, first.account.billing_period) == (date(2026, 5, 20), "2026-05")
    assert (first.account.owner_tag, first.account.untagged_cost) == ("cost-center", Decimal("731.25"))
    assert [(one.resource_id, one.cost) for one in first.account.untagged_resources] == [("i-1", Decimal(700))]
    rules = first.rules
    assert (rules.threshold, rules.hysteresis) == (Decimal("0.05"), Decimal("0.02"))
    assert (rules.days_to_fix, rules.reopen_days) == (7, 30)


def test_an_account_of_the_policy_in_which_nothing_was_used_is_looked_at_all_the_same() -> None:
    policy = load_policy(sample(with_groups), HEADCOUNT)
    listed = {account.id: account.name for account in policy.document.accounts}
    items = ticket_items("2026-05-run", hygiene(), PolicyOfRun.of(policy, compile_policy(policy, MAY_2026)))

    unused = {item.account.account_id: item.account.account_name for item in items if item.account.is_unused}
    assert unused == {account: name for account, name in listed.items() if account != LISTED}
    assert len(items) == len({item.account.account_id for item in items}) == len(listed) + 1
