"""Rate limits: so many requests of a user in each window of time, and headers that say so, or not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from threading import Lock

from local.servicenow.answers import Answer, too_many_requests

AN_HOUR = 3600
RULE = "0f" * 16


@dataclass(frozen=True)
class RateLimit:
    """A rule: ``requests`` in each window of that many seconds. Some limits answer without headers."""

    requests: int
    window_seconds: int = AN_HOUR
    with_headers: bool = True


@dataclass
class Meter:
    """Counts each user's requests against the rule, if there is one; refused requests count, too."""

    limit: RateLimit | None
    refused: int = 0
    _counts: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    _lock: Lock = field(default_factory=Lock)

    def check(self, user: str, now: float) -> tuple[Answer | None, Mapping[str, str]]:
        """The refusal of a request beyond the limit, and the headers that every answer has."""
        if self.limit is None:
            return None, {}
        window = int(now // self.limit.window_seconds)
        resets_at = (window + 1) * self.limit.window_seconds
        with self._lock:
            self._counts[user, window] += 1
            is_over = self._counts[user, window] > self.limit.requests
            self.refused += is_over
        headers = _headers(self.limit, resets_at) if self.limit.with_headers else {}
        if not is_over:
            return None, headers
        if self.limit.with_headers:
            headers = headers | {"Retry-After": str(max(ceil(resets_at - now), 1))}
        return too_many_requests(self.limit.requests), headers


def _headers(limit: RateLimit, resets_at: int) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(limit.requests),
        "X-RateLimit-Reset": str(resets_at),
        "X-RateLimit-Rule": RULE,
    }
