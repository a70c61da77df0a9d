"""The deployed month-end close on one machine, with hands to disturb it at the worst moment."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from functions.shared.adapters.object_store import ObjectStore
from functions.shared.adapters.period_table import PeriodTable
from functions.shared.observability import SERVICE
from functions.shared.period_state import PeriodRecord
from functions.shared.periods import BillingPeriod
from local.sample.invoices import MonthTruth
from local.sample.month import write_month
from local.sample.organisation import ACCOUNTS
from local.servicenow.server import ServiceNowStandIn
from local.world import CONFIG, World, open_world
from tests.unit.shared.policy_sample import sample

Action = Callable[[], object]


@dataclass(frozen=True)
class Execution:
    """An execution that has ended."""

    arn: str
    status: str
    error: str
    cause: str
    output: dict[str, Any]
    events: list[dict[str, Any]]

    @cached_property
    def states(self) -> list[str]:
        """The states it entered, in order."""
        return [
            event["stateEnteredEventDetails"]["name"] for event in self.events if "stateEnteredEventDetails" in event
        ]


@contextmanager
def open_close() -> Iterator[Close]:
    """Deploys the stacks into a local cloud of their own, and keeps hold of its books."""
    # Where another test has imported a handler, the functions' logger writes to that test's output: begin anew.
    logging.Logger.manager.loggerDict.pop(SERVICE, None)
    opened: list[ServiceNowStandIn] = []
    connect = World.connect_books

    def remember(world: World, books: ServiceNowStandIn) -> None:
        opened.append(books)
        connect(world, books)

    with TemporaryDirectory(prefix="close-") as folder, pytest.MonkeyPatch.context() as patches:
        patches.setattr(World, "connect_books", remember)
        with open_world(Path(folder)) as world:
            yield Close(world, opened[0])


class Close:
    """The local cloud of a file of tests; each takes months of its own, and ``deliver`` holds it to that."""

    def __init__(self, world: World, books: ServiceNowStandIn) -> None:
        self.world = world
        self.books = books
        self.ledger = ObjectStore(world.ledger_bucket)
        self.statements = ObjectStore(world.statements_bucket)
        self.work = ObjectStore(world.work_bucket)
        self.policy_key = world.put_policy(write_small_policy(world.out))
        self._tests: dict[str, str] = {}

    def deliver(self, period: str, *, seed: int = 7, final: bool = True) -> MonthTruth:
        """Delivers a small month of the sample organisation; another seed is another bill under the same names."""
        test = os.environ["PYTEST_CURRENT_TEST"].partition(" ")[0]
        assert self._tests.setdefault(period, test) == test, f"{period} is {self._tests[period]}'s: take another month"
        folder = self.world.out / f"cur-{period}-{seed}-{final}"
        truth = write_month(folder, period, line_items=2000, seed=seed, final=final)
        self.world.deliver(folder, BillingPeriod.parse(period))
        return truth

    def overwrite(self, period: str) -> None:
        """Writes a month's data files again, as AWS begins a delivery; their manifest is yet to come."""
        bucket = self.world.billing_bucket
        s3 = self.world.cloud.client("s3")
        prefix = f"{CONFIG.export_prefix}data/BILLING_PERIOD={period}/"
        with self.a_minute_later():
            for stored in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
                content = s3.get_object(Bucket=bucket, Key=stored["Key"])["Body"].read()
                s3.put_object(Bucket=bucket, Key=stored["Key"], Body=content)

    @contextmanager
    def a_minute_later(self) -> Iterator[None]:
        """What is written to S3 meanwhile has the time of a minute later: S3 tells times in seconds."""
        from moto.s3 import models

        now = models.utcnow
        with pytest.MonkeyPatch.context() as patches:
            patches.setattr(models, "utcnow", lambda: now() + timedelta(minutes=1))
            yield

    def manifest(self, period: str) -> str:
        """The key of a month's manifest."""
        prefix = f"{CONFIG.export_prefix}metadata/BILLING_PERIOD={period}/"
        listed = self.world.cloud.client("s3").list_objects_v2(Bucket=self.world.billing_bucket, Prefix=prefix)
        [manifest] = listed["Contents"]
        key: str = manifest["Key"]
        return key

    def start(self, period: str, **request: Any) -> str:
        """Starts the close of a month with the small policy; returns the execution's ARN."""
        return self.world.start_close({"billing_period": period, "policy_key": self.policy_key} | request)

    def run(self, period: str, **request: Any) -> Execution:
        """Closes a month with the small policy."""
        return self.wait(self.start(period, **request))

    def run_as_asked(self, request: dict[str, Any]) -> Execution:
        """Runs the state machine with this input and no other."""
        return self.wait(self.world.start_close(request))

    def replay(self, period: str, **request: Any) -> Execution:
        """Derives a closed month again."""
        return self.wait(self.world.start_replay({"billing_period": period} | request))

    def validate(self, request: dict[str, Any]) -> Execution:
        """Runs the daily validation with this input, and the small policy."""
        return self.wait(self.world.start_validation(request | {"policy_key": self.policy_key}))

    def wait(self, arn: str) -> Execution:
        """The execution once it has ended."""
        described = self.world.cloud.wait(arn, seconds=120)
        pages = self.world.cloud.client("stepfunctions").get_paginator("get_execution_history")
        return Execution(
            arn=arn,
            status=described["status"],
            error=described.get("error", ""),
            cause=described.get("cause", ""),
            output=json.loads(described.get("output") or "{}"),
            events=[event for page in pages.paginate(executionArn=arn) for event in page["events"]],
        )

    def period(self, period: str) -> PeriodRecord | None:
        """What the periods table holds of a month."""
        [name] = [name for name in self.world.cloud.client("dynamodb").list_tables()["TableNames"] if "Periods" in name]
        return PeriodTable(name).load(period)

    def charges(self, period: str) -> dict[str, list[str]]:
        """What the books hold of a month: amounts by cost center."""
        held: dict[str, list[str]] = {}
        for line in self.books.records("fm_expense_line"):
            if f"chargeback {period}," in line["short_description"]:
                held.setdefault(line["u_cost_center"], []).append(line["amount"])
        return held

    def attached(self, period: str) -> dict[str, list[bytes]]:
        """The files that hang on a month's lines, by their names."""
        lines = {
            line["sys_id"]
            for line in self.books.records("fm_expense_line")
            if f"chargeback {period}," in line["short_description"]
        }
        held: dict[str, list[bytes]] = {}
        for record in self.books.records("sys_attachment"):
            if record["table_sys_id"] in lines:
                held.setdefault(record["file_name"], []).append(self.books.file(record["sys_id"]))
        return held

    def published(self, period: str) -> list[str]:
        """The keys of a month's published ledger."""
        return [version.key for version in self.ledger.latest_versions(f"ledger/billing_period={period}/")]

    @contextmanager
    def before(self, function: str, *actions: Action) -> Iterator[None]:
        """Does one action before each of the next calls of a function, until there are none left."""
        from moto.awslambda.models import LambdaFunction

        left, invoke = list(actions), LambdaFunction._invoke_lambda

        def disturbed(called: Any, event: Any = None) -> Any:
            if called.handler == f"functions.{function}.handler.handler" and left:
                left.pop(0)()
            return invoke(called, event)

        with pytest.MonkeyPatch.context() as patches:
            patches.setattr(LambdaFunction, "_invoke_lambda", disturbed)
            yield
        assert not left, f"{function} was not called often enough"

    @contextmanager
    def before_query(self, statement: str, action: Action) -> Iterator[None]:
        """Does an action before Athena runs a statement of the close."""
        from moto.athena.models import AthenaBackend

        left, start = [action], AthenaBackend.start_query_execution

        def disturbed(backend: Any, **request: Any) -> Any:
            if request["client_request_token"].endswith(statement) and left:
                left.pop()()
            return start(backend, **request)

        with pytest.MonkeyPatch.context() as patches:
            patches.setattr(AthenaBackend, "start_query_execution", disturbed)
            yield
        assert not left, f"{statement} was not run"


def write_small_policy(folder: Path) -> Path:
    """Two business units and three cost centers: every month closes in a moment, and every kind of pool is there."""

    def simplify(document: dict[str, Any]) -> None:
        owners = ("CC-1001", "CC-1002", "CC-9000")
        document["accounts"] = [
            {"id": account.account_id, "name": account.name, "cost_center": owners[number % 3]}
            for number, account in enumerate(ACCOUNTS)
        ]
        document["pools"][0]["split"] = {"method": "even"}
        del document["drivers"]

    policy = folder / "small" / "policy.yaml"
    policy.parent.mkdir(parents=True, exist_ok=True)
    policy.write_text(sample(simplify), encoding="utf-8")
    return policy
