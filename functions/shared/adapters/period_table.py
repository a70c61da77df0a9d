"""The periods in DynamoDB: one item a month, changed by conditional writes only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from functions.shared.adapters.throttling import refuse_when_busy
from functions.shared.errors import PeriodLocked
from functions.shared.period_state import PeriodRecord

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class PeriodTable:
    """The period records; every save names the version it replaces, so of two writers one is refused."""

    def __init__(self, name: str) -> None:
        self._table: Table = boto3.resource("dynamodb").Table(name)
        refuse_when_busy(self._table.meta.client)

    def load(self, billing_period: str) -> PeriodRecord | None:
        """The record of a month, strongly consistent; None when the month was never begun."""
        item: dict[str, Any] | None = self._table.get_item(
            Key={"billing_period": billing_period}, ConsistentRead=True
        ).get("Item")
        return PeriodRecord.model_validate(item) if item else None

    def all(self) -> list[PeriodRecord]:
        """Every month that was ever begun, oldest first."""
        items = self._table.scan(ConsistentRead=True)["Items"]
        return sorted((PeriodRecord.model_validate(item) for item in items), key=lambda record: record.billing_period)

    def save(self, record: PeriodRecord, *, replaces: PeriodRecord | None) -> None:
        """Writes a record; raises PeriodLocked when another execution wrote in between."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(billing_period)"}
        if replaces is not None:
            condition = {
                "ConditionExpression": "item_version = :version",
                "ExpressionAttributeValues": {":version": replaces.item_version},
            }
        try:
            self._table.put_item(Item=record.model_dump(mode="python", exclude_none=True), **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise PeriodLocked(f"{record.billing_period}: another execution took the period at this moment") from error
