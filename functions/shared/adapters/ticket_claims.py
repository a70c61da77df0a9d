"""Who works on an account's ticket, in DynamoDB: ServiceNow would let two open one each at the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import boto3
from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError

from functions.shared.adapters.throttling import refuse_when_busy
from functions.shared.errors import TicketBusy

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

PARTITION_KEY, SORT_KEY = "account_id", "period_day"
"""The keys of the table tag_hygiene. A claim is no account's record, so its partition is none's."""
_REFUSED = "ConditionalCheckFailedException"


class TicketClaims:
    """One claim an account. It ends when its owner is done, or by itself when its owner cannot be alive any more."""

    def __init__(self, table: str) -> None:
        self._table: Table = boto3.resource("dynamodb").Table(table)
        refuse_when_busy(self._table.meta.client)

    @contextmanager
    def claimed(self, account_id: str, owner: str, now: datetime, lifetime: timedelta) -> Iterator[None]:
        """Keeps the ticket for ``owner`` until the block ends, at most for ``lifetime``; raises TicketBusy when another
        has it."""
        key = {PARTITION_KEY: f"ticket/{account_id}", SORT_KEY: "claim"}
        # Whole seconds, rounded up, since the table's TTL counts in seconds too.
        until = int((now + lifetime).timestamp()) + 1
        free = (
            Attr(PARTITION_KEY).not_exists()
            | Attr("expires_at").lt(int(now.timestamp()))
            | Attr("claimed_by").eq(owner)
        )
        try:
            self._table.put_item(Item={**key, "claimed_by": owner, "expires_at": until}, ConditionExpression=free)
        except ClientError as error:
            if error.response["Error"]["Code"] != _REFUSED:
                raise
            raise TicketBusy(f"{account_id}: another execution works on its ticket; try again in a moment") from error
        try:
            yield
        finally:
            self._release(key, owner, ended_at=int(now.timestamp()) - 1)

    def _release(self, key: dict[str, str], owner: str, ended_at: int) -> None:
        """Nothing is deleted here, for nobody has that right; the table lets go of what has ended."""
        try:
            self._table.put_item(
                Item={**key, "claimed_by": owner, "expires_at": ended_at},
                ConditionExpression=Attr("claimed_by").eq(owner),
            )
        except ClientError as error:
            # It ended by itself, and another has claimed the ticket since.
            if error.response["Error"]["Code"] != _REFUSED:
                raise
