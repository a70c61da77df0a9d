"""DuckDB with the rows of a case as tables, queried through the dialect translation of the local Athena."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
        translated = translate(rendered(case.statement, case.parameters, case.flat_tags), case.flat_tags)
        with self._tables(translated, case):
            cursor = self._connection.execute(translated.query)
            columns = {str(entry[0]): str(entry[1]) for entry in cursor.description or []}
            return Answer(columns, [tuple(map(_text, row)) for row in cursor.fetchall()])

    def describe(self, sql: str) -> dict[str, str]:
        """The columns of a rendered statement, with their DuckDB types."""
        translated = translate(sql)
        with self._tables(translated):
            described = self._connection.execute(f"DESCRIBE {translated.query}").fetchall()
            return {row[0]: row[1] for row in described}

    @contextmanager
    def _tables(self, translated: Translated, case: Case | None = None) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            for number, read in enumerate(translated.tables):
                self._create(f"table_{number}", read, case.rows(read.table.name) if case else [])
            yield
        finally:
            self._connection.execute("ROLLBACK")

    def _create(self, name: str, read: ReadTable, rows: Sequence[Row]) -> None:
        table, kinds = read.table, read.columns
        declared = ", ".join(f'"{column}" {kind}' for column, kind in kinds.items())
        self._connection.execute(f"CREATE TEMP TABLE {name} ({declared})")
        for row in rows:
            if unknown := sorted(set(row) - set(column_types(table))):
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
            self._connection.execute(f"INSERT INTO {name} VALUES ({marks})", bound)


def rendered(statement: str, values: Mapping[str, Any], flat_tags: frozenset[str] = frozenset()) -> str:
    """A statement as production renders it, with the relations of other statements that it reads."""
    return _rendered(statement, json.dumps(values), flat_tags)


@cache
def _rendered(statement: str, values_json: str, flat_tags: frozenset[str]) -> str:
    values = json.loads(values_json)
    if bases := bases_of(statement):
        return render_over(statement, bases, values, flat_tags=flat_tags)
    return render(statement, values, flat_tags=flat_tags)


def column_types(table: Table) -> dict[str, str]:
    """The columns of a table with their DuckDB types, `$path` among them."""
    kinds = {name: kind.sql("duckdb").replace("TEXT", "VARCHAR") for name, kind in table.all_columns.items()}
    return {**kinds, PATH_COLUMN: "VARCHAR"}


@dataclass(frozen=True)
class ReadTable:
    """A table that a statement reads, and the DuckDB types of the columns that it reads of it."""

    table: Table
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Translated:
    """A statement for DuckDB, over tables named `table_0`, `table_1` in the order of `tables`."""

    tables: tuple[ReadTable, ...]
    query: str


@cache
def translate(sql: str, flat_tags: frozenset[str] = frozenset()) -> Translated:
    """Resolves and translates a rendered statement as the local Athena does."""
    planned = plan_of(sql, flat_tags)
    names = list(dict.fromkeys(reference.table.name for reference in planned.references))
    read = []
    for name in names:
        references = [reference for reference in planned.references if reference.table.name == name]
        used = frozenset[str]().union(*(reference.columns for reference in references))
        kinds = column_types(references[0].table)
        read.append(ReadTable(references[0].table, {column: kinds[column] for column in kinds if column in used}))
    for reference in planned.references:
        alias = exp.to_identifier(reference.node.alias_or_name, quoted=True)
        reference.node.replace(exp.to_table(f"table_{names.index(reference.table.name)}", alias=alias))
    return Translated(tuple(read), to_duckdb(planned.tree, sql))


def plan_of(sql: str, flat_tags: frozenset[str] = frozenset()) -> Plan:
    """A rendered statement, resolved and typed against the contracts."""
    return plan(sql, DATABASE, Contracts(flat_tags))  # type: ignore[arg-type]


def exact_text(text: str, kind: str) -> str:
    """A cell as `Answer` has it: an amount with every decimal place of its type, and never rounded."""
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
    if kind.startswith("DECIMAL"):
        return exact_text(text, kind)
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
