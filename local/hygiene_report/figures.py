"""Numbers as people read them; what is exact stays in hygiene.json."""

from __future__ import annotations

from decimal import Decimal

NO_BREAK = "\N{NO-BREAK SPACE}"
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def percent(ratio: str) -> str:
    """A ratio with four decimals, as ``11.63 %``."""
    return f"{Decimal(ratio) * 100:z,.2f}{NO_BREAK}%"


def amount(exact: str) -> str:
    """An exact amount in cents, as ``-1,234.57``."""
    return f"{Decimal(exact):z,.2f}"


def signed(exact: str) -> str:
    """A difference in cents, as ``+1,234.57``; none is ``0.00``."""
    told = f"{Decimal(exact):+z,.2f}"
    return told if Decimal(told.replace(",", "")) else told.lstrip("+")


def age(seconds: int) -> str:
    """A time in its two largest units: ``1 day 3 hours``."""
    told, rest = [], seconds
    for length, unit in _UNITS:
        count, rest = divmod(rest, length)
        if count:
            told.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(told[:2]) or "less than a minute"
