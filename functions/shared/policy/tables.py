"""The tables a compiled policy is made of: one row class per table, joined in SQL to the fold of the bill."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple, get_type_hints


class ClassRow(NamedTuple):
    """Where a charge class goes. ``target_kind`` is cost_center, pool or owner; ``target_id`` is "" for owner."""

    charge_class: str
    target_kind: str
    target_id: str


class RuleRow(NamedTuple):
    """A rule; ``rule_order`` counts from 1 in file order, ``key_count`` says how many match keys must all hold."""

    rule_order: int
    rule_id: str
    target_kind: str
    target_id: str
    key_count: int


class RuleTermRow(NamedTuple):
    """One value of one match key of a rule.

    ``match_key`` is account, service, line_item_type, operation, charge_class, usage_type_prefix or ``tag:KEY``;
    ``tag_position`` is the tag's place in ``CompiledPolicy.policy_tags`` counted from 1, and 0 for the other keys;
    ``match_value`` of a tag is normalised.
    """

    rule_order: int
    match_key: str
    tag_position: int
    match_value: str


class OwnerValueRow(NamedTuple):
    """A normalised owner tag value and the one cost center that it means in the period."""

    tag_value: str
    cost_center: str


class AccountRow(NamedTuple):
    """A member account; ``cost_center`` is its default owner in the period, "" when it has none."""

    sub_account_id: str
    sub_account_name: str
    cost_center: str


class CostCenterRow(NamedTuple):
    """A cost center valid in the period, with the business unit that receives its statement."""

    cost_center: str
    cost_center_name: str
    business_unit: str
    business_unit_name: str


class PoolRow(NamedTuple):
    """A pool; pools of a lower ``pool_level`` are split before those of a higher one."""

    pool_id: str
    pool_name: str
    pool_level: int
    split_method: str


class PoolRecipientRow(NamedTuple):
    """Who can receive a share of a pool.

    ``weight_micros`` is the weight times 1,000,000 as integer text, rounded half away from zero; "" for proportional
    pools, whose weights are the bill's direct amounts. ``recipient_kind`` is cost_center or pool.
    """

    pool_id: str
    recipient_kind: str
    recipient_id: str
    weight_micros: str


class AdjustmentRow(NamedTuple):
    """One of the two sides of an adjustment; ``amount`` is decimal text in cents, negative where cost is taken away."""

    adjustment_id: str
    cost_center: str
    billing_currency: str
    amount: str


ROW_TYPES: dict[str, type[Any]] = {
    "policy_classes": ClassRow,
    "policy_rules": RuleRow,
    "policy_rule_terms": RuleTermRow,
    "policy_owner_values": OwnerValueRow,
    "policy_accounts": AccountRow,
    "policy_cost_centers": CostCenterRow,
    "policy_pools": PoolRow,
    "policy_pool_recipients": PoolRecipientRow,
    "policy_adjustments": AdjustmentRow,
}
"""Table name → the class of its rows."""

_GLUE_TYPES = {str: "string", int: "int"}


def table_columns(table: str) -> dict[str, str]:
    """The columns of a compiled table in order, with their Glue types: string or int."""
    return {column: _GLUE_TYPES[kind] for column, kind in get_type_hints(ROW_TYPES[table]).items()}


def json_lines(rows: Iterable[Any]) -> str:
    """Rows as JSON lines, one object a line, each line ended; ``""`` for no rows."""
    return "".join(json.dumps(row._asdict(), ensure_ascii=False) + "\n" for row in rows)
