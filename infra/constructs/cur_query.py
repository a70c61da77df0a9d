"""What is asked of the Cost and Usage Report 2.0: which columns, and which lines."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from functions.shared.policy.tags import tag_column_suffix

COLUMNS = Path(__file__).resolve().parents[2] / "sql" / "contracts" / "cur2_columns.csv"
TABLE = "COST_AND_USAGE_REPORT"
LONGEST_QUERY = 36_000

LEFT_OUT = {
    "who used a resource: statements are about cost centers, not about people": (
        "line_item_iam_principal",
        "line_item_user_identifier",
    ),
    "filled only with the capacity reservation data, which the export does not ask for": (
        "capacity_reservation_capacity_reservation_arn",
        "capacity_reservation_capacity_reservation_status",
        "capacity_reservation_capacity_reservation_type",
    ),
    "resource_tags again, with the tags of accounts and users": ("tags",),
    "averages over the organisation, which nobody is billed": ("line_item_blended_cost", "line_item_blended_rate"),
    "AWS's price list has it under product_sku": (
        "product",
        "product_comment",
        "product_fee_code",
        "product_fee_description",
        "product_from_location",
        "product_from_location_type",
        "product_from_region_code",
        "product_instance_family",
        "product_instancesku",
        "product_location",
        "product_location_type",
        "product_operation",
        "product_pricing_unit",
        "product_to_location",
        "product_to_location_type",
        "product_to_region_code",
        "product_usagetype",
    ),
}
"""Columns of CUR 2.0 that are not exported. The others are what the SQL reads, and what re-derives a number of it."""

TABLE_CONFIGURATION = {
    "TIME_GRANULARITY": "HOURLY",
    "INCLUDE_RESOURCES": "TRUE",
    "INCLUDE_SPLIT_COST_ALLOCATION_DATA": "TRUE",
    "INCLUDE_MANUAL_DISCOUNT_COMPATIBILITY": "FALSE",
}
"""AWS never changes these of an export that there is: another value makes a new export."""


class ExportRefused(Exception):
    """Data Exports would not take the export; the message says what to change."""


def exported_columns() -> list[str]:
    """The columns of CUR 2.0 that are exported, in the contract's order."""
    with COLUMNS.open(encoding="utf-8", newline="") as file:
        columns = [row["name"] for row in csv.DictReader(file)]
    left_out = {column for group in LEFT_OUT.values() for column in group}
    return [column for column in columns if column not in left_out]


def export_query(flattened_tags: Sequence[str]) -> str:
    """The export's SQL; a flattened tag is a column as the Glue table and the fold name it.

    Raises ExportRefused for two tag keys that AWS spells the same, and for a query longer than AWS takes.
    """
    by_column: dict[str, str] = {}
    for key in flattened_tags:
        other = by_column.setdefault(tag_column_suffix(key), key)
        if other != key:
            raise ExportRefused(
                f"more_flattened_tags: {key} and {other} are both user_{tag_column_suffix(key)} in the export"
            )
    tags = [f"resource_tags.user_{column} AS tag_{column}" for column in by_column]
    query = " ".join(("SELECT", ", ".join([*exported_columns(), *tags]), "FROM", TABLE))
    if len(query) > LONGEST_QUERY:
        raise ExportRefused(
            f"the export's query has {len(query)} characters, AWS takes {LONGEST_QUERY}: flatten less tags"
        )
    return query
