"""A statement that does not add up cannot be made, let alone rendered."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from functions.render_statement.model import StatementModel
from functions.shared.errors import InvariantViolated, ReconciliationError
from tests.unit.render_statement.builders import Statement, statement, statement_data

Change = Callable[[Statement], Any]


def _center(data: Statement) -> Statement:
    return data["cost_centers"][0]


def _add(row: Statement, column: str, cents: int = 1) -> None:
    units = int(row[column].replace(".", "")) + cents
    row[column] = f"{'-' if units < 0 else ''}{abs(units) // 100}.{abs(units) % 100:02d}"


@pytest.fixture(scope="module")
def sound() -> Statement:
    return statement_data()


def test_a_sound_statement_is_accepted_and_knows_its_total(sound: Statement) -> None:
    model = StatementModel.model_validate(sound)
    assert model.total == sum(line.cost for line in model.ledger_lines)
    assert model.total == model.direct + model.shared


def test_a_statement_survives_a_round_trip_through_json() -> None:
    model = statement()
    assert StatementModel.model_validate_json(model.model_dump_json()) == model


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda d: _add(_center(d), "total"), "cost center CC-1001: total"),
        (lambda d: _add(_center(d)["accounts"][0], "cost"), "its accounts add up to"),
        (lambda d: _add(_center(d)["services"][0], "cost"), "its services add up to"),
        (lambda d: _add(_center(d)["charge_classes"][0], "cost"), "its charge classes add up to"),
        (lambda d: _add(_center(d)["pool_shares"][0], "share"), "its pool shares add up to"),
        (lambda d: _add(d["ledger_lines"][0], "cost"), "its direct ledger lines add up to"),
        (lambda d: _add(d["ledger_lines"][-1], "cost"), "its shared ledger lines add up to"),
        (lambda d: d["ledger_lines"][0].update(cost_center="CC-7777"), "to CC-7777, which the statement does not list"),
        (lambda d: d["ledger_lines"][-1].update(pool_id="tax"), "(pool tax), which the statement does not list"),
        (lambda d: d["ledger_lines"][0].update(entry_id=d["ledger_lines"][1]["entry_id"]), "is listed 2 times"),
        (lambda d: d["ledger_lines"][0].update(invoice_id="1"), "from invoice 1 of 111122223333"),
        (lambda d: d["cost_centers"].append(copy.deepcopy(_center(d))), "cost center CC-1001 is listed 2 times"),
        (lambda d: _add(d["bill"], "billed_cost"), "the bill's billed cost"),
        (lambda d: _add(d["bill"], "allocated_cost"), "the bill's allocated cost"),
        (lambda d: _add(d["bill"]["invoices"][0], "billed_cost"), "invoice 1784632901 of 111122223333: delta"),
        (lambda d: _add(d["bill"]["invoices"][0], "business_unit_cost"), "business unit's part"),
        (lambda d: d["trend"].reverse(), "months are not in order"),
        (lambda d: _add(d["trend"][0], "direct"), "trend of 2025-06: total"),
        (lambda d: (_add(d["trend"][-1], "direct"), _add(d["trend"][-1], "total")), "trend of 2026-05: total"),
        (lambda d: d["trend"].pop(), "the trend ends with 2026-04"),
    ],
)
def test_a_statement_that_is_a_cent_or_a_line_off_is_refused_and_says_where(
    sound: Statement, change: Change, named: str
) -> None:
    broken = copy.deepcopy(sound)
    change(broken)
    with pytest.raises(InvariantViolated) as refusal:
        StatementModel.model_validate(broken)
    assert named in str(refusal.value)
    assert "business unit claims for 2026-05" in str(refusal.value)


def test_a_bill_with_a_difference_is_refused_even_when_it_admits_it(sound: Statement) -> None:
    broken = copy.deepcopy(sound)
    for part in (broken["bill"], broken["bill"]["invoices"][0]):
        _add(part, "billed_cost")
        part["delta"] = "0.01"
    with pytest.raises(InvariantViolated, match=r"the bill's delta 0\.01 but a statement needs 0\.00"):
        StatementModel.model_validate(broken)


def test_the_refusal_names_the_amount_by_which_the_sums_differ(sound: Statement) -> None:
    broken = copy.deepcopy(sound)
    _add(_center(broken)["accounts"][0], "cost", -1234)
    with pytest.raises(InvariantViolated, match=r"differs by 12\.34"):
        StatementModel.model_validate(broken)


def test_a_refusal_belongs_to_the_reconciliation_errors_so_that_the_run_fails_with_their_exit_code() -> None:
    assert issubclass(InvariantViolated, ReconciliationError)


@pytest.mark.parametrize("amount", [12.5, "12.345", "NaN", "twelve"])
def test_an_amount_that_is_a_float_or_not_whole_cents_is_refused(sound: Statement, amount: object) -> None:
    broken = copy.deepcopy(sound)
    _center(broken)["direct"] = amount
    with pytest.raises(ValidationError, match=r"cost_centers\.0\.direct"):
        StatementModel.model_validate(broken)


def test_an_exact_cost_with_more_decimals_than_the_ledger_holds_is_refused(sound: Statement) -> None:
    broken = copy.deepcopy(sound)
    broken["ledger_lines"][0]["exact_cost"] = "1.00000000001"
    with pytest.raises(ValidationError, match="more than 10 decimals"):
        StatementModel.model_validate(broken)


def test_a_field_nobody_knows_is_refused(sound: Statement) -> None:
    with pytest.raises(ValidationError, match="surprise"):
        StatementModel.model_validate({**sound, "surprise": 1})
