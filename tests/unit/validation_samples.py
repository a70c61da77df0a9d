"""Small parts of a validation that the tests of its functions share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import boto3

from functions.check_delivery.logic import DeliveryChecked
from functions.check_delivery.schema import SchemaDrift
from functions.shared.adapters.hygiene_table import HygieneTable
from tests.unit.run_samples import MANIFEST_KEY, RUN_ID


def checked(**changes: Any) -> DeliveryChecked:
    """A delivery of May 2026 that is in order, looked at on the 14th."""
    whole = {
        "billing_period": "2026-05",
        "run_id": RUN_ID,
        "day": "2026-05-14",
        "policy_key": "",
        "manifest_key": MANIFEST_KEY,
        "delivered_at": datetime(2026, 5, 14, 4, tzinfo=UTC),
        "age_seconds": 9000,
        "data_files": 1,
        "data_bytes": 1000,
        "fingerprint": "f1",
        "drift": SchemaDrift(added=(), missing=(), retyped={}),
    }
    return DeliveryChecked(**(whole | changes))


def make_hygiene_table() -> HygieneTable:
    """The table of hygiene as it is deployed, in the account of the test."""

    def schema(*keys: str) -> list[dict[str, str]]:
        return [{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=True)]

    kinds = {"account_id": "S", "period_day": "S", "owner": "S", "untagged_cost": "N"}
    indexes = {"worst_offenders": ("period_day", "untagged_cost"), "by_owner": ("owner", "period_day")}
    definition: dict[str, Any] = {
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in kinds.items()],
        "KeySchema": schema("account_id", "period_day"),
        "GlobalSecondaryIndexes": [
            {"IndexName": name, "KeySchema": schema(*keys), "Projection": {"ProjectionType": "ALL"}}
            for name, keys in indexes.items()
        ],
    }
    boto3.client("dynamodb").create_table(TableName="hygiene", BillingMode="PAY_PER_REQUEST", **definition)
    return HygieneTable("hygiene")
