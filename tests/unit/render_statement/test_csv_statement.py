"""The CSV holds the ledger lines, safely and in one order."""

from __future__ import annotations

import copy
import csv
import io
from decimal import Decimal

import pytest

from functions.render_statement.csv_statement import COLUMNS, write_csv
from functions.render_statement.model import StatementModel
from tests.unit.render_statement.builders import Statement, statement, statement_data


def _rows(sheet: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(sheet.decode("utf-8"), newline="")))


def test_the_lines_add_up_to_the_statement() -> None:
    model = statement()
    rows = _rows(write_csv(model))
    assert len(rows) == len(model.ledger_lines)
    assert sum(Decimal(row["cost"]) for row in rows) == model.total


def test_every_cost_center_and_method_adds_up_in_the_csv_too() -> None:
    model = statement(cost_centers=4)
    rows = _rows(write_csv(model))
    for center in model.cost_centers:
        own = [row for row in rows if row["cost_center"] == center.cost_center]
        assert sum(Decimal(row["cost"]) for row in own if row["allocation_method"] == "direct") == center.direct
        assert sum(Decimal(row["cost"]) for row in own if row["allocation_method"] == "shared") == center.shared


def test_the_header_is_the_ledgers_columns_and_lines_end_with_a_line_feed() -> None:
    sheet = write_csv(statement())
    assert sheet.split(b"\n", 1)[0].decode() == ",".join(COLUMNS)
    assert b"\r" not in sheet
    assert sheet.endswith(b"\n")


def test_lines_come_in_one_order_whatever_order_the_ledger_gave() -> None:
    data = statement_data()
    shuffled = copy.deepcopy(data)
    shuffled["ledger_lines"].reverse()
    assert write_csv(StatementModel.model_validate(shuffled)) == write_csv(StatementModel.model_validate(data))


@pytest.mark.parametrize("attack", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_text_that_a_spreadsheet_would_run_is_made_harmless(attack: str) -> None:
    data = statement_data()
    data["ledger_lines"][0]["service_name"] = attack
    rows = _rows(write_csv(StatementModel.model_validate(data)))
    assert [row["service_name"] for row in rows if attack in row["service_name"]] == [f"'{attack}"]


def test_negative_amounts_stay_numbers() -> None:
    rows = _rows(write_csv(statement(sign=-1)))
    negative = [row for row in rows if row["cost"].startswith("-")]
    assert negative
    assert all(Decimal(row["cost"]) < 0 for row in negative)


def test_amounts_are_written_with_two_decimals_and_exact_costs_with_ten() -> None:
    data: Statement = statement_data()
    data["ledger_lines"][0]["exact_cost"] = "1E-10"
    rows = _rows(write_csv(StatementModel.model_validate(data)))
    assert all(len(row["cost"].rpartition(".")[2]) == 2 for row in rows)
    assert all(len(row["exact_cost"].rpartition(".")[2]) == 10 for row in rows)
    assert "0.0000000001" in {row["exact_cost"] for row in rows}
