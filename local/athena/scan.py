"""The data behind a table reference: its files, as a DuckDB relation that reads them in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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

    def scanned_bytes(self, connection: duckdb.DuckDBPyConnection) -> int:
        """What Athena would bill for: the column chunks of the columns read, or whole objects when they are JSON."""
        if self.table.file_format == "json" or not self.files:
            return sum(file.size for file in self.files)
        row = connection.execute(
            "SELECT coalesce(sum(total_compressed_size), 0) FROM parquet_metadata($paths) "
            "WHERE list_contains($columns, lower(split_part(path_in_schema, ', ', 1)))",
            {"paths": [str(file.path) for file in self.files], "columns": list(self.columns)},
        ).fetchone()
        return int(row[0]) if row else 0

    def relation(self, connection: duckdb.DuckDBPyConnection) -> str:
        """A SELECT over the files with the reference's columns, in their declared types.

        Fails as Athena does when a Parquet column is of another kind than the table declares.
        """
        stored = _stored_columns(connection, self.table, self.columns, self.files)
        branches = [
            self._branch(partition, list(files), stored)
            for partition, files in groupby(self.files, lambda file: file.partition)
        ]
        return "\nUNION ALL\n".join(branches) or f"SELECT {self._outputs({}, [])} WHERE false"

    def _branch(self, partition: Partition, files: Sequence[DataFile], stored: Mapping[Path, frozenset[str]]) -> str:
        values = {column: _string(value) for column, value in partition.values.items()}
        found = sorted(frozenset().union(*(stored[file.path] for file in files)))
        if PATH_COLUMN in self.columns:
            values[PATH_COLUMN] = _path_of(files)
        paths = ", ".join(_string(str(file.path)) for file in files)
        options = "hive_partitioning = false, filename = true"
        if self.table.file_format == "parquet":
            reader = f"read_parquet([{paths}], union_by_name = true, binary_as_string = true, {options})"
        else:
            kinds = {column: self.table.columns[column].sql("duckdb") for column in found or self.table.columns}
            columns = ", ".join(f"{_string(column)}: {_string(kind)}" for column, kind in kinds.items())
            reader = f"read_json([{paths}], format = 'newline_delimited', columns = {{{columns}}}, {options})"
        return f"SELECT {self._outputs(values, found)} FROM {reader}"  # noqa: S608

    def _outputs(self, values: Mapping[str, str], stored: Sequence[str]) -> str:
        """Every column of the reference in its declared type: stored, of the partition, or absent and so NULL."""
        kinds = {**self.table.all_columns, PATH_COLUMN: exp.DataType.build("varchar")}
        outputs = [
            f"CAST({values.get(column, _identifier(column) if column in stored else 'NULL')} "
            f"AS {kinds[column].sql('duckdb')}) AS {_identifier(column)}"
            for column in self.columns
        ]
        return ", ".join(outputs) or "1"


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


def _path_of(files: Sequence[DataFile]) -> str:
    if len(files) == 1:
        return _string(files[0].uri)
    entries = ", ".join(f"{_string(str(file.path))}: {_string(file.uri)}" for file in files)
    return f"(MAP {{{entries}}})[filename]"


def _stored_columns(
    connection: duckdb.DuckDBPyConnection, table: Table, columns: Sequence[str], files: Sequence[DataFile]
) -> dict[Path, frozenset[str]]:
    """Which of the wanted columns each file holds; a JSON file may hold any."""
    wanted = frozenset(columns) & frozenset(table.columns)
    if table.file_format == "json" or not files:
        return {file.path: wanted for file in files}
    by_path = {str(file.path): file for file in files}
    stored: dict[Path, set[str]] = {file.path: set() for file in files}
    for path, column, kind in _parquet_columns(connection, list(by_path)):
        if column not in wanted:
            continue
        declared = table.columns[column]
        if (family := _family(declared.sql("duckdb"))) is not None and family != _family(kind):
            raise QueryFailed(
                f"HIVE_BAD_DATA: Field {column}'s type {kind} in parquet file {by_path[path].uri} is incompatible "
                f"with type {declared.sql('athena').lower()} defined in table schema"
            )
        stored[by_path[path].path].add(column)
    return {path: frozenset(names) for path, names in stored.items()}


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
