"""The stand-in's records, durable in SQLite: what was answered as created is on disk."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from local.servicenow.query import EncodedQuery
from local.servicenow.tables import Table

Record = dict[str, str]


class DuplicateEntry(Exception):
    """A unique index refused a record."""


class Books:
    """Every table of the instance; values are text, empty when not given. Safe to use from several threads."""

    def __init__(self, file: Path, tables: Mapping[str, Table], clock: Callable[[], float]) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._tables = tables
        self._clock = clock
        self._lock = Lock()
        self._database = sqlite3.connect(file, check_same_thread=False)
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        with self._database:
            self._database.execute(
                'CREATE TABLE IF NOT EXISTS ".settings" (name TEXT PRIMARY KEY, value TEXT NOT NULL)'
            )
            for name, table in tables.items():
                self._set_up(name, table)

    def close(self) -> None:
        """Closes the file; the records stay."""
        with self._lock:
            self._database.close()

    def setting(self, name: str, default: str) -> str:
        """A value the instance keeps from its first start on."""
        with self._lock, self._database:
            self._database.execute('INSERT OR IGNORE INTO ".settings" VALUES (?, ?)', (name, default))
            return str(self._database.execute('SELECT value FROM ".settings" WHERE name = ?', (name,)).fetchone()[0])

    def insert(self, table: str, fields: Mapping[str, str], user: str) -> Record:
        """Creates a record; columns the table lacks are ignored and long texts cut. Raises DuplicateEntry."""
        now = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%d %H:%M:%S")
        definition = self._tables[table]
        record = {column: fields.get(column, "")[:length] for column, length in definition.columns.items()}
        record |= {"sys_id": uuid.uuid4().hex, "sys_mod_count": "0"}
        record |= {"sys_created_on": now, "sys_created_by": user, "sys_updated_on": now, "sys_updated_by": user}
        columns = ", ".join(f'"{column}"' for column in record)
        statement = f'INSERT INTO "{table}" ({columns}) VALUES ({", ".join("?" * len(record))})'  # noqa: S608 own names
        with self._lock:
            try:
                with self._database:
                    self._database.execute(statement, tuple(record.values()))
            except sqlite3.IntegrityError as error:
                column = str(error).rpartition(".")[2]
                raise DuplicateEntry(f"Duplicate entry '{record.get(column, '')}' for key '{column}'") from None
        return {column: record[column] for column in definition.all_columns}

    def select(self, table: str, query: EncodedQuery, limit: int, offset: int) -> tuple[list[Record], int]:
        """One page of the records a query selects, and how many it selects in all."""
        chosen = f'FROM "{table}" WHERE {query.where}'
        page = f"SELECT * {chosen} ORDER BY {query.order_by} LIMIT ? OFFSET ?"
        with self._lock:
            rows = self._database.execute(page, (*query.values, limit, offset)).fetchall()
            total = self._database.execute(f"SELECT count(*) {chosen}", query.values).fetchone()[0]
        return [dict(row) for row in rows], int(total)

    def _set_up(self, name: str, table: Table) -> None:
        columns = ", ".join(f"\"{column}\" TEXT NOT NULL DEFAULT ''" for column in table.all_columns)
        self._database.execute(f'CREATE TABLE IF NOT EXISTS "{name}" ({columns}, UNIQUE (sys_id))')
        for column in table.unique:
            self._database.execute(
                f'CREATE UNIQUE INDEX IF NOT EXISTS "{name}_{column}" ON "{name}" ("{column}") WHERE "{column}" <> \'\''
            )
