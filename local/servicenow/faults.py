"""Faults a test can order: what an instance, its rate limits and the network between do now and then."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal, NamedTuple, get_args

FaultKind = Literal[
    "reset",
    "reset_after_act",
    "slow",
    "slow_body",
    "garbled",
    "malformed",
    "401",
    "403",
    "404",
    "409",
    "429",
    "429_bare",
    "500",
]
"""``reset_after_act``, ``slow``, ``slow_body`` and ``garbled`` act first and then fail to say so; others do not act.
``429_bare`` does not say when to come back, ``malformed`` is a page of HTML, ``garbled`` half of the answer."""

FaultyRequests = Literal[
    "token",
    "table",
    "GET",
    "POST",
    "PATCH",
    "import",
    "attachments",
    "upload",
    "download",
    "change",
    "new_change",
    "PATCH change",
    "any",
]
"""``table`` is any request to the Table API, ``GET``, ``POST`` and ``PATCH`` are those of one method; ``PATCH change``
are those of the Change Management API that change one."""


class Asked(NamedTuple):
    """What a request is: its API, its method, and for the Table API the table."""

    api: str
    method: str
    table: str = ""

    def is_meant_by(self, on: FaultyRequests, table: str) -> bool:
        """Whether a fault on such requests, and on this table if one is named, is on this one."""
        if table and table != self.table:
            return False
        return on in ("any", self.api, f"{self.method} {self.api}") or (self.api == "table" and on == self.method)


class _Ordered(NamedTuple):
    kind: FaultKind | None
    on: FaultyRequests
    table: str


@dataclass
class Faults:
    """The faults still to come, first ordered first served."""

    _ordered: deque[_Ordered] = field(default_factory=deque)
    _lock: Lock = field(default_factory=Lock)

    def order(self, n: int, kind: FaultKind, on: FaultyRequests, table: str = "", after: int = 0) -> None:
        """The next ``n`` such requests fail this way, after so many that do not."""
        if kind not in get_args(FaultKind) or on not in get_args(FaultyRequests):
            raise ValueError(
                f"no fault {kind!r} on {on!r}; kinds are {get_args(FaultKind)} on {get_args(FaultyRequests)}"
            )
        with self._lock:
            self._ordered.extend([_Ordered(None, on, table)] * after + [_Ordered(kind, on, table)] * n)

    def clear(self) -> int:
        """Forgets those still to come, and says how many they were."""
        with self._lock:
            count = sum(ordered.kind is not None for ordered in self._ordered)
            self._ordered.clear()
        return count

    def next_for(self, asked: Asked) -> FaultKind | None:
        """Takes the first fault that concerns this request."""
        with self._lock:
            for ordered in self._ordered:
                if asked.is_meant_by(ordered.on, ordered.table):
                    self._ordered.remove(ordered)
                    return ordered.kind
        return None
