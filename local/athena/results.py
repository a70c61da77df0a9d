"""Rows as Athena returns them: the texts of values, column metadata, the result file."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from local.athena.failures import QueryFailed

BIGINT_BOUND = 2**63
_PRECISIONS = {
    "varchar": 2147483647,
    "bigint": 19,
    "integer": 10,
    "smallint": 5,
    "tinyint": 3,
    "double": 17,
    "float": 17,
    "timestamp": 3,
}
_NAMES = {
    "VARCHAR": "varchar",
    "HUGEINT": "bigint",
    "UBIGINT": "bigint",
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "SMALLINT": "smallint",
    "TINYINT": "tinyint",
    "DOUBLE": "double",
    "FLOAT": "float",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "BLOB": "varbinary",
    '"NULL"': "unknown",
}


@dataclass(frozen=True)
class ResultColumn:
    """A column of a result: its name and its DuckDB type."""

    name: str
    duckdb_type: str

    @property
    def athena_type(self) -> str:
        kind = self.duckdb_type
        if kind.endswith("[]"):
            return "array"
        for prefix, name in (("DECIMAL", "decimal"), ("TIMESTAMP", "timestamp"), ("MAP", "map"), ("STRUCT", "row")):
            if kind.startswith(prefix):
                return name
        return _NAMES.get(kind, kind.lower())

    def metadata(self) -> dict[str, Any]:
        """The column as GetQueryResults describes it."""
        kind = self.athena_type
        decimal = re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", self.duckdb_type)
        return {
            "CatalogName": "hive",
            "SchemaName": "",
            "TableName": "",
            "Name": self.name,
            "Label": self.name,
            "Type": kind,
            "Precision": int(decimal[1]) if decimal else _PRECISIONS.get(kind, 0),
            "Scale": int(decimal[2]) if decimal else 0,
            "Nullable": "UNKNOWN",
            "CaseSensitive": kind == "varchar",
        }


@dataclass(frozen=True)
class ResultSet:
    """The rows of a SELECT, every value as Athena's text of it or None for NULL."""

    columns: Sequence[ResultColumn]
    rows: Sequence[Sequence[str | None]]

    @property
    def length(self) -> int:
        """The number of rows with the header, which Athena counts as one."""
        return len(self.rows) + 1

    def page(self, start: int, size: int) -> list[Sequence[str | None]]:
        """Rows from a position on; the header is at position 0."""
        header: list[Sequence[str | None]] = [[column.name for column in self.columns]] if start == 0 else []
        return [*header, *self.rows[max(start - 1, 0) : start - 1 + size]]

    def write_csv(self, path: Path) -> None:
        """Athena's result file: every value quoted, NULL as nothing at all."""
        with path.open("w", encoding="utf-8", newline="") as file:
            for row in self.page(0, self.length):
                file.write(",".join("" if value is None else _quoted(value) for value in row) + "\n")


def result_set(columns: Sequence[ResultColumn], rows: Iterable[Sequence[Any]]) -> ResultSet:
    """Rows of DuckDB as a result of Athena."""
    writers = [_writer(column.duckdb_type) for column in columns]
    return ResultSet(
        columns,
        [[None if value is None else write(value) for write, value in zip(writers, row, strict=True)] for row in rows],
    )


def _writer(duckdb_type: str) -> Callable[[Any], str]:
    return str if duckdb_type == "VARCHAR" else _text


def _text(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return _integer(value)
        case Decimal():
            return format(value, "f")
        case float():
            return java_double(value)
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}"
        case date():
            return value.isoformat()
        case bytes():
            return value.hex(" ")
        case list() | tuple():
            return "[" + ", ".join(_text(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{_text(key)}={_text(item)}" for key, item in value.items()) + "}"
    return str(value)


def _integer(value: int) -> str:
    if not -BIGINT_BOUND <= value < BIGINT_BOUND:
        raise QueryFailed(f"NUMERIC_VALUE_OUT_OF_RANGE: bigint out of range: {value}")
    return str(value)


def java_double(value: float) -> str:
    """The text that Java, and so Athena, gives a double: `0.1`, `1.0E7`, `1.5E-5`, `NaN`, `Infinity`."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        plain = format(Decimal(repr(value)), "f")
        return plain if "." in plain else f"{plain}.0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    power = len(digits) - 1 + int(exponent)
    fraction = "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{digits[0]}.{fraction}E{power}"


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
