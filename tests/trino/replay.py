"""Runs on Trino what the state machine had Athena run, and compares every relation with what DuckDB made of it."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from moto.athena.models import athena_backends

from functions.shared.periods import BillingPeriod
from local.athena.backend import LocalExecution
from local.athena.results import java_double
from local.athena.statements import parse_statement
from local.aws.cloud import ACCOUNT_ID
from local.world import World
from tests.trino.client import TrinoClient, TrinoQueryFailed
from tests.trino.tables import SCRATCH_BUCKET, create_table, in_scratch

SHOWN_DIFFERENCES = 3
Row = tuple[Any, ...]
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Comparison:
    """One relation by both engines: how many rows DuckDB gave, how long Trino took, and where they are not the same."""

    month: str
    statement: str
    rows: int
    seconds: float
    differences: tuple[str, ...]

    def __str__(self) -> str:
        verdict = "; ".join(self.differences) or "equal"
        return f"{self.month}  {self.statement:<24} {self.rows:>7,} rows  {self.seconds:6.2f} s  {verdict}"


class CloseFailed(Exception):
    """The local close did not get through, so there is nothing to compare."""


class Replay:
    """One local world with its tables in Trino beside it."""

    def __init__(self, world: World, trino: TrinoClient) -> None:
        self._world = world
        self._trino = trino
        self._schema = f"world_{next(_numbers)}"
        self._replayed: set[str] = set()
        world.cloud.client("s3").create_bucket(Bucket=SCRATCH_BUCKET)
        trino.run(f"CREATE SCHEMA {self._schema} WITH (location = 's3://{SCRATCH_BUCKET}/{self._schema}/')")
        glue = world.cloud.client("glue")
        for database in glue.get_databases()["DatabaseList"]:
            for table in glue.get_tables(DatabaseName=database["Name"])["TableList"]:
                trino.run(create_table(self._schema, table, world.work_bucket, datetime.now(UTC).date()))

    def close(self, cur: Path, policy: Path, period: str, *, preview: bool = False) -> list[Comparison]:
        """Delivers and closes a month locally, then runs its statements again on Trino, in the same order.

        Each statement reads what Trino itself made of those before it. Raises CloseFailed.
        """
        world = self._world
        world.deliver(cur, BillingPeriod.parse(period))
        request = {"billing_period": period, "preview": preview, "policy_key": world.put_policy(policy)}
        execution = world.cloud.wait(world.start_close(request))
        if execution["status"] != "SUCCEEDED":
            raise CloseFailed(f"{period}: {execution.get('error')}: {execution.get('cause')}")
        output = json.loads(execution["output"])
        month = f"{cur.name} {period} revision {output['period']['revision']}"
        return [self._compare(month, query) for query in self._new_queries()]

    def _new_queries(self) -> Iterator[LocalExecution]:
        for query in list(athena_backends[ACCOUNT_ID][self._world.cloud.region].executions.values()):
            if isinstance(query, LocalExecution) and query.status == "SUCCEEDED" and query.id not in self._replayed:
                self._replayed.add(query.id)
                yield query

    def _compare(self, month: str, query: LocalExecution) -> Comparison:
        name = str(query.token).rsplit("-", 1)[-1]
        statement = parse_statement(query.query)
        started = time.monotonic()
        try:
            if statement.unload:
                place = in_scratch(statement.unload.location, self._world.work_bucket)
                self._trino.run(self._create_as(name, place, statement.query), self._schema)
                theirs = self._stored(SCRATCH_BUCKET, statement.unload.prefix)
                ours = self._stored(statement.unload.bucket, statement.unload.prefix)
                compare = _differences
            else:
                theirs = [tuple(map(athena_text, row)) for row in self._trino.run(statement.query, self._schema).rows]
                ours = _result(query)
                compare = _ordered_differences
        except TrinoQueryFailed as failed:
            return Comparison(month, name, 0, time.monotonic() - started, (str(failed),))
        return Comparison(month, name, len(ours), time.monotonic() - started, tuple(compare(ours, theirs)))

    def _create_as(self, name: str, place: str, query: str) -> str:
        """What UNLOAD does on Athena: the rows as Parquet in a folder, with the types the SELECT gives them."""
        table = f"unload_{next(_numbers)}_{name}"
        return f"CREATE TABLE {table} WITH (format = 'PARQUET', external_location = '{place}') AS {query.strip()}"

    def _stored(self, bucket: str, prefix: str) -> list[Row]:
        """The rows of all Parquet files of a folder."""
        tables = [pq.read_table(item.path) for item in self._world.cloud.files.objects(bucket, prefix)]
        names = [(field.name, _kind(str(field.type))) for field in tables[0].schema] if tables else []
        rows = [tuple(row.values()) for table in tables for row in table.to_pylist()]
        return [(tuple(names),), *((*map(_exact, row),) for row in rows)] if tables else []


def _kind(arrow_type: str) -> str:
    """Column types that Athena's tables do not tell apart are one: a list's item is named differently by engines."""
    return "list" if arrow_type.startswith("list") else arrow_type


def _exact(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    return tuple(value) if isinstance(value, list) else value


def _result(query: LocalExecution) -> list[Row]:
    assert query.rows is not None
    return [tuple(row) for row in query.rows.rows]


def athena_text(value: Any) -> str | None:
    """A value of Trino's JSON in the words that Athena's result files use."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            return java_double(value)
        case list():
            return f"[{', '.join(str(athena_text(item)) for item in value)}]"
    return str(value)


def _differences(ours: Sequence[Row], theirs: Sequence[Row]) -> Iterator[str]:
    """Rows that only one engine has; UNLOAD promises no order."""
    mine, others = Counter(ours), Counter(theirs)
    yield from _shown("only in DuckDB", list((mine - others).elements()))
    yield from _shown("only in Trino", list((others - mine).elements()))


def _ordered_differences(ours: Sequence[Row], theirs: Sequence[Row]) -> Iterator[str]:
    """Rows that only one engine has, or the first place where the same rows come in another order."""
    found = list(_differences(ours, theirs))
    yield from found
    if not found and list(ours) != list(theirs):
        place = next(i for i, (mine, other) in enumerate(zip(ours, theirs, strict=True)) if mine != other)
        yield f"another order from row {place + 1}: DuckDB {ours[place]}, Trino {theirs[place]}"


def _shown(where: str, rows: list[Row]) -> Iterator[str]:
    if rows:
        first = ", ".join(sorted(map(str, rows))[:SHOWN_DIFFERENCES])
        yield f"{len(rows)} rows {where}: {first}{' …' if len(rows) > SHOWN_DIFFERENCES else ''}"
