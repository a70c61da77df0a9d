"""How long to wait before asking again, and when to stop. Clock, sleep and dice are handed in."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 20.0
_SPREAD_SECONDS = 1.0


class Timing(NamedTuple):
    """Where time and chance come from. ``clock`` and ``now`` in seconds: monotonic, and since 1970 in UTC."""

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    unique: Callable[[], str] = lambda: str(uuid.uuid4())


@dataclass(frozen=True)
class Patience:
    """Until when, on ``timing.clock``, and how often at most a request is made."""

    timing: Timing
    until: float
    attempts: int = 8

    @classmethod
    def of(cls, seconds: float, timing: Timing | None = None, attempts: int = 8) -> Patience:
        """So many seconds from now on."""
        timing = timing or Timing()
        return cls(timing, timing.clock() + seconds, attempts)

    @property
    def seconds_left(self) -> float:
        """How long it lasts; below zero when it is over."""
        return self.until - self.timing.clock()

    def wait_after(self, attempt: int, asked: float | None) -> float | None:
        """The seconds to wait after an attempt (from 1); None when there is no time or no attempt left.

        ``asked`` is how long the other side wants to be left alone: coming earlier would only use up more of the quota,
        and coming all at once would meet the next refusal, so a random second is added.
        """
        chance = self.timing.chance()
        wait = backoff(attempt, chance) if asked is None else max(asked, 0.0) + chance * _SPREAD_SECONDS
        return None if attempt >= self.attempts or wait >= self.seconds_left else wait


def backoff(attempt: int, chance: float) -> float:
    """Full jitter: anything up to a bound that doubles with each attempt. ``chance`` is from 0 to 1."""
    bound: float = FIRST_BACKOFF_SECONDS * 2 ** (attempt - 1)
    return chance * min(LONGEST_BACKOFF_SECONDS, bound)


def asked_to_wait(headers: Mapping[str, str], now: float, *, is_limit: bool) -> float | None:
    """The seconds to stay away that an answer asks for: Retry-After, or at a limit X-RateLimit-Reset; None for neither.

    An instance states the reset of a limit in every answer, beside failures that have nothing to do with it, too.
    """
    retry_after = headers.get("Retry-After", "").strip()
    if retry_after.isdecimal():
        return int(retry_after)
    if retry_after and (moment := _http_date(retry_after)):
        return moment.timestamp() - now
    reset = headers.get("X-RateLimit-Reset", "").strip()
    return int(reset) - now if is_limit and reset.isdecimal() else None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
