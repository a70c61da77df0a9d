"""DuckDB with the rows of a case as tables, queried through the dialect translation of the local Athena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb
from sqlglot import exp

from functions.shared.sql_catalog import render, render_over
from local.athena.catalog import PATH_COLUMN, Table
from local.athena.dialect import MACROS, to_duckdb
from local.athena.plan import Plan, plan
from tests.sql.case_files import NULL, Case, Row, bases_of, default_text
from tests.sql.contracts import DATABASE, Contracts


@dataclass(frozen=True)
class Answer:
    """Rows of a statement as texts, in the order they came, and the DuckDB type of each column."""

    columns: dict[str, str]
    rows: list[tuple[str, ...]]


class Warehouse:
    """An empty DuckDB database with the macros that translated statements call; one case at a time."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute(f"SET TimeZone = 'UTC'; {MACROS}")

    def close(self) -> None:
        self._connection.close()

    def run(self, case: Case) -> Answer:
        """Renders the case's statement as production does and runs it on the case's tables."""
        sql = rendered(case.statement, case.parameters, case.flat_tags)
        planned = plan_of(sql, case.flat_tags)
        self._connection.execute("BEGIN")
        try:
            for number, table in enumerate(tables_of(planned)):
                self._create(f"table_{number}", table, case.rows(table.name))
            cursor = self._connection.execute(translate(sql, case.flat_tags))
            columns = {str(entry[0]): str(entry[1]) for entry in cursor.description or []}
            return Answer(columns, [tuple(map(_text, row)) for row in cursor.fetchall()])
        finally:
            self._connection.execute("ROLLBACK")

    def describe(self, sql: str) -> dict[str, str]:
        """The columns of a rendered statement, with their DuckDB types."""
        self._connection.execute("BEGIN")
        try:
            for number, table in enumerate(tables_of(plan_of(sql))):
                self._create(f"table_{number}", table, [])
            described = self._connection.execute(f"DESCRIBE {translate(sql)}").fetchall()
            return {row[0]: row[1] for row in described}
        finally:
            self._connection.execute("ROLLBACK")

    def _create(self, name: str, table: Table, rows: Sequence[Row]) -> None:
        kinds = column_types(table)
        declared = ", ".join(f'"{column}" {kind}' for column, kind in kinds.items())
        self._connection.execute(f"CREATE TEMP TABLE {name} ({declared})")
        for row in rows:
            if unknown := sorted(set(row) - set(kinds)):
                raise ValueError(f"{table.name}.csv: {table.name} has no column {', '.join(unknown)}")
            texts = {column: row.get(column, default_text(column, kind, table.name)) for column, kind in kinds.items()}
            values = [_value(text, kinds[column]) for column, text in texts.items()]
            marks = ", ".join(
                "map(?::VARCHAR[], ?::VARCHAR[])" if isinstance(value, dict) else f"CAST(? AS {kind})"
                for value, kind in zip(values, kinds.values(), strict=True)
            )
            bound: list[Any] = []
            for value in values:
                bound.extend([list(value), list(value.values())] if isinstance(value, dict) else [value])
            self._connection.execute(f"INSERT INTO {name} VALUES ({marks})", bound)  # noqa: S608


def rendered(statement: str, values: Mapping[str, Any], flat_tags: frozenset[str] = frozenset()) -> str:
    """A statement as production renders it, with the relations of other statements that it reads."""
    if bases := bases_of(statement):
        return render_over(statement, bases, values, flat_tags=flat_tags)
    return render(statement, values, flat_tags=flat_tags)


def column_types(table: Table) -> dict[str, str]:
    """The columns of a table with their DuckDB types, `$path` among them."""
    kinds = {name: kind.sql("duckdb").replace("TEXT", "VARCHAR") for name, kind in table.all_columns.items()}
    return {**kinds, PATH_COLUMN: "VARCHAR"}


@cache
def plan_of(sql: str, flat_tags: frozenset[str] = frozenset()) -> Plan:
    """The resolved statement; read it only, it is shared."""
    return plan(sql, DATABASE, Contracts(flat_tags))  # type: ignore[arg-type]


def tables_of(planned: Plan) -> list[Table]:
    """Each table once, in the order of first mention."""
    return list({reference.table.name: reference.table for reference in planned.references}.values())


@cache
def translate(sql: str, flat_tags: frozenset[str] = frozenset()) -> str:
    """The statement for DuckDB, its tables renamed to `table_0`, `table_1` in the order of `tables_of`."""
    planned = plan(sql, DATABASE, Contracts(flat_tags))  # type: ignore[arg-type]
    numbers = {table.name: number for number, table in enumerate(tables_of(planned))}
    for reference in planned.references:
        alias = exp.to_identifier(reference.node.alias_or_name, quoted=True)
        reference.node.replace(exp.to_table(f"table_{numbers[reference.table.name]}", alias=alias))
    return to_duckdb(planned.tree, sql)


def expected_text(text: str, kind: str) -> str:
    """A cell of expected.csv in the words of `Answer`: amounts with every decimal place of the column."""
    if text != NULL and kind.startswith("DECIMAL"):
        places = Decimal(1).scaleb(-int(kind.removesuffix(")").rpartition(",")[2]))
        exact = Decimal(text)
        if exact != exact.quantize(places):
            raise ValueError(f"{text} has more decimal places than {kind}")
        return format(exact.quantize(places), "f")
    return text


def _value(text: str, kind: str) -> Any:
    if text == NULL or (text == "" and kind != "VARCHAR" and not kind.endswith("[]")):
        return None
    if kind.startswith("MAP"):
        pairs = (pair.split("=", 1) for pair in text.split(";"))
        return {key.strip(): value for key, value in pairs} if text != "{}" else {}
    if kind.endswith("[]"):
        return [] if text == "[]" else text.split("|")
    return text


def _text(value: Any) -> str:
    match value:
        case None:
            return NULL
        case bool():
            return str(value).lower()
        case Decimal():
            return format(value, "f")
        case list():
            return "|".join(map(_text, value)) if value else "[]"
    return str(value)
