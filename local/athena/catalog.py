"""Tables as the Glue Data Catalog describes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.glue.models import GlueBackend, glue_backends
from sqlglot import exp

from local.athena.failures import QueryFailed, locate

PATH_COLUMN = "$path"

_PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
_JSON = ("org.openx.data.jsonserde.JsonSerDe", "org.apache.hive.hcatalog.data.JsonSerDe")


@dataclass(frozen=True)
class RegisteredPartition:
    """A partition of a table without projection: its values in the order of the partition keys, and its folder."""

    values: tuple[str, ...]
    location: str


@dataclass(frozen=True)
class Table:
    """A table: what its files hold, how they are laid out, and how its partitions are found."""

    database: str
    name: str
    location: str
    file_format: str
    columns: Mapping[str, exp.DataType]
    partition_keys: Mapping[str, exp.DataType]
    parameters: Mapping[str, str]
    partitions: tuple[RegisteredPartition, ...] = field(default=())

    @property
    def all_columns(self) -> dict[str, exp.DataType]:
        return {**self.columns, **self.partition_keys}

    @property
    def is_projected(self) -> bool:
        return self.parameters.get("projection.enabled", "").lower() == "true"


class GlueCatalog:
    """Reads table definitions from moto's Glue."""

    def __init__(self, account_id: str, region: str) -> None:
        self._glue: GlueBackend = glue_backends[account_id][region]

    def table(self, database: str, name: str, sql: str) -> Table:
        """The table's definition; fails the query when Athena would not find it or could not read it."""
        try:
            self._glue.get_database(database)
        except JsonRESTError:
            raise QueryFailed(
                f"SCHEMA_NOT_FOUND: {locate(sql, database)}: Schema '{database}' does not exist"
            ) from None
        try:
            entry = self._glue.get_table(database, name)
        except JsonRESTError:
            raise QueryFailed(
                f"TABLE_NOT_FOUND: {locate(sql, name)}: Table 'awsdatacatalog.{database}.{name}' does not exist"
            ) from None
        definition = entry.as_dict()
        storage = definition.get("StorageDescriptor") or {}
        keys = definition.get("PartitionKeys") or []
        registered = tuple(
            RegisteredPartition(tuple(partition["Values"]), partition["StorageDescriptor"]["Location"])
            for partition in (entry.partitions[key].as_dict() for key in entry.partitions)
        )
        return Table(
            database=database,
            name=name,
            location=_folder(storage.get("Location") or ""),
            file_format=_file_format(storage, f"{database}.{name}"),
            columns=_columns(storage.get("Columns") or []),
            partition_keys=_columns(keys),
            parameters=definition.get("Parameters") or {},
            partitions=registered,
        )


def _columns(entries: list[dict[str, Any]]) -> dict[str, exp.DataType]:
    return {entry["Name"].lower(): exp.DataType.build(entry["Type"], dialect="hive") for entry in entries}


def _file_format(storage: dict[str, Any], table: str) -> str:
    serde = (storage.get("SerdeInfo") or {}).get("SerializationLibrary", "")
    if serde == _PARQUET:
        return "parquet"
    if serde in _JSON:
        return "json"
    raise QueryFailed(
        f"HIVE_UNSUPPORTED_FORMAT: the table {table} has SerDe '{serde}', which is neither Parquet nor JSON"
    )


def _folder(location: str) -> str:
    return location if location.endswith("/") else f"{location}/"
