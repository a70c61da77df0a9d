"""The one door for money: exact decimals in, cents out, strings in JSON.

Amounts inside a run are ``Decimal`` with up to 10 decimals; on a ledger, statement or posting they have exactly two.
No float ever enters: the parsers here take text, integers or ``Decimal`` only. Rounding happens in SQL, as
allocation.md says, and nowhere in Python; so there is no rounding function in this module.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

ZERO = Decimal("0.00")
CENT = Decimal("0.01")
_LARGEST = 38
"""The exponent of no amount is larger: DECIMAL(38, 2) holds less, and sums here are exact up to 60 digits."""
_CONTEXT = Context(prec=60, traps=[InvalidOperation, Inexact])


def parse_money(value: object) -> Decimal:
    """Reads an exact amount from text, an integer or a Decimal; raises ValueError on a float or on anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"money is text or Decimal, never {type(value).__name__}: {value!r}")
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"not an amount: {value!r}") from None
    if not amount.is_finite() or amount.adjusted() > _LARGEST:
        raise ValueError(f"not an amount: {value!r}")
    return amount


def format_cents(amount: Decimal) -> str:
    """Writes an amount with exactly two decimals, zero as ``0.00``; raises ValueError on a part of a cent."""
    try:
        cents = amount.quantize(CENT, context=_CONTEXT)
    except (Inexact, InvalidOperation):
        raise ValueError(f"{amount} is not a whole number of cents") from None
    return f"{cents:f}" if cents else "0.00"


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Adds amounts exactly; ``0.00`` for none."""
    result = ZERO
    for amount in amounts:
        result = _CONTEXT.add(result, amount)
    return result


def _serialize(amount: Decimal) -> str:
    return format_cents(amount)


Cents = Annotated[Decimal, BeforeValidator(parse_money), PlainSerializer(_serialize, return_type=str)]
"""A pydantic field for an amount in cents: takes text or Decimal, refuses floats, serializes as text."""

ExactAmount = Annotated[Decimal, BeforeValidator(parse_money), PlainSerializer(lambda d: f"{d:f}", return_type=str)]
"""A pydantic field for an exact amount of up to 10 decimals."""
