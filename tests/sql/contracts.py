"""The tables that the statements name, with the types of sql/contracts, as the local Athena plans against them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import yaml
from sqlglot import exp

from functions.shared.policy.tables import ROW_TYPES, table_columns
from functions.shared.sql_catalog import SQL_ROOT
from local.athena.catalog import Table
from local.athena.failures import QueryFailed

DATABASE = "chargeback"
_MONTH = {"billing_period": "string"}
_RUN = {"run_id": "string"}
_RUN_AND_LEVEL = {"run_id": "string", "level": "int"}


class Contracts:
    """What Glue is to a deployed database: every table of the contracts, and no other."""

    def __init__(self, flat_tags: Iterable[str] = ()) -> None:
        """`flat_tags` are the tag columns that the export flattens: `tag_cost_center`."""
        columns = _cur_columns() | dict.fromkeys(flat_tags, "string")
        self._tables = {"cur": _table("cur", columns, _MONTH), **_fixed_tables()}

    def table(self, database: str, name: str, sql: str = "") -> Table:  # noqa: ARG002
        """The table's definition; fails as Athena does where there is none."""
        if name not in self._tables:
            raise QueryFailed(f"TABLE_NOT_FOUND: Table 'awsdatacatalog.{database}.{name}' does not exist")
        return self._tables[name]


@cache
def run_tables() -> Mapping[str, Mapping[str, str]]:
    """Tables that statements unload into the run's folder, with their columns."""
    tables: Mapping[str, Mapping[str, str]] = _contracts()["run_tables"]
    return tables


@cache
def run_table_names() -> frozenset[str]:
    """Every table whose rows belong to one run: what statements unload, what functions write, the compiled policy."""
    return frozenset({*run_tables(), *_written_by_functions(), *ROW_TYPES})


@cache
def _written_by_functions() -> Mapping[str, Mapping[str, str]]:
    return {name: columns for name, columns in _contracts().items() if name not in ("run_tables", "ledger")}


@cache
def _contracts() -> Mapping[str, Any]:
    contracts: Mapping[str, Any] = yaml.safe_load((SQL_ROOT / "contracts" / "tables.yaml").read_text(encoding="utf-8"))
    return contracts


@cache
def _cur_columns() -> dict[str, str]:
    with (SQL_ROOT / "contracts" / "cur2_columns.csv").open(encoding="utf-8", newline="") as file:
        return {row["name"]: row["type"] for row in csv.DictReader(file)}


@cache
def _fixed_tables() -> dict[str, Table]:
    ledger = {name: kind for name, kind in _contracts()["ledger"].items() if name not in _MONTH}
    of_run = {
        name: _table(name, columns, _RUN_AND_LEVEL if name == "pool_shares" else _RUN)
        for name, columns in {**run_tables(), **_written_by_functions()}.items()
    }
    of_policy = {name: _table(name, table_columns(name), _RUN) for name in ROW_TYPES}
    return {"ledger": _table("ledger", ledger, _MONTH), **of_run, **of_policy}


def _table(name: str, columns: Mapping[str, str], partitions: Mapping[str, str]) -> Table:
    def typed(kinds: Mapping[str, str]) -> dict[str, exp.DataType]:
        return {column: exp.DataType.build(kind, dialect="hive") for column, kind in kinds.items()}

    return Table(DATABASE, name, "", "parquet", typed(columns), typed(partitions), {})
