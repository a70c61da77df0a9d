"""A billing period is a calendar month in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.errors import InvalidPeriod
from functions.shared.periods import BillingPeriod

PERIODS = st.builds(BillingPeriod, st.integers(2000, 2098), st.integers(1, 12))


@pytest.mark.parametrize("text", ["2026-00", "2026-13", "2026-5", "26-05", "2026/05", " 2026-05", "2026-05\n", ""])
def test_only_a_month_reads_as_a_month(text: str) -> None:
    with pytest.raises(InvalidPeriod, match="is not of the form YYYY-MM"):
        BillingPeriod.parse(text)


@given(PERIODS)
def test_a_period_reads_back_as_it_prints(period: BillingPeriod) -> None:
    assert BillingPeriod.parse(str(period)) == period


@given(PERIODS, st.integers(-300, 300))
def test_going_back_and_forth_ends_where_it_began(period: BillingPeriod, months: int) -> None:
    assert period.previous(months).previous(-months) == period


def test_january_follows_december() -> None:
    assert BillingPeriod(2026, 1).previous() == BillingPeriod(2025, 12)
    assert BillingPeriod(2025, 12).previous(-1) == BillingPeriod(2026, 1)
    assert BillingPeriod(2026, 1).previous(13) == BillingPeriod(2024, 12)


@given(st.lists(PERIODS))
def test_periods_sort_as_their_texts_do(periods: list[BillingPeriod]) -> None:
    assert [str(period) for period in sorted(periods)] == sorted(map(str, periods))


def test_a_month_knows_its_first_instant_its_last_day_and_its_name() -> None:
    leap = BillingPeriod(2028, 2)

    assert leap.start == datetime(2028, 2, 1, tzinfo=UTC)
    assert (leap.last_day, leap.title) == (date(2028, 2, 29), "February 2028")
