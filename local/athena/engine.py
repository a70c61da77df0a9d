"""Runs a statement on DuckDB: plan, scan limit, rows or Parquet."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
from sqlglot import exp

from local.athena.catalog import GlueCatalog
from local.athena.dialect import MACROS, to_duckdb
from local.athena.failures import QueryCancelled, QueryFailed, bad_data, translate
from local.athena.plan import plan
from local.athena.results import ResultColumn, ResultSet, result_set
from local.athena.scan import DataFile, Scan, scan
from local.athena.statements import Unload, parse_statement
from local.aws.files import ObjectFiles

THREADS = 2
_ROW_GROUP_ROWS = 122_880


@dataclass(frozen=True)
class Outcome:
    """What a statement gave: rows of a SELECT, or the S3 URIs of the files that an UNLOAD wrote."""

    rows: ResultSet | None
    written: tuple[str, ...] = ()


class Engine:
    """One statement at a time, on a DuckDB database of its own that lives in memory."""

    def __init__(
        self,
        catalog: GlueCatalog,
        files: ObjectFiles,
        today: date,
        on_scan: Callable[[int], None],
        scan_limit: int | None = None,
    ) -> None:
        """`on_scan` is told the bytes a statement scans before it runs; above `scan_limit` it is cancelled."""
        self._catalog = catalog
        self._files = files
        self._today = today
        self._on_scan = on_scan
        self._scan_limit = scan_limit

    def run(self, sql: str, database: str) -> Outcome:
        """Runs a statement; raises QueryFailed or QueryCancelled with Athena's reason."""
        statement = parse_statement(sql)
        if statement.unload:
            self._require_empty(statement.unload)
        planned = plan(statement.query, database.lower(), self._catalog)
        scans = [scan(reference, self._files, self._today) for reference in planned.references]
        for number, reference in enumerate(planned.references):
            alias = exp.to_identifier(reference.node.alias_or_name, quoted=True)
            reference.node.replace(exp.to_table(f"scan_{number}", alias=alias))
        query = to_duckdb(planned.tree, sql)
        with duckdb.connect(config={"threads": THREADS}) as connection, tempfile.TemporaryDirectory() as work:
            connection.execute(f"SET TimeZone = 'UTC'; SET temp_directory = '{work}'; {MACROS}")
            try:
                self._limit(connection, scans)
                for number, each in enumerate(scans):
                    connection.execute(f"CREATE TEMP VIEW scan_{number} AS {each.relation(connection)}")
                if statement.unload:
                    return self._unload(connection, query, statement.unload, Path(work))
                return self._select(connection, query)
            except duckdb.Error as error:
                raise _failure(error, sql, [file for each in scans for file in each.files]) from None

    def _limit(self, connection: duckdb.DuckDBPyConnection, scans: Sequence[Scan]) -> None:
        scanned = sum(each.scanned_bytes(connection) for each in scans)
        self._on_scan(scanned)
        if self._scan_limit is not None and scanned > self._scan_limit:
            raise QueryCancelled("Query cancelled! : Bytes scanned limit was exceeded")

    @staticmethod
    def _select(connection: duckdb.DuckDBPyConnection, query: str) -> Outcome:
        cursor = connection.execute(query)
        columns = [ResultColumn(entry[0], str(entry[1])) for entry in cursor.description or []]
        return Outcome(result_set(columns, cursor.fetchall()))

    def _unload(self, connection: duckdb.DuckDBPyConnection, query: str, target: Unload, work: Path) -> Outcome:
        described = connection.execute(f"DESCRIBE {query}").fetchall()
        columns = [ResultColumn(row[0], row[1]) for row in described]
        _check_unloaded_columns(columns)
        # one thread and a fixed row group make the file's bytes a function of its rows
        connection.execute(f"CREATE TEMP TABLE unloaded AS {query}")
        count = connection.execute("SELECT count(*) FROM unloaded").fetchone()
        if not count or not count[0]:
            return Outcome(None)
        name = f"{hashlib.sha256(f'{target.location}{query}'.encode()).hexdigest()[:32]}_00000"
        rows = f"SELECT {', '.join(_stored(column) for column in columns)} FROM unloaded ORDER BY rowid"  # noqa: S608
        options = f"FORMAT parquet, COMPRESSION {target.compression}, ROW_GROUP_SIZE {_ROW_GROUP_ROWS}"
        connection.execute(f"SET threads = 1; COPY ({rows}) TO '{work / name}' ({options})")
        self._files.store(target.bucket, f"{target.prefix}{name}", work / name)
        return Outcome(None, (f"{target.location}{name}",))

    def _require_empty(self, target: Unload) -> None:
        if self._files.objects(target.bucket, target.prefix):
            raise QueryFailed(
                f"HIVE_PATH_ALREADY_EXISTS: Target directory for table '{target.location}' already exists: "
                f"{target.location}. You may need to manually clean the data at location '{target.location}' before "
                "retrying. Athena will not delete data in your account."
            )


def _failure(error: duckdb.Error, sql: str, read: Sequence[DataFile]) -> QueryFailed:
    for file in read:
        if not file.path.is_file():
            return bad_data(file.uri, "the object's bytes are missing from disk")
    return translate(error, sql, {file.path: file.uri for file in read})


def _check_unloaded_columns(columns: Sequence[ResultColumn]) -> None:
    seen: set[str] = set()
    for position, column in enumerate(columns, start=1):
        name = column.name.lower()
        if name == f"_col{position - 1}":
            raise QueryFailed(f"SYNTAX_ERROR: line 1:1: Column name not specified at position {position}")
        if name in seen:
            raise QueryFailed(f"SYNTAX_ERROR: line 1:1: Column name '{name}' specified more than once")
        if column.athena_type == "unknown":
            raise QueryFailed(f"NOT_SUPPORTED: Unsupported Hive type: unknown (column '{name}' is an untyped NULL)")
        seen.add(name)


def _stored(column: ResultColumn) -> str:
    name = '"' + column.name.replace('"', '""') + '"'
    if column.duckdb_type in ("HUGEINT", "UBIGINT"):
        return f"CAST({name} AS BIGINT) AS {name}"
    return name
