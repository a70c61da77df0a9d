"""The cost category says of every line who owns it by tag or account, as the policy does."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from functions.shared.adapters.policy_source import PolicySource
from functions.shared.periods import BillingPeriod
from functions.shared.policy import CompiledPolicy, compile_policy, load_policy
from functions.shared.policy.model import PolicyDocument
from infra.constructs.category_rules import MOST_RULES, SHARED, CategoryRefused, category_rules
from local.assembly import ROOT
from tests.infra.stacks import Stacks

Rule = dict[str, Any]
SOURCE = PolicySource.from_folder(ROOT / "policy" / "meridian.yaml")
POLICY = load_policy(SOURCE.text, SOURCE.drivers)
COMPILED = compile_policy(POLICY, BillingPeriod(2026, 5))


def category_of(rules: list[Rule], account: str, tag: str | None) -> str:
    """The category's value of a line: of the first rule that matches."""
    return next((rule["Value"] for rule in rules if _matches(rule["Rule"], account, tag)), SHARED)


def _matches(expression: Rule, account: str, tag: str | None) -> bool:
    [(kind, body)] = expression.items()
    if kind == "And":
        return all(_matches(part, account, tag) for part in body)
    if kind == "Dimensions":
        assert body["Key"] == "LINKED_ACCOUNT"
        return account in body["Values"]
    assert kind == "Tags"
    assert body["Key"] == POLICY.document.tags.owner
    return tag is None if body["MatchOptions"] == ["ABSENT"] else tag in body["Values"]


def owner_of(policy: CompiledPolicy, account: str, tag: str | None) -> str:
    """The business unit of whom the policy takes for the owner of a line; nobody's are shared."""
    units = {center.cost_center: center.business_unit for center in policy.policy_cost_centers}
    if tag is None:
        of_accounts = {row.sub_account_id: row.cost_center for row in policy.policy_accounts}
        return units.get(of_accounts.get(account, ""), SHARED)
    centers = {row.tag_value: row.cost_center for row in policy.policy_owner_values}
    return units.get(centers.get(tag.lower(), ""), SHARED)


def changed(**blocks: Any) -> PolicyDocument:
    return PolicyDocument.model_validate(yaml.safe_load(SOURCE.text) | blocks)


def test_the_category_is_made_of_the_ratified_policy(stacks: Stacks) -> None:
    [category] = stacks.of("AWS::CE::CostCategory").values()
    assert json.loads(category.properties["Rules"]) == category_rules(POLICY.document)
    assert category.properties["RuleVersion"] == "CostCategoryExpression.v1"
    assert category.properties["DefaultValue"] == SHARED


def test_a_line_is_whose_the_policy_says_by_tag_or_account() -> None:
    rules = category_rules(POLICY.document)
    accounts = [account.id for account in POLICY.document.accounts]
    spellings = [row for center in POLICY.document.cost_centers for row in (center.id, *center.aliases)]
    ended = {center.id for center in POLICY.document.cost_centers if not center.valid_in("2026-05")}
    tags = [None, "CC-0000", *(form for text in spellings for form in (text, text.lower(), text.upper()))]
    compared = [(a, tag) for a in accounts for tag in tags if tag is None or tag.upper() not in ended]
    assert len(compared) > 5_000
    assert not [line for line in compared if category_of(rules, *line) != owner_of(COMPILED, *line)]


def test_a_tag_that_is_there_and_unknown_is_not_the_accounts(stacks: Stacks) -> None:
    [category] = stacks.of("AWS::CE::CostCategory").values()
    rules = json.loads(category.properties["Rules"])
    vouching = next(account for account in POLICY.document.accounts if account.cost_center)
    assert category_of(rules, vouching.id, None) != SHARED
    assert category_of(rules, vouching.id, "misspelt") == SHARED


def test_a_cost_center_that_has_ended_stays_with_its_last_business_unit() -> None:
    centers = [
        {"id": "CC-1", "name": "one", "business_unit": "claims", "valid_from": "2026-03"},
        {"id": "CC-1", "name": "one", "business_unit": "sales-marketing", "valid_to": "2026-02"},
        {"id": "CC-2", "name": "two", "business_unit": "finance", "valid_to": "2025-12"},
    ]
    rules = category_rules(changed(cost_centers=centers, accounts=[]))
    assert [category_of(rules, "410010010101", tag) for tag in ("CC-1", "CC-2")] == ["claims", "finance"]


def test_every_value_is_a_business_unit_of_the_policy() -> None:
    units = {unit.id for unit in POLICY.document.business_units}
    assert {rule["Value"] for rule in category_rules(POLICY.document)} == units


@pytest.mark.parametrize("unit", ["x" * 51, "claims & more", "a.b"])
def test_a_business_unit_that_cannot_be_a_value_is_refused(unit: str) -> None:
    centers = [{"id": "CC-1", "name": "one", "business_unit": unit}]
    with pytest.raises(CategoryRefused, match="as a cost category its id has at most 50 characters"):
        category_rules(changed(business_units=[{"id": unit, "name": "n"}], cost_centers=centers, accounts=[]))


def test_more_rules_than_aws_takes_are_refused() -> None:
    def policy_of(units: int) -> PolicyDocument:
        names = [f"unit-{number}" for number in range(units)]
        centers = [{"id": f"CC-{name}", "name": name, "business_unit": name} for name in names]
        return changed(business_units=[{"id": n, "name": n} for n in names], cost_centers=centers, accounts=[])

    assert len(category_rules(policy_of(MOST_RULES))) == MOST_RULES
    with pytest.raises(CategoryRefused, match="1 to 500 rules, the policy makes 501"):
        category_rules(policy_of(MOST_RULES + 1))
