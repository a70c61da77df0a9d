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

from functions.render_queries.logic import fold_values
from functions.shared import run_files
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.delivery import Delivery
from functions.shared.periods import BillingPeriod
from functions.shared.policy.ticket_groups import all_ticket_groups
from functions.shared.sql_catalog import render, render_over
from local.athena.backend import LocalExecution
from local.athena.results import java_double
from local.athena.statements import parse_statement
from local.aws.accounts import ACCOUNT_ID
from local.close import read_policy
from local.queries import query
from local.world import CONFIG, World
from tests.trino.client import TrinoClient, TrinoQueryFailed
from tests.trino.tables import SCRATCH_BUCKET, create_table, in_scratch

SHOWN_DIFFERENCES = 3
LINE_ITEM_BASES = ("f010_charges", "a020_owned_charges")
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
        self._month = self._run_id = self._period = ""
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
        self._month = f"{cur.name} {period} revision {output['period']['revision']}"
        self._run_id, self._period = output["period"]["run_id"], period
        return [self._compare(str(asked.token).rsplit("-", 1)[-1], asked) for asked in self._new_queries()]

    def validate(self, policy: Path, period: str) -> list[Comparison]:
        """Measures a month that was delivered, then runs its statements again on Trino; raises CloseFailed."""
        world = self._world
        world.make_groups(all_ticket_groups(read_policy(policy).document))
        request = {"billing_period": period, "policy_key": world.put_policy(policy)}
        execution = world.cloud.wait(world.start_validation(request))
        if execution["status"] != "SUCCEEDED":
            raise CloseFailed(f"{period}: {execution.get('error')}: {execution.get('cause')}")
        self._month = f"{period} validated"
        return [self._compare(str(asked.token).rsplit("-", 1)[-1], asked) for asked in self._new_queries()]

    def explain(self, cost_center: str, pool: str) -> list[Comparison]:
        """Asks both engines what stands behind a cost center's and a pool's cost in the month that was closed last."""
        comparisons = []
        for name, sql in self._explanations(cost_center, pool):
            query(self._world, sql)
            comparisons += [self._compare(name, asked) for asked in self._new_queries()]
        return comparisons

    def _explanations(self, cost_center: str, pool: str) -> Iterator[tuple[str, str]]:
        world, run = self._world, {"run_id": self._run_id}
        delivery = Delivery.model_validate_json(world.read_work(run_files.delivery_key(self._run_id)))
        policy = PolicyOfRun.model_validate_json(world.read_work(run_files.policy_key(self._run_id)))
        fold, flat_tags = fold_values(
            delivery, policy, flattened_tags=CONFIG.flattened_tags, billing_bucket=world.billing_bucket
        )
        ledger = {"charge_period": self._period, "cost_center": cost_center}
        yield "x010_ledger_entries", render("x010_ledger_entries", ledger)
        yield "x040_pool_flow", render("x040_pool_flow", {**run, "pool_id": pool})
        for kind, owner_id in (("cost_center", cost_center), ("pool", pool)):
            owner = {**run, "owner_kind": kind, "owner_id": owner_id, "service_name": ""}
            yield "x030_owned_cost", render("x030_owned_cost", owner)
            line_items = render_over("x020_line_items", LINE_ITEM_BASES, {**fold, **owner}, flat_tags=flat_tags)
            yield "x020_line_items", line_items

    def _new_queries(self) -> Iterator[LocalExecution]:
        for asked in list(athena_backends[ACCOUNT_ID][self._world.cloud.region].executions.values()):
            if isinstance(asked, LocalExecution) and asked.status == "SUCCEEDED" and asked.id not in self._replayed:
                self._replayed.add(asked.id)
                yield asked

    def _compare(self, name: str, asked: LocalExecution) -> Comparison:
        statement = parse_statement(asked.query)
        started = time.monotonic()
        found: list[str] = []
        try:
            if statement.unload:
                place = in_scratch(statement.unload.location, self._world.work_bucket)
                self._trino.run(self._create_as(name, place, statement.query), self._schema)
                columns, ours = self._stored(statement.unload.bucket, statement.unload.prefix)
                other_columns, theirs = self._stored(SCRATCH_BUCKET, statement.unload.prefix)
                if ours and theirs and columns != other_columns:
                    found.append(f"DuckDB writes columns {columns}, Trino {other_columns}")
                found += _differences(ours, theirs)
            else:
                ours = [] if asked.rows is None else [tuple(row) for row in asked.rows.rows]
                theirs = [tuple(map(athena_text, row)) for row in self._trino.run(statement.query, self._schema).rows]
                found += _ordered_differences(ours, theirs)
        except TrinoQueryFailed as failed:
            return Comparison(self._month, name, 0, time.monotonic() - started, (str(failed),))
        return Comparison(self._month, name, len(ours), time.monotonic() - started, tuple(found))

    def _create_as(self, name: str, place: str, query: str) -> str:
        """What UNLOAD does on Athena: the rows as Parquet in a folder, with the types the SELECT gives them."""
        table = f"unload_{next(_numbers)}_{name}"
        return f"CREATE TABLE {table} WITH (format = 'PARQUET', external_location = '{place}') AS {query.strip()}"

    def _stored(self, bucket: str, prefix: str) -> tuple[list[tuple[str, str]], list[Row]]:
        """The columns with their types, and the rows, of all Parquet files of a folder."""
        tables = [pq.read_table(item.path) for item in self._world.cloud.files.objects(bucket, prefix)]
        columns = [(field.name, _kind(str(field.type))) for field in tables[0].schema] if tables else []
        return columns, [tuple(map(_exact, row.values())) for table in tables for row in table.to_pylist()]


def _kind(arrow_type: str) -> str:
    """Column types that Athena's tables do not tell apart are one: a list's item is named differently by engines."""
    return "list" if arrow_type.startswith("list") else arrow_type


def _exact(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    return tuple(value) if isinstance(value, list) else value


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
