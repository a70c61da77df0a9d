"""The stand-in's records, durable in SQLite: what was answered as created is on disk."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from local.servicenow.query import EncodedQuery
from local.servicenow.tables import Table

Record = dict[str, str]
_FIRST_NUMBER = 10_001


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
            self._database.execute("BEGIN")
            self._database.execute(
                'CREATE TABLE IF NOT EXISTS ".settings" (name TEXT PRIMARY KEY, value TEXT NOT NULL)'
            )
            self._database.execute(
                'CREATE TABLE IF NOT EXISTS ".contents" (sys_id TEXT PRIMARY KEY, content BLOB NOT NULL)'
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

    def insert(self, table: str, fields: Mapping[str, str], user: str, content: bytes | None = None) -> Record:
        """Creates a record; columns the table lacks are ignored and long texts cut. Raises DuplicateEntry.

        ``content`` is what an attachment's record is about, and is kept with it or not at all.
        """
        definition = self._tables[table]
        given = {**definition.defaults, **fields}
        record = {column: given.get(column, "")[:length] for column, length in definition.columns.items()}
        record |= {"sys_id": uuid.uuid4().hex, "sys_mod_count": "0", "sys_created_by": user, "sys_updated_by": user}
        record |= dict.fromkeys(("sys_created_on", "sys_updated_on"), self._now())
        with self._writing(record):
            if definition.number and not record["number"]:
                record["number"] = self._next_number(table, definition.number)
            self._write_journals(table, record, user)
            self._insert(table, record)
            if content is not None:
                self._database.execute('INSERT INTO ".contents" VALUES (?, ?)', (record["sys_id"], content))
        return {column: record[column] for column in definition.all_columns}

    def update(self, table: str, sys_id: str, fields: Mapping[str, str], user: str) -> Record | None:
        """Changes a record as ``insert`` creates one; None when there is none."""
        definition = self._tables[table]
        with self._lock:
            row = self._database.execute(f'SELECT * FROM "{table}" WHERE sys_id = ?', (sys_id,)).fetchone()  # noqa: S608 own names
        if row is None:
            return None
        record = dict(row)
        record |= {
            name: text[: definition.columns[name]] for name, text in fields.items() if name in definition.columns
        }
        record |= {"sys_mod_count": str(int(record["sys_mod_count"]) + 1)}
        record |= {"sys_updated_on": self._now(), "sys_updated_by": user}
        with self._writing(record):
            self._write_journals(table, record, user)
            settings = ", ".join(f'"{column}" = ?' for column in record)
            statement = f'UPDATE "{table}" SET {settings} WHERE sys_id = ?'  # noqa: S608 own names
            self._database.execute(statement, (*record.values(), sys_id))
        return {column: record[column] for column in definition.all_columns}

    def select(self, table: str, query: EncodedQuery, limit: int, offset: int) -> tuple[list[Record], int]:
        """One page of the records a query selects, and how many it selects in all."""
        chosen = f'FROM "{table}" WHERE {query.where}'
        page = f"SELECT * {chosen} ORDER BY {query.order_by} LIMIT ? OFFSET ?"
        with self._lock:
            rows = self._database.execute(page, (*query.values, limit, offset)).fetchall()
            total = self._database.execute(f"SELECT count(*) {chosen}", query.values).fetchone()[0]
        return [dict(row) for row in rows], int(total)

    def find(self, table: str, **columns: str) -> Record | None:
        """The first record with these values."""
        query = EncodedQuery(tuple((column, "=", value) for column, value in columns.items()), ())
        records, _ = self.select(table, query, 1, 0)
        return records[0] if records else None

    def content(self, sys_id: str) -> bytes | None:
        """What is in an attached file."""
        with self._lock:
            row = self._database.execute('SELECT content FROM ".contents" WHERE sys_id = ?', (sys_id,)).fetchone()
        return bytes(row[0]) if row else None

    @contextmanager
    def _writing(self, record: Record) -> Iterator[None]:
        with self._lock:
            try:
                with self._database:
                    yield
            except sqlite3.IntegrityError as error:
                column = str(error).rpartition(".")[2]
                raise DuplicateEntry(f"Duplicate entry '{record.get(column, '')}' for key '{column}'") from None

    def _insert(self, table: str, record: Record) -> None:
        columns = ", ".join(f'"{column}"' for column in record)
        statement = f'INSERT INTO "{table}" ({columns}) VALUES ({", ".join("?" * len(record))})'  # noqa: S608 own names
        self._database.execute(statement, tuple(record.values()))

    def _write_journals(self, table: str, record: Record, user: str) -> None:
        """Moves what was written into journal columns to the journal."""
        for element in self._tables[table].journals:
            value, record[element] = record[element], ""
            if value:
                entry = dict.fromkeys(self._tables["sys_journal_field"].all_columns, "")
                entry |= {"sys_id": uuid.uuid4().hex, "sys_created_on": self._now(), "sys_created_by": user}
                entry |= {"name": table, "element": element, "element_id": record["sys_id"], "value": value}
                self._insert("sys_journal_field", entry)

    def _next_number(self, table: str, prefix: str) -> str:
        count = self._database.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]  # noqa: S608 own names
        return f"{prefix}{_FIRST_NUMBER + int(count):07d}"

    def _now(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%d %H:%M:%S")

    def _set_up(self, name: str, table: Table) -> None:
        columns = ", ".join(f"\"{column}\" TEXT NOT NULL DEFAULT ''" for column in table.all_columns)
        self._database.execute(f'CREATE TABLE IF NOT EXISTS "{name}" ({columns}, UNIQUE (sys_id))')
        there = {row["name"] for row in self._database.execute(f'PRAGMA table_info("{name}")')}
        for column in table.all_columns:
            if column not in there:
                self._database.execute(f'ALTER TABLE "{name}" ADD COLUMN "{column}" TEXT NOT NULL DEFAULT \'\'')
        for column in table.unique:
            self._database.execute(
                f'CREATE UNIQUE INDEX IF NOT EXISTS "{name}_{column}" ON "{name}" ("{column}") WHERE "{column}" <> \'\''
            )
