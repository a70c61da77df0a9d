"""The payer's cost-allocation tags in Cost Explorer, and the backfills of their status into earlier months."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from functions.shared.errors import BackfillRefused, CostExplorerRefused
from functions.shared.periods import BillingPeriod

HOME_REGION = "us-east-1"
MOST_KEYS_ASKED = 100
MOST_KEYS_CHANGED = 20

_NOT_NOW = frozenset({"BackfillLimitExceededException", "LimitExceededException"})
_T = TypeVar("_T")


@dataclass(frozen=True)
class KnownTag:
    """A tag key that AWS has seen on billed usage, and when it was last activated or deactivated."""

    key: str
    is_active: bool
    changed_at: datetime | None


@dataclass(frozen=True)
class RefusedTag:
    """A key whose status AWS would not change, and what it says to that."""

    key: str
    reason: str


@dataclass(frozen=True)
class Backfill:
    """A request to apply the tags' present status to the months since ``start``."""

    start: datetime
    requested_at: datetime
    status: str

    @property
    def is_running(self) -> bool:
        return self.status == "PROCESSING"

    @property
    def has_failed(self) -> bool:
        return self.status == "FAILED"


class CostAllocationTags:
    """Cost Explorer as the payer sees it; errors are CostExplorerRefused with AWS's own words."""

    def __init__(self) -> None:
        patient = Config(retries={"mode": "standard", "max_attempts": 5})
        self._client: Any = boto3.client("ce", region_name=HOME_REGION, config=patient)

    def find(self, keys: Sequence[str]) -> list[KnownTag]:
        """Those of the user-defined keys that AWS knows."""
        found = chain.from_iterable(
            self._pages("list_cost_allocation_tags", "CostAllocationTags", TagKeys=part, Type="UserDefined")
            for part in _parts(keys, MOST_KEYS_ASKED)
        )
        return [
            KnownTag(tag["TagKey"], tag["Status"] == "Active", _instant(tag.get("LastUpdatedDate"))) for tag in found
        ]

    def activate(self, keys: Sequence[str]) -> list[RefusedTag]:
        """Activates keys, as many at a time as AWS takes; returns those it refuses."""
        return [refused for part in _parts(keys, MOST_KEYS_CHANGED) for refused in self._activate(part)]

    def backfills(self) -> list[Backfill]:
        """Every backfill there was."""
        return [
            _backfill(entry) for entry in self._pages("list_cost_allocation_tag_backfill_history", "BackfillRequests")
        ]

    def start_backfill(self, since: BillingPeriod) -> Backfill:
        """Starts a backfill, or returns the last one when no status has changed since.

        Raises BackfillRefused when AWS takes none at the moment.
        """
        start = since.start.strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            return _backfill(self._client.start_cost_allocation_tag_backfill(BackfillFrom=start)["BackfillRequest"])
        except ClientError as error:
            if error.response["Error"]["Code"] in _NOT_NOW:
                raise BackfillRefused(_words_of(error)) from error
            raise CostExplorerRefused(f"StartCostAllocationTagBackfill from {start}: {_words_of(error)}") from error

    def _activate(self, keys: Sequence[str]) -> list[RefusedTag]:
        statuses = [{"TagKey": key, "Status": "Active"} for key in keys]
        try:
            answer = self._client.update_cost_allocation_tags_status(CostAllocationTagsStatus=statuses)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationException":
                raise CostExplorerRefused(f"UpdateCostAllocationTagsStatus: {_words_of(error)}") from error
            if len(keys) == 1:
                return [RefusedTag(keys[0], _words_of(error))]
            # One key can make AWS refuse the whole request; the others shall not wait for it.
            return [refused for key in keys for refused in self._activate([key])]
        return [RefusedTag(entry["TagKey"], _reason(entry)) for entry in answer.get("Errors", [])]

    def _pages(self, operation: str, member: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        call: Callable[..., dict[str, Any]] = getattr(self._client, operation)
        token: dict[str, str] = {}
        while True:
            try:
                page = call(**parameters, **token)
            except ClientError as error:
                raise CostExplorerRefused(f"{error.operation_name}: {_words_of(error)}") from error
            yield from page.get(member, [])
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}


def _parts(items: Sequence[_T], size: int) -> list[Sequence[_T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _backfill(entry: dict[str, Any]) -> Backfill:
    return Backfill(
        datetime.fromisoformat(entry["BackfillFrom"]),
        datetime.fromisoformat(entry["RequestedAt"]),
        entry["BackfillStatus"],
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _reason(entry: dict[str, Any]) -> str:
    return ": ".join(filter(None, (entry.get("Code"), entry.get("Message")))) or "no reason given"


def _words_of(error: ClientError) -> str:
    return " ".join(_reason(dict(error.response["Error"])).split())
