"""Numbers as a statement prints them: 1,234.56, −1,234.56, +4.2%. Exact: no amount becomes a float, or is rounded.

Percentages and bar lengths are ratios, for reading only; they are rounded half away from zero.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from functions.shared.money import CENT, format_cents
from functions.shared.periods import BillingPeriod

MINUS = "−"
NONE = "–"


def amount(value: Decimal) -> str:
    """Cents with thousands separators and a real minus sign."""
    return _typeset(f"{Decimal(format_cents(value)):,.2f}")


def change(value: Decimal) -> str:
    """An amount with its sign, also when it is positive."""
    return f"+{amount(value)}" if value > 0 else amount(value)


def exact(value: Decimal, decimals: int) -> tuple[str, str]:
    """An exact amount in two parts: up to the cents, and the decimals after them. ``decimals`` is how many there are
    in the column, at least as many as the amount has."""
    text = f"{value:,f}"
    whole, _, fraction = text.partition(".")
    fraction = fraction.ljust(max(decimals, 2), "0")[: max(decimals, 2)]
    return _typeset(f"{whole}.{fraction[:2]}"), fraction[2:]


def decimals(value: Decimal) -> int:
    """How many decimals an exact amount has."""
    return len(f"{value:f}".rstrip("0").partition(".")[2])


def money_weight(value: Decimal) -> str:
    """A weight that is an exact cost, shown to the cent; it is not an amount anybody is charged."""
    return amount(value.quantize(CENT, rounding=ROUND_HALF_UP))


def plain_weight(value: Decimal) -> str:
    """A weight without unit, without idle zeros."""
    whole, _, fraction = f"{value:,f}".partition(".")
    fraction = fraction.rstrip("0")
    return _typeset(f"{whole}.{fraction}" if fraction else whole)


def percent(part: Decimal, whole: Decimal, *, signed: bool = False) -> str:
    """One decimal, computed in integers; a dash when the whole is not positive, so that no ratio misleads."""
    if whole <= 0:
        return NONE
    tenths = per_mille(part, whole)
    sign = "-" if tenths < 0 else "+" if signed and tenths > 0 else ""
    return _typeset(f"{sign}{abs(tenths) // 10:,}.{abs(tenths) % 10}%")


def per_mille(part: Decimal, whole: Decimal) -> int:
    """A ratio in thousandths, for the length of a bar; 0 when there is no whole."""
    return _ratio(part, whole, 1000) if whole else 0


def rounded(value: Decimal, thousands: int = 0) -> str:
    """How a chart labels an amount: in whole units, or to a tenth of a thousand, of a million, …"""
    if not thousands:
        return _typeset(f"{_ratio(value, Decimal(1), 1):,}")
    tenths = _ratio(value, Decimal(1000**thousands), 10)
    return _typeset(f"{'-' if tenths < 0 else ''}{abs(tenths) // 10:,}.{abs(tenths) % 10}")


def month(period: str) -> str:
    """May 2026."""
    return BillingPeriod.parse(period).title


def count(number: int) -> str:
    """A count with thousands separators."""
    return f"{number:,}"


def _ratio(part: Decimal, whole: Decimal, times: int) -> int:
    """In whole numbers throughout, and rounded half away from zero."""
    (over, under), (whole_over, whole_under) = part.as_integer_ratio(), whole.as_integer_ratio()
    numerator, denominator = over * whole_under * times, under * whole_over
    magnitude = (2 * abs(numerator) + abs(denominator)) // (2 * abs(denominator))
    return magnitude if (numerator < 0) == (denominator < 0) else -magnitude


def _typeset(text: str) -> str:
    return text.replace("-", MINUS)
