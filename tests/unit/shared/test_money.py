"""Money is exact: no float comes in, no part of a cent goes out, and sums lose nothing."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from functions.shared.money import Cents, ExactAmount, format_cents, parse_money, total

EXACT = st.decimals(min_value=-(10**20), max_value=10**20, places=10, allow_nan=False, allow_infinity=False)


class Line(BaseModel):
    cost: Cents
    exact: ExactAmount = Decimal(0)


@pytest.mark.parametrize("value", [0.1, 1.0, float("nan"), True, None, b"1.00", [], {}])
def test_money_is_text_an_integer_or_a_decimal_and_nothing_else(value: object) -> None:
    with pytest.raises(ValueError, match="money is text or Decimal, never"):
        parse_money(value)


@pytest.mark.parametrize("value", ["", "ten", "1,000.00", "NaN", "Infinity", "-Infinity", "1.0.0", Decimal("NaN")])
def test_what_is_no_amount_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        parse_money(value)


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1", "1.00"), ("-0.5", "-0.50"), ("-0.00", "0.00"), ("1E+3", "1000.00"), ("12345678901234567890.1", None)],
)
def test_cents_are_written_with_two_decimals_and_zero_has_no_sign(amount: str, text: str | None) -> None:
    assert format_cents(Decimal(amount)) == (text or "12345678901234567890.10")


@pytest.mark.parametrize("amount", ["0.001", "-1.005", "0.0000000001"])
def test_a_part_of_a_cent_is_never_rounded_away(amount: str) -> None:
    with pytest.raises(ValueError, match="not a whole number of cents"):
        format_cents(Decimal(amount))


@given(st.integers(min_value=-(10**30), max_value=10**30))
def test_an_amount_reads_back_as_it_was_written(cents: int) -> None:
    amount = Decimal(cents).scaleb(-2)

    assert parse_money(format_cents(amount)) == amount


@given(st.lists(EXACT, max_size=50))
def test_a_sum_is_exact_whatever_the_order(amounts: list[Decimal]) -> None:
    assert Fraction(total(amounts)) == sum((Fraction(amount) for amount in amounts), Fraction(0))
    assert total(amounts) == total(reversed(amounts))


def test_the_sum_of_nothing_is_zero() -> None:
    assert format_cents(total([])) == "0.00"


def test_a_model_shows_money_as_text_and_refuses_a_number_of_json() -> None:
    assert Line(cost="1.50", exact="0.0000000001").model_dump_json() == '{"cost":"1.50","exact":"0.0000000001"}'
    with pytest.raises(ValidationError, match="money is text"):
        Line.model_validate_json('{"cost": 1.50}')
