"""How long to wait follows from what was asked, from chance, and from the time there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.adapters.servicenow.patience import (
    LONGEST_BACKOFF_SECONDS,
    Patience,
    asked_to_wait,
    backoff,
)
from tests.unit.servicenow_bench import JUNE_4_2026, OurTime


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "Thu, 04 Jun 2026 12:01:30 GMT"}, 90),
        ({"Retry-After": "120", "X-RateLimit-Reset": str(JUNE_4_2026 + 5)}, 120),
        ({"X-RateLimit-Reset": str(JUNE_4_2026 + 45)}, 45),
        ({"Retry-After": "soon", "X-RateLimit-Reset": str(JUNE_4_2026 + 45)}, 45),
        ({"X-RateLimit-Reset": "tomorrow"}, None),
        ({"X-RateLimit-Limit": "100"}, None),
        ({}, None),
    ],
)
def test_an_answer_says_in_seconds_as_a_date_or_as_a_reset_when_to_come_back(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert asked_to_wait(headers, JUNE_4_2026, is_limit=True) == seconds
    failed = asked_to_wait(headers, JUNE_4_2026, is_limit=False)
    assert failed == (seconds if headers.get("Retry-After", "soon") != "soon" else None)


@given(attempt=st.integers(1, 60), chance=st.floats(0, 1))
def test_a_backoff_is_never_negative_and_never_longer_than_its_bound(attempt: int, chance: float) -> None:
    assert 0 <= backoff(attempt, chance) <= LONGEST_BACKOFF_SECONDS


@given(asked=st.floats(-10, 100), chance=st.floats(0, 1))
def test_nobody_comes_back_earlier_than_asked_or_later_than_there_is_time(asked: float, chance: float) -> None:
    wait = Patience.of(50, OurTime().timing(lambda: chance)).wait_after(1, asked)

    assert wait is None or max(asked, 0) <= wait < 50


def test_the_last_attempt_is_not_followed_by_a_wait() -> None:
    patience = Patience.of(50, OurTime().timing(), attempts=3)

    assert [patience.wait_after(attempt, None) is None for attempt in (1, 2, 3)] == [False, False, True]
