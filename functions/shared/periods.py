"""Billing periods: calendar months in UTC, written YYYY-MM."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime
from typing import NamedTuple

from functions.shared.errors import InvalidPeriod

_FORM = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


class BillingPeriod(NamedTuple):
    """One calendar month; sorts by time and prints as YYYY-MM."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> BillingPeriod:
        """Reads YYYY-MM; raises InvalidPeriod on anything else."""
        found = _FORM.fullmatch(text)
        if not found:
            raise InvalidPeriod(f"billing period {text!r} is not of the form YYYY-MM, for example 2026-05")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def start(self) -> datetime:
        """The first instant of the month, UTC."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def last_day(self) -> date:
        """The last day of the month."""
        return date(self.year, self.month, calendar.monthrange(self.year, self.month)[1])

    def previous(self, months: int = 1) -> BillingPeriod:
        """The month that many months earlier (later, if negative)."""
        year, month = divmod(self.year * 12 + self.month - 1 - months, 12)
        return BillingPeriod(year, month + 1)

    @property
    def title(self) -> str:
        """The month as people write it: May 2026."""
        return f"{calendar.month_name[self.month]} {self.year}"
