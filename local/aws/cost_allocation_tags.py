"""The cost-allocation tags of Cost Explorer, which moto does not have: a register of keys, and backfills.

As on AWS a key is there only once AWS has seen it on billed usage; here somebody says when that is. A refusal has
AWS's own name and words.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.exceptions import JsonRESTError

from local.aws.patching import Patches

MOST_KEYS_ASKED = 100
MOST_KEYS_CHANGED = 20
USUAL_PAGE = 100
BETWEEN_BACKFILLS = timedelta(hours=24)

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(([+-]\d\d:\d\d)|Z)")


@dataclass
class _Tag:
    key: str
    is_active: bool = False
    changed_at: datetime | None = None

    def shown(self) -> dict[str, str]:
        changed = {"LastUpdatedDate": _text(self.changed_at)} if self.changed_at else {}
        status = "Active" if self.is_active else "Inactive"
        return {"TagKey": self.key, "Type": "UserDefined", "Status": status, **changed}


@dataclass
class _Backfill:
    since: datetime
    requested_at: datetime
    ended_at: datetime | None = None
    status: str = "PROCESSING"

    def shown(self) -> dict[str, str]:
        ended = {"CompletedAt": _text(self.ended_at)} if self.ended_at else {}
        return {
            "BackfillFrom": _text(self.since),
            "RequestedAt": _text(self.requested_at),
            "BackfillStatus": self.status,
            "LastUpdatedAt": _text(self.ended_at or self.requested_at),
            **ended,
        }


class PayerTags:
    """The register of one payer, whatever account asks; its state ends with it."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._tags: dict[str, _Tag] = {}
        self._backfills: list[_Backfill] = []
        self._refusal: JsonRESTError | None = None
        self.changes = 0
        """How often a tag's status changed."""
        self.requests: Counter[str] = Counter()
        """How often each operation was asked for."""

    def install(self, patches: Patches) -> None:
        from moto.ce.responses import CostExplorerResponse

        patches.wrap(CostExplorerResponse, "call_action", self._answer)

    def appear(self, *keys: str) -> None:
        """Billed usage carries these keys, and a day is over: from now on they can be activated."""
        for key in keys:
            self._tags.setdefault(key, _Tag(key))

    def end_backfill(self, status: str = "SUCCEEDED") -> None:
        """The backfill that is running ends."""
        for backfill in self._backfills:
            if backfill.status == "PROCESSING":
                backfill.status, backfill.ended_at = status, self._clock()

    def deactivate(self, *keys: str) -> None:
        """Somebody deactivates tags in the console."""
        for key in keys:
            self._set(self._tags[key], is_active=False)

    def refuse(self, code: str, message: str) -> None:
        """From now on every request is refused, as to an account that is not the payer's."""
        self._refusal = JsonRESTError(code, message)

    @property
    def active(self) -> frozenset[str]:
        return frozenset(tag.key for tag in self._tags.values() if tag.is_active)

    def _answer(self, original: Any, response: Any) -> Any:
        operations = {
            "ListCostAllocationTags": self._list,
            "UpdateCostAllocationTagsStatus": self._update,
            "StartCostAllocationTagBackfill": self._start,
            "ListCostAllocationTagBackfillHistory": self._history,
        }
        action = response._get_action()
        operation = operations.get(action)
        if operation is None:
            return original(response)
        self.requests[action] += 1
        try:
            if self._refusal:
                raise self._refusal
            body = operation(json.loads(response.body or "{}"))
        except JsonRESTError as refusal:
            return refusal.code, response.response_headers, refusal.description
        return 200, response.response_headers, json.dumps(body)

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        keys = asked.get("TagKeys")
        if keys is not None and not 1 <= len(keys) <= MOST_KEYS_ASKED:
            raise _invalid(f"Member must have length less than or equal to {MOST_KEYS_ASKED}: tagKeys")
        found = [
            tag.shown()
            for tag in sorted(self._tags.values(), key=lambda tag: tag.key)
            if (keys is None or tag.key in keys) and asked.get("Type", "UserDefined") == "UserDefined"
        ]
        found = [tag for tag in found if asked.get("Status", tag["Status"]) == tag["Status"]]
        return _page("CostAllocationTags", found, asked)

    def _update(self, asked: dict[str, Any]) -> dict[str, Any]:
        entries = asked["CostAllocationTagsStatus"]
        if not 1 <= len(entries) <= MOST_KEYS_CHANGED:
            raise _invalid(f"Member must have length less than or equal to {MOST_KEYS_CHANGED}: the tags' status")
        unknown = [entry["TagKey"] for entry in entries if entry["TagKey"] not in self._tags]
        if len(unknown) == len(entries):
            raise _invalid(f"Failed to update Cost Allocation Tag: Tag keys not found: {','.join(unknown)}")
        for entry in entries:
            if tag := self._tags.get(entry["TagKey"]):
                self._set(tag, is_active=entry["Status"] == "Active")
        return {
            "Errors": [
                {
                    "TagKey": key,
                    "Code": "TagKeysNotFoundException",
                    "Message": f"Failed to update Cost Allocation Tag: {key}",
                }
                for key in unknown
            ]
        }

    def _set(self, tag: _Tag, *, is_active: bool) -> None:
        if tag.is_active != is_active:
            tag.is_active, tag.changed_at = is_active, self._clock()
            self.changes += 1

    def _start(self, asked: dict[str, Any]) -> dict[str, Any]:
        now, since = self._clock(), self._first_day(asked["BackfillFrom"])
        if any(backfill.status == "PROCESSING" for backfill in self._backfills):
            raise _limit("A request to backfill is already in progress.")
        succeeded = [backfill for backfill in self._backfills if backfill.status == "SUCCEEDED"]
        changes = [tag.changed_at for tag in self._tags.values() if tag.changed_at]
        if succeeded and all(change <= succeeded[-1].requested_at for change in changes):
            return {"BackfillRequest": succeeded[-1].shown()}
        if self._backfills and now - self._backfills[-1].requested_at < BETWEEN_BACKFILLS:
            raise _limit("You can request a backfill once every 24 hours.")
        self._backfills.append(_Backfill(since, now))
        return {"BackfillRequest": self._backfills[-1].shown()}

    def _first_day(self, text: str) -> datetime:
        """The first instant of a month that is over or has begun, and begins twelve months ago at the most."""
        since = datetime.fromisoformat(text).astimezone(UTC) if _INSTANT.fullmatch(text) else None
        month = self._clock().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        if since is None or since != since.replace(day=1, hour=0, minute=0, second=0):
            raise _invalid(f"BackfillFrom {text} is not the first day of a month")
        if not month.replace(year=month.year - 1) <= since <= month:
            raise _invalid(f"BackfillFrom {text} is in the future, or before the previous twelve months")
        return since

    def _history(self, asked: dict[str, Any]) -> dict[str, Any]:
        return _page("BackfillRequests", [backfill.shown() for backfill in reversed(self._backfills)], asked)


def _page(member: str, items: list[dict[str, str]], asked: dict[str, Any]) -> dict[str, Any]:
    token, size = asked.get("NextToken", "0"), asked.get("MaxResults", USUAL_PAGE)
    if not token.isdecimal():
        raise JsonRESTError("InvalidNextTokenException", "The pagination token is invalid.")
    end = int(token) + size
    return {member: items[int(token) : end], **({"NextToken": str(end)} if end < len(items) else {})}


def _invalid(message: str) -> JsonRESTError:
    return JsonRESTError("ValidationException", message)


def _limit(message: str) -> JsonRESTError:
    return JsonRESTError("BackfillLimitExceededException", message)


def _text(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
