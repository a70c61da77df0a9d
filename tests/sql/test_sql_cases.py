"""Every case of every statement: the rows that come out are exactly the rows that the case expects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import sqlglot

from functions.shared.sql_catalog import load_statement, load_statements
from tests.sql.case_files import Case, Row, bases_of, default_text, find_cases
from tests.sql.warehouse import Warehouse, exact_text


def test_case(case: Case, warehouse: Warehouse) -> None:
    answer = warehouse.run(case)

    compared = {column: kind for column, kind in answer.columns.items() if column not in case.not_compared}
    found = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    texts = [_texts(found_row, compared) for found_row in found]
    expected = [_exact_texts(row, compared) for row in case.expected]
    if not _is_ordered(case.statement):
        texts, expected = sorted(texts), sorted(expected)
    assert _table(compared, texts) == _table(compared, expected), case.description


def test_case_says_which_rule_it_proves_and_names_only_what_exists(case: Case) -> None:
    inputs = [load_statement(name).header["inputs"] for name in [*bases_of(case.statement), case.statement]]

    assert case.description.endswith("."), f"{case}/case.yaml has no description"
    assert case.settings <= {*case.parameters, "flat_tags"}
    assert case.tables <= set(re.findall(r"\w+", " ".join(inputs)))


def test_every_statement_has_a_case() -> None:
    assert {case.statement for case in find_cases()} == set(load_statements())


def _texts(row: Row, columns: Mapping[str, str]) -> list[str]:
    return [row[column] for column in columns]


def _exact_texts(row: Row, columns: Mapping[str, str]) -> list[str]:
    """An expected row with every column of the statement; a column that it leaves out has its default."""
    if unknown := sorted(set(row) - set(columns)):
        raise ValueError(f"expected.csv: the statement has no column {', '.join(unknown)}, or it is not compared")
    full = {column: row.get(column, default_text(column, kind)) for column, kind in columns.items()}
    return [exact_text(text, columns[column]) for column, text in full.items()]


def _is_ordered(name: str) -> bool:
    """Whether the statement promises an order of its rows."""
    return sqlglot.parse_one(load_statement(name).text, read="athena").args.get("order") is not None


def _table(columns: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows as text, so that a failure shows as a difference of lines."""
    return "\n".join(",".join(row) for row in [list(columns), *rows])
