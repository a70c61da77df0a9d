"""The rows of the statement queries (sql/statements), typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from functions.shared.money import Cents, ExactAmount, total


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LedgerEntry(_Row):
    """One row of s010_ledger_entries: one entry of the ledger."""

    entry_id: str
    billing_period: str
    charge_period: str
    revision: int
    billing_account_id: str
    invoice_id: str
    billing_currency: str
    business_unit: str
    cost_center: str
    allocation_method: Literal["direct", "shared"]
    pool_id: str
    rule_id: str
    sub_account_id: str
    service_name: str
    charge_class: str
    exact_cost: ExactAmount
    cost: Cents
    line_count: int


class PoolShareRow(_Row):
    """One row of s020_pool_shares; weights are integers of 10^-6 units."""

    pool_id: str
    cost_center: str
    split_method: Literal["proportional", "even", "fixed", "driver"]
    pool_cost: Cents
    weight: ExactAmount
    total_weight: ExactAmount
    share: Cents


class TopResource(_Row):
    """One row of s030_top_resources."""

    cost_center: str
    resource_id: str
    sub_account_id: str
    service_name: str
    exact_cost: ExactAmount


class EarlierMonth(_Row):
    """One row of s040_earlier_months."""

    charge_period: str
    business_unit: str
    cost_center: str
    direct_cost: Cents
    shared_cost: Cents

    @property
    def total(self) -> Decimal:
        """Direct and shared cost."""
        return total([self.direct_cost, self.shared_cost])


class UntaggedCost(_Row):
    """The row of s050_untagged_cost."""

    taggable_cost: ExactAmount
    untagged_cost: ExactAmount
    charge_count: int


class UnrecognizedTagRow(_Row):
    """One row of s060_unrecognized_tags."""

    owner_tag: str
    exact_cost: ExactAmount
    line_count: int
    accounts: int


class StatementRows(NamedTuple):
    """Everything the statement queries answered."""

    entries: list[LedgerEntry]
    pool_shares: list[PoolShareRow]
    top_resources: list[TopResource]
    earlier_months: list[EarlierMonth]
    untagged_cost: UntaggedCost
    unrecognized_tags: list[UnrecognizedTagRow]


def read_statement_rows(
    entries: Iterable[Mapping[str, str]],
    pool_shares: Iterable[Mapping[str, str]],
    top_resources: Iterable[Mapping[str, str]],
    earlier_months: Iterable[Mapping[str, str]],
    untagged_cost: Iterable[Mapping[str, str]],
    unrecognized_tags: Iterable[Mapping[str, str]] = (),
) -> StatementRows:
    """Types the rows of the queries; that of the untagged cost answers with exactly one row."""
    [untagged] = untagged_cost
    return StatementRows(
        entries=[LedgerEntry.model_validate(row) for row in entries],
        pool_shares=[PoolShareRow.model_validate(row) for row in pool_shares],
        top_resources=[TopResource.model_validate(row) for row in top_resources],
        earlier_months=[EarlierMonth.model_validate(row) for row in earlier_months],
        untagged_cost=UntaggedCost.model_validate(untagged),
        unrecognized_tags=[UnrecognizedTagRow.model_validate(row) for row in unrecognized_tags],
    )
