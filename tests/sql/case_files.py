"""Cases of the statements: one folder each, read into texts and parameters (README.md says what is in a folder)."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from functions.shared.sql_catalog import load_statement, load_statements

CASES_ROOT = Path(__file__).parent
NULL = "NULL"

Row = Mapping[str, str]


@dataclass(frozen=True)
class Case:
    """A folder `tests/sql/<statement>/<case>`: rows of tables, parameters, and the rows that must come out."""

    folder: Path

    def __str__(self) -> str:
        return f"{self.statement}/{self.folder.name}"

    @property
    def statement(self) -> str:
        return self.folder.parent.name

    @property
    def description(self) -> str:
        """The business rule that the case proves."""
        return str(_yaml(self.folder / "case.yaml").get("description", ""))

    @property
    def not_compared(self) -> frozenset[str]:
        """Output columns that the case says nothing about."""
        return frozenset(_yaml(self.folder / "case.yaml").get("not_compared", ()))

    @property
    def parameters(self) -> dict[str, Any]:
        """Every parameter of the statement and of those it builds on: what the case sets, else the default."""
        given, defaults = _yaml(self.folder / "params.yaml"), _defaults()["parameters"]
        return {
            name: given.get(name, defaults.get(name))
            for statement in [*bases_of(self.statement), self.statement]
            for name in load_statement(statement).parameters
        }

    @property
    def flat_tags(self) -> frozenset[str]:
        return frozenset(_yaml(self.folder / "params.yaml").get("flat_tags", ()))

    @property
    def settings(self) -> frozenset[str]:
        """The names in params.yaml."""
        return frozenset(_yaml(self.folder / "params.yaml"))

    @property
    def tables(self) -> frozenset[str]:
        """The tables that the case has rows of."""
        return frozenset(file.stem for file in self.folder.glob("*.csv")) - {"expected"}

    def rows(self, table: str) -> list[Row]:
        """The rows of an input table; none where the case has no file of it."""
        return _csv(self.folder / f"{table}.csv") if table in self.tables else []

    @property
    def expected(self) -> list[Row]:
        return _csv(self.folder / "expected.csv")


def bases_of(statement: str) -> list[str]:
    """The statements whose relations a statement reads: its header says `costed (of f010_charges)`."""
    named = set(re.findall(r"\(of (\w+)\)", load_statement(statement).header["inputs"]))
    return [name for name in load_statements() if name in named]


def find_cases() -> list[Case]:
    """All cases by statement and name: a folder two levels down is one."""
    return [Case(folder) for folder in sorted(CASES_ROOT.glob("[a-z][0-9]*/*")) if folder.is_dir()]


def default_text(column: str, kind: str, table: str = "") -> str:
    """What a cell says when the case leaves its column out; `kind` is the DuckDB type."""
    defaults = _defaults()
    for texts in (defaults["tables"].get(table, {}), defaults["columns"]):
        if column in texts:
            return str(texts[column])
    if table == "cur":
        return NULL
    if kind == "VARCHAR":
        return ""
    return "[]" if kind.endswith("[]") else "0"


def _defaults() -> dict[str, Any]:
    return _yaml(CASES_ROOT / "defaults.yaml")


@cache
def _yaml(file: Path) -> dict[str, Any]:
    return (yaml.safe_load(file.read_text(encoding="utf-8")) or {}) if file.is_file() else {}


def _csv(file: Path) -> list[Row]:
    with file.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream, strict=True, skipinitialspace=True)
        rows: list[dict[str, str]] = list(reader)
    for number, row in enumerate(rows, start=2):
        texts: Sequence[object] = [*row, *row.values()]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError(f"{file}, line {number}: the cells do not match the header")
    return rows
