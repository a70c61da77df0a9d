"""Of two writers of a month one is refused, whoever comes first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.dynamodb.models import DynamoDBBackend

from functions.shared.adapters.period_table import PeriodTable
from functions.shared.errors import PeriodLocked
from functions.shared.period_state import PeriodRecord, PeriodStatus
from tests.unit.function_bench import FunctionBench

NEW = PeriodRecord(billing_period="2026-05", status=PeriodStatus.RUNNING, revision=1, execution_id="one")


def test_a_month_never_begun_has_no_record(bench: FunctionBench) -> None:
    assert bench.periods.load("2026-05") is None


def test_a_record_reads_back_as_it_was_saved(bench: FunctionBench) -> None:
    whole = NEW.changed(
        booked_in="2026-05",
        run_id="run-1",
        delivery_fingerprint="ab",
        closed_fingerprint="cd",
        updated_at="2026-06-03T08:00:00Z",
        failure_error="QueryFailed",
        failure_cause="scan limit",
    )
    bench.periods.save(whole, replaces=None)

    assert bench.periods.load("2026-05") == whole


def test_two_who_begin_a_month_are_one_who_begins_it(bench: FunctionBench) -> None:
    bench.periods.save(NEW, replaces=None)

    with pytest.raises(PeriodLocked, match="2026-05: another execution took the period at this moment"):
        bench.periods.save(NEW.model_copy(update={"execution_id": "two"}), replaces=None)
    assert bench.periods.load("2026-05") == NEW


def test_two_who_change_the_version_they_saw_are_one_who_changes_it(bench: FunctionBench) -> None:
    bench.periods.save(NEW, replaces=None)
    seen = bench.periods.load("2026-05")
    assert seen is not None

    bench.periods.save(seen.changed(execution_id="two"), replaces=seen)
    with pytest.raises(PeriodLocked):
        bench.periods.save(seen.changed(execution_id="three"), replaces=seen)

    kept = bench.periods.load("2026-05")
    assert kept is not None
    assert (kept.execution_id, kept.item_version) == ("two", 2)


@pytest.fixture
def one_write_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """DynamoDB's; moto looks at a condition and writes in two steps, between which another thread may write."""
    lock = Lock()

    def alone(operation: Any) -> Any:
        def locked(*args: Any, **kwargs: Any) -> Any:
            with lock:
                return operation(*args, **kwargs)

        return locked

    for name in ("put_item", "update_item"):
        monkeypatch.setattr(DynamoDBBackend, name, alone(getattr(DynamoDBBackend, name)))


@pytest.mark.usefixtures("one_write_at_a_time")
def test_of_many_at_the_same_moment_exactly_one_takes_the_month(bench: FunctionBench) -> None:
    bench.periods.save(NEW, replaces=None)
    at_once = Barrier(4, timeout=30)

    def take(name: str) -> str | None:
        table = tables[name]
        at_once.wait()
        try:
            table.save(NEW.changed(execution_id=name), replaces=NEW)
        except PeriodLocked:
            return None
        return name

    tables = {name: PeriodTable("periods") for name in "abcd"}
    with ThreadPoolExecutor(4) as writers:
        winners = [name for name in writers.map(take, tables) if name]

    kept = bench.periods.load("2026-05")
    assert kept is not None
    assert winners == [kept.execution_id]


def test_months_do_not_stand_in_each_others_way(bench: FunctionBench) -> None:
    bench.periods.save(NEW, replaces=None)
    bench.periods.save(NEW.model_copy(update={"billing_period": "2026-06"}), replaces=None)

    assert bench.periods.load("2026-06") is not None


def test_a_table_that_is_not_there_is_no_lock() -> None:
    with mock_aws(), pytest.raises(ClientError, match="ResourceNotFoundException"):
        PeriodTable("elsewhere").save(NEW, replaces=None)
