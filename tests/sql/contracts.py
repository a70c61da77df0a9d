"""The tables that the statements name, with the types of sql/contracts, as the local Athena plans against them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import yaml
from sqlglot import exp

from functions.shared.policy.tables import ROW_TYPES, table_columns
from functions.shared.sql_catalog import SQL_ROOT
from local.athena.catalog import Table
from local.athena.failures import QueryFailed

CONTRACTS = SQL_ROOT / "contracts"
DATABASE = "chargeback"
MONTH_PARTITION = {"billing_period": "string"}
RUN_PARTITION = {"run_id": "string"}


class Contracts:
    """What GlueCatalog is to a deployed database: every table of the contracts, and nothing else."""

    def __init__(self, flat_tags: Iterable[str] = ()) -> None:
        """`flat_tags` are the tag columns that the export flattens: `tag_cost_center`."""
        self._tables = _tables() | {"cur": _table("cur", cur_columns() | dict.fromkeys(flat_tags, "string"), MONTH)}

    def table(self, database: str, name: str, sql: str) -> Table:  # noqa: ARG002
        """The table's definition; fails as Athena does when the contracts have none of that name."""
        if name not in self._tables:
            raise QueryFailed(f"TABLE_NOT_FOUND: Table 'awsdatacatalog.{database}.{name}' does not exist")
        return self._tables[name]


MONTH = MONTH_PARTITION


@cache
def table_contracts() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """sql/contracts/tables.yaml."""
    contracts: Mapping[str, Mapping[str, Mapping[str, str]]] = yaml.safe_load(_read(CONTRACTS / "tables.yaml"))
    return contracts
