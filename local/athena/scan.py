"""The data behind a table reference: its files, as a DuckDB relation that reads them in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path

import duckdb
from sqlglot import exp

from local.athena.catalog import PATH_COLUMN, Table
from local.athena.failures import QueryFailed
from local.athena.partitions import Partition, Predicate, partitions_of
from local.athena.plan import TableReference
from local.aws.files import ObjectFiles

_FAMILIES = {
    "VARCHAR": "text",
    "TINYINT": "integer",
    "SMALLINT": "integer",
    "INTEGER": "integer",
    "BIGINT": "integer",
    "FLOAT": "real",
    "DOUBLE": "real",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DECIMAL": "decimal",
    "TIMESTAMP": "timestamp",
}


@dataclass(frozen=True)
class DataFile:
    """An object of a table: its S3 URI, the file with its bytes, and the partition it belongs to."""

    uri: str
    path: Path
    size: int
    partition: Partition


@dataclass(frozen=True)
class Scan:
    """The files that one table reference reads, and the columns it takes from them."""

    table: Table
    columns: tuple[str, ...]
    files: tuple[DataFile, ...]

    def relation(self) -> str:
        """A SELECT over the files with the reference's columns, in their declared types."""
        branches = [
            self._branch(partition, list(files)) for partition, files in groupby(self.files, lambda f: f.partition)
        ]
        return "\nUNION ALL\n".join(branches) or self._no_rows()

    def scanned_bytes(self, connection: duckdb.DuckDBPyConnection) -> int:
        """What Athena would bill for: the column chunks of the columns read, or whole objects when they are JSON."""
        if self.table.file_format == "json" or not self.files:
            return sum(file.size for file in self.files)
        row = connection.execute(
            "SELECT coalesce(sum(total_compressed_size), 0) FROM parquet_metadata($paths) "
            "WHERE list_contains($columns, lower(split_part(path_in_schema, ', ', 1)))",
            {"paths": self._paths(self.files), "columns": list(self.columns)},
        ).fetchone()
        return int(row[0]) if row else 0

    def check_types(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Fails as Athena does when a Parquet column is of another kind than the table declares."""
        if self.table.file_format == "json" or not self.files:
            return
        uris = {str(file.path): file.uri for file in self.files}
        for path, column, found in _parquet_columns(connection, self._paths(self.files)):
            declared = self.table.columns.get(column)
            if declared is None or column not in self.columns:
                continue
            if (wanted := _family(declared.sql("duckdb"))) != _family(found) and wanted is not None:
                raise QueryFailed(
                    f"HIVE_BAD_DATA: Field {column}'s type {found} in parquet file {uris[path]} is incompatible with "
                    f"type {declared.sql('athena').lower()} defined in table schema"
                )

    def _branch(self, partition: Partition, files: Sequence[DataFile]) -> str:
        stored = [column for column in self.columns if column in self.table.columns] or list(self.table.columns)[:1]
        outputs = [_identifier(column) for column in stored if column in self.columns]
        for column, value in partition.values.items():
            if column in self.columns:
                kind = self.table.partition_keys[column].sql("duckdb")
                outputs.append(f"CAST({_string(value)} AS {kind}) AS {_identifier(column)}")
        if PATH_COLUMN in self.columns:
            outputs.append(f"{_path_of(files)} AS {_identifier(PATH_COLUMN)}")
        types = {column: self.table.columns[column].sql("duckdb") for column in stored}
        paths = ", ".join(_string(path) for path in self._paths(files))
        reader = _parquet(paths, types) if self.table.file_format == "parquet" else _json_lines(paths, types)
        return f"SELECT {', '.join(outputs) or '1'} FROM {reader}"  # noqa: S608

    def _no_rows(self) -> str:
        types = {**self.table.all_columns, PATH_COLUMN: exp.DataType.build("varchar")}
        columns = [f"CAST(NULL AS {types[column].sql('duckdb')}) AS {_identifier(column)}" for column in self.columns]
        return f"SELECT {', '.join(columns) or '1'} WHERE false"

    @staticmethod
    def _paths(files: Sequence[DataFile]) -> list[str]:
        return [str(file.path) for file in files]


def scan(reference: TableReference, files: ObjectFiles, today: date) -> Scan:
    """The files that a table reference has to read, after its partition and `"$path"` predicates."""
    table, predicates = reference.table, reference.predicates
    on_path = [predicate for predicate in predicates if predicate.column == PATH_COLUMN]
    found = [
        file
        for partition in partitions_of(table, predicates, today)
        for file in _data_files(partition, files)
        if _all_allow(on_path, file.uri)
    ]
    return Scan(table, tuple(sorted(reference.columns)), tuple(found))


def _data_files(partition: Partition, files: ObjectFiles) -> Iterator[DataFile]:
    bucket, _, prefix = partition.location.removeprefix("s3://").partition("/")
    for item in files.objects(bucket, prefix):
        below = item.key.removeprefix(prefix).split("/")
        if item.size and not any(part.startswith(("_", ".")) for part in below):
            yield DataFile(f"s3://{bucket}/{item.key}", item.path, item.size, partition)


def _all_allow(predicates: Sequence[Predicate], value: str) -> bool:
    return all(predicate.allows(value) for predicate in predicates)


def _parquet(paths: str, types: dict[str, str]) -> str:
    # `schema` reads columns by name, whatever their case, and a column that a file lacks as NULL
    fields = ", ".join(
        f"{_string(name)}: {{name: {_string(name)}, type: {_string(kind)}, default_value: NULL}}"
        for name, kind in types.items()
    )
    options = "hive_partitioning = false, binary_as_string = true, filename = true"
    return f"read_parquet([{paths}], schema = MAP {{{fields}}}, {options})"


def _json_lines(paths: str, types: dict[str, str]) -> str:
    columns = ", ".join(f"{_string(name)}: {_string(kind)}" for name, kind in types.items())
    options = "format = 'newline_delimited', hive_partitioning = false, filename = true"
    return f"read_json([{paths}], columns = {{{columns}}}, {options})"


def _path_of(files: Sequence[DataFile]) -> str:
    if len(files) == 1:
        return _string(files[0].uri)
    entries = ", ".join(f"{_string(str(file.path))}: {_string(file.uri)}" for file in files)
    return f"(MAP {{{entries}}})[filename]"


def _parquet_columns(connection: duckdb.DuckDBPyConnection, paths: list[str]) -> Iterator[tuple[str, str, str]]:
    """(file, column, DuckDB type) of every top-level column; parquet_schema lists the elements depth first."""
    rows = connection.execute(
        "SELECT file_name, lower(name), coalesce(num_children, 0), type, converted_type, duckdb_type "
        "FROM parquet_schema($paths)",
        {"paths": paths},
    ).fetchall()
    position = 0
    while position < len(rows):
        children = rows[position][2]
        position += 1
        for _ in range(children):
            path, name, nested, physical, converted, kind = rows[position]
            is_text = physical == "BYTE_ARRAY" and converted != "DECIMAL"
            yield path, name, "nested" if nested else "VARCHAR" if is_text else kind
            position = _after(rows, position)


def _after(rows: list[tuple[str, str, int, str, str, str]], position: int) -> int:
    following = position + 1
    for _ in range(rows[position][2]):
        following = _after(rows, following)
    return following


def _family(duckdb_type: str) -> str | None:
    if duckdb_type.endswith("[]") or duckdb_type.startswith(("MAP", "STRUCT")) or duckdb_type == "nested":
        return "nested"
    name = duckdb_type.split("(", 1)[0].split(" ", 1)[0]
    return _FAMILIES.get({"TEXT": "VARCHAR", "INT": "INTEGER", "REAL": "FLOAT"}.get(name, name))


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _string(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
