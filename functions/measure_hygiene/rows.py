"""The rows of the validation queries (sql/validation), typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from functions.shared.money import ExactAmount


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UntaggedCost(_Row):
    """One row of v020_untagged_cost: an account's taggable usage of one service."""

    sub_account_id: str
    service_name: str
    taggable_cost: ExactAmount
    untagged_cost: ExactAmount
    resources: int
    untagged_resources: int


class TagCoverage(_Row):
    """One row of v030_tag_coverage; ``tag_position`` counts the mandatory tags from 1."""

    sub_account_id: str
    tag_position: int
    taggable_cost: ExactAmount
    tagged_cost: ExactAmount
    resources: int
    tagged_resources: int


class OwnerTagValue(_Row):
    """One row of v040_owner_tag_values."""

    sub_account_id: str
    owner_tag: str
    exact_cost: ExactAmount
    resources: int


class CostlyUntagged(_Row):
    """One row of v050_costly_untagged; the most costly has rank 1."""

    sub_account_id: str
    cost_rank: int
    resource_id: str
    service_name: str
    exact_cost: ExactAmount


class OwnerCost(_Row):
    """One row of v060_owner_costs; ``owner_kind`` is cost_center or pool."""

    owner_kind: str
    owner_id: str
    exact_cost: ExactAmount


class Measures(NamedTuple):
    """All rows of one validation."""

    untagged: list[UntaggedCost]
    coverage: list[TagCoverage]
    owner_values: list[OwnerTagValue]
    costly: list[CostlyUntagged]
    owners: list[OwnerCost]


def read_measures(rows: Mapping[str, Iterable[Mapping[str, str]]]) -> Measures:
    """Rows of text by statement, as Athena gives them, typed."""
    return Measures(
        untagged=[UntaggedCost.model_validate(row) for row in rows["v020_untagged_cost"]],
        coverage=[TagCoverage.model_validate(row) for row in rows["v030_tag_coverage"]],
        owner_values=[OwnerTagValue.model_validate(row) for row in rows["v040_owner_tag_values"]],
        costly=[CostlyUntagged.model_validate(row) for row in rows["v050_costly_untagged"]],
        owners=[OwnerCost.model_validate(row) for row in rows["v060_owner_costs"]],
    )
