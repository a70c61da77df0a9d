"""The policy's owners of cost as the rules of a cost category."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from functions.shared.policy.model import CostCenter, PolicyDocument

MOST_RULES = 500
LONGEST_VALUE = 50
SHARED = "shared or unowned"
"""Where everything goes that has no owner by tag or account."""

# Letters, digits, spaces, hyphens and underscores; no space at either end.
_ALLOWED = re.compile(r"(?! )[\w -]+(?<! )")


class CategoryRefused(Exception):
    """Cost Explorer would not take the category; the message says what in the policy to change."""


def category_rules(policy: PolicyDocument) -> list[dict[str, Any]]:
    """The rules in the order of owner resolution: first the tag, then, for what carries none, the account.

    A cost center that moved belongs to the business unit it is in last; one that has ended keeps its own, since
    categories know no months. Raises CategoryRefused when AWS would not take them.
    """
    unit_of = {center.id: center.business_unit for center in sorted(policy.cost_centers, key=_valid_until)}
    spellings: dict[str, list[str]] = {unit.id: [] for unit in policy.business_units}
    for center in policy.cost_centers:
        spellings[unit_of[center.id]] += _spellings(center)
    accounts: dict[str, list[str]] = {unit.id: [] for unit in policy.business_units}
    for account in policy.accounts:
        if account.cost_center:
            accounts[unit_of[account.cost_center]].append(account.id)
    key = policy.tags.owner
    untagged = {"Tags": {"Key": key, "MatchOptions": ["ABSENT"]}}
    rules = [
        _rule(unit, {"Tags": {"Key": key, "Values": list(dict.fromkeys(values)), "MatchOptions": ["EQUALS"]}})
        for unit, values in spellings.items()
        if values
    ]
    rules += [
        _rule(unit, {"And": [{"Dimensions": {"Key": "LINKED_ACCOUNT", "Values": ids}}, untagged]})
        for unit, ids in accounts.items()
        if ids
    ]
    _require_acceptable(rules)
    return rules


def _valid_until(center: CostCenter) -> tuple[bool, str]:
    """Orders declarations of a cost center by the month they end in; one without an end is the last."""
    return center.valid_to is None, center.valid_to or ""


def _spellings(center: CostCenter) -> list[str]:
    """The owner tag's values that mean the cost center; Cost Explorer, unlike the fold, tells upper from lower case."""
    return [form for text in (center.id, *center.aliases) for form in (text, text.lower(), text.upper())]


def _rule(business_unit: str, expression: dict[str, Any]) -> dict[str, Any]:
    return {"Type": "REGULAR", "Value": business_unit, "Rule": expression}


def _require_acceptable(rules: Iterable[dict[str, Any]]) -> None:
    values = [rule["Value"] for rule in rules]
    if not 1 <= len(values) <= MOST_RULES:
        raise CategoryRefused(f"a cost category has 1 to {MOST_RULES} rules, the policy makes {len(values)}")
    for value in values:
        if len(value) > LONGEST_VALUE or not _ALLOWED.fullmatch(value):
            raise CategoryRefused(
                f"business unit {value}: as a cost category its id has at most {LONGEST_VALUE} characters, and only "
                "letters, digits, spaces, - and _"
            )
