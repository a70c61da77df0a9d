"""Tag hygiene in DynamoDB: one item an account, month and day; writing one again replaces it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.conditions import Key

from functions.record_hygiene.logic import HygieneRecord, UnitRecord, unit_key
from functions.shared.adapters.throttling import refuse_when_busy
from functions.shared.periods import BillingPeriod

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

WORST_FIRST = "worst_offenders"
BY_OWNER = "by_owner"


class HygieneTable:
    """The records by account; through indexes also the worst of a day, and an owner's."""

    def __init__(self, name: str) -> None:
        self._table: Table = boto3.resource("dynamodb").Table(name)
        refuse_when_busy(self._table.meta.client)

    def put(self, record: HygieneRecord) -> None:
        """Writes a record; an account without an owner is in no owner's index."""
        # The index ranks by the amount: as text, 9 would stand above 10, and DynamoDB would refuse the item.
        item = record.model_dump(mode="python") | {"untagged_cost": record.untagged_cost}
        if not record.owner:
            del item["owner"]
        self._table.put_item(Item=item)

    def put_unit(self, record: UnitRecord) -> None:
        """Writes what a business unit cost; without an amount of untagged cost it is among no worst offenders."""
        self._table.put_item(Item=record.model_dump(mode="json"))

    def units_before(
        self, billing_period: str, days: tuple[date, date], business_units: Iterable[str]
    ) -> dict[str, Decimal]:
        """What business units cost in the month before, as measured on the newest of these days, first and last; a unit
        that was not measured on any is left out."""
        month = BillingPeriod.parse(billing_period).previous()
        measured = Key("period_day").between(*(f"{month}#{day}" for day in days))
        costs = {}
        for unit in business_units:
            found = self._table.query(
                KeyConditionExpression=Key("account_id").eq(unit_key(unit)) & measured,
                ScanIndexForward=False,
                Limit=1,
                ConsistentRead=True,
            )
            for item in found["Items"]:
                costs[unit] = UnitRecord.model_validate(item).month_to_date
        return costs

    def before(self, account_id: str, period_day: str) -> HygieneRecord | None:
        """The account's newest record before this one; None when there is none."""
        condition = Key("account_id").eq(account_id) & Key("period_day").lt(period_day)
        found = self._table.query(
            KeyConditionExpression=condition, ScanIndexForward=False, Limit=1, ConsistentRead=True
        )
        return _records(found)[0] if found["Items"] else None

    def history(self, account_id: str) -> list[HygieneRecord]:
        """The account's records, the oldest first; as many as one answer of DynamoDB holds (1 MB, some years)."""
        return _records(self._table.query(KeyConditionExpression=Key("account_id").eq(account_id)))

    def worst(self, period_day: str, limit: int) -> list[HygieneRecord]:
        """The accounts of a day with most untagged cost, the worst first."""
        return _records(
            self._table.query(
                IndexName=WORST_FIRST,
                KeyConditionExpression=Key("period_day").eq(period_day),
                ScanIndexForward=False,
                Limit=limit,
            )
        )

    def of_owner(self, owner: str) -> list[HygieneRecord]:
        """What an owner's accounts were like, the oldest first."""
        return _records(self._table.query(IndexName=BY_OWNER, KeyConditionExpression=Key("owner").eq(owner)))


def _records(found: Any) -> list[HygieneRecord]:
    return [HygieneRecord.model_validate({"owner": "", **item}) for item in found["Items"]]
