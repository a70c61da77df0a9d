"""Faults a test can order: what an instance, its rate limits and the network between do now and then."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal, get_args

FaultKind = Literal["reset_after_act", "refuse", "401", "403", "404", "429", "500", "malformed", "slow"]
FaultyRequests = Literal["table", "GET", "POST", "token"]


@dataclass
class Faults:
    """The faults still to come, first ordered first served."""

    _ordered: deque[tuple[FaultyRequests, FaultKind]] = field(default_factory=deque)
    _lock: Lock = field(default_factory=Lock)

    def order(self, n: int, kind: FaultKind, on: FaultyRequests) -> None:
        """The next ``n`` such requests fail this way."""
        if kind not in get_args(FaultKind) or on not in get_args(FaultyRequests):
            raise ValueError(
                f"no fault {kind!r} on {on!r}; kinds are {get_args(FaultKind)} on {get_args(FaultyRequests)}"
            )
        with self._lock:
            self._ordered.extend([(on, kind)] * n)

    def next_for(self, method: str, *, token: bool) -> FaultKind | None:
        """Takes the first fault that concerns this request."""
        with self._lock:
            for ordered in self._ordered:
                if ordered[0] == "token" if token else ordered[0] in ("table", method):
                    self._ordered.remove(ordered)
                    return ordered[1]
        return None
