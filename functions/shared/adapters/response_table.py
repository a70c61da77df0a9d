"""What owners said to their statements, in DynamoDB: one item a statement, changed by conditional writes only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from functions.record_response.logic import StatementResponse
from functions.shared.adapters.throttling import refuse_when_busy
from functions.shared.errors import ResponseNotPossible

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class ResponseTable:
    """The responses; every save names the version it replaces, so of two that come at once one is refused."""

    def __init__(self, name: str) -> None:
        self._table: Table = boto3.resource("dynamodb").Table(name)
        refuse_when_busy(self._table.meta.client)

    def load(self, charge_period: str, statement: str) -> StatementResponse | None:
        """How a statement stands, strongly consistent; None before anybody said anything."""
        key = {"charge_period": charge_period, "statement": statement}
        item: dict[str, Any] | None = self._table.get_item(Key=key, ConsistentRead=True).get("Item")
        return StatementResponse.model_validate(item) if item else None

    def of_period(self, charge_period: str) -> list[StatementResponse]:
        """All responses to a period's statements, by business unit and revision."""
        found = self._table.query(KeyConditionExpression=Key("charge_period").eq(charge_period))
        return [StatementResponse.model_validate(item) for item in found["Items"]]

    def save(self, response: StatementResponse) -> None:
        """Writes the next version of an item; raises ResponseNotPossible when somebody else just did."""
        before = response.item_version - 1
        condition: dict[str, Any] = {
            "ConditionExpression": "item_version = :before",
            "ExpressionAttributeValues": {":before": before},
        }
        if before == 0:
            condition = {"ConditionExpression": "attribute_not_exists(charge_period)"}
        try:
            self._table.put_item(Item=response.model_dump(mode="python"), **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise ResponseNotPossible(
                f"somebody responded to the statement of {response.business_unit} at this moment: look, and try again"
            ) from error
