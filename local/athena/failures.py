"""How a query fails: Athena's words for what goes wrong, also for what DuckDB says about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import duckdb

_QUOTED_NAME = re.compile(r'(?:column|function with name|Table with name) "?([^"\s!]+)"?', re.IGNORECASE)
_AMBIGUOUS = re.compile(r'Ambiguous reference to column name "([^"]+)"')
_NOT_AGGREGATED = re.compile(r'column "?([^"\s]+?)"? must appear in the GROUP BY clause')
_ERROR_PREFIX = re.compile(r"^[A-Z][A-Za-z /]* Error: ")


class QueryFailed(Exception):
    """The query ends in state FAILED; the message is its StateChangeReason, with Athena's error code first."""


class QueryCancelled(Exception):
    """The query ends in state CANCELLED; the message is its StateChangeReason."""


def at(sql: str, offset: int) -> str:
    """A place in the statement as Athena names it: `line 3:15`."""
    before = sql[: max(offset, 0)]
    return f"line {before.count(chr(10)) + 1}:{len(before) - (before.rfind(chr(10)) + 1) + 1}"


def locate(sql: str, name: str) -> str:
    """The first place where a name occurs in the statement, outside its comments."""
    code = re.sub(r"/\*.*?\*/|--[^\n]*", lambda comment: re.sub(r"\S", " ", comment[0]), sql, flags=re.DOTALL)
    found = re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", code, re.IGNORECASE)
    return at(sql, found.start() if found else 0)


def bad_data(uri: str, reason: str) -> QueryFailed:
    return QueryFailed(f"HIVE_BAD_DATA: Error opening Hive split {uri}: {reason}")


def translate(error: duckdb.Error, sql: str, uris: Mapping[Path, str]) -> QueryFailed:
    """Athena's failure for an error of DuckDB; `uris` are the S3 objects behind the files that the query reads."""
    text = _first_line(str(error))
    for path, uri in sorted(uris.items(), key=lambda item: len(str(item[0])), reverse=True):
        if str(path) in text:
            return bad_data(uri, _ERROR_PREFIX.sub("", text.replace(str(path), uri)))
    message = _ERROR_PREFIX.sub("", text)
    match error:
        case duckdb.ParserException() | duckdb.SyntaxException():
            return QueryFailed(f"SYNTAX_ERROR: line 1:1: {message}")
        case duckdb.CatalogException():
            name = _name_in(message)
            return QueryFailed(f"FUNCTION_NOT_FOUND: {locate(sql, name)}: Function '{name}' not registered")
        case duckdb.BinderException():
            return _not_bound(message, sql)
        case duckdb.ConversionException():
            return QueryFailed(f"INVALID_CAST_ARGUMENT: {message}")
        case duckdb.OutOfRangeException():
            return QueryFailed(f"NUMERIC_VALUE_OUT_OF_RANGE: {message}")
        case duckdb.OutOfMemoryException():
            return QueryFailed(f"EXCEEDED_LOCAL_MEMORY_LIMIT: {message}")
    if message.startswith("Division by zero"):
        return QueryFailed("DIVISION_BY_ZERO: Division by zero")
    if "More than one row returned by a subquery" in message:
        return QueryFailed("SUBQUERY_MULTIPLE_ROWS: Scalar sub-query has returned multiple rows")
    if re.match(r"[A-Z_]{5,}: ", message):  # raised by a macro of the dialect, in Athena's words already
        return QueryFailed(message)
    return QueryFailed(f"GENERIC_INTERNAL_ERROR: {message}")


def _not_bound(message: str, sql: str) -> QueryFailed:
    if found := _NOT_AGGREGATED.search(message):
        name = found[1].rsplit(".", 1)[-1]
        return QueryFailed(
            f"EXPRESSION_NOT_AGGREGATE: {locate(sql, name)}: '{name}' must be an aggregate expression "
            "or appear in GROUP BY clause"
        )
    if found := _AMBIGUOUS.search(message):
        return QueryFailed(f"SYNTAX_ERROR: {locate(sql, found[1])}: Column '{found[1]}' is ambiguous")
    if "Referenced column" in message or "does not have a column" in message:
        return column_not_found(sql, _name_in(message))
    return QueryFailed(f"SYNTAX_ERROR: line 1:1: {message}")


def column_not_found(sql: str, name: str) -> QueryFailed:
    return QueryFailed(
        f"COLUMN_NOT_FOUND: {locate(sql, name)}: Column '{name}' cannot be resolved "
        "or requester is not authorized to access requested resources"
    )


def _name_in(message: str) -> str:
    found = _QUOTED_NAME.search(message)
    return found[1].rsplit(".", 1)[-1] if found else "?"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0].strip() if text.strip() else "no reason given"
