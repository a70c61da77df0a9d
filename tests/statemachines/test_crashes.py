"""The close dies at every boundary between two states; whoever starts it again finds everything done once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Literal

import pytest

from functions.shared.adapters.object_store import ObjectStore
from functions.shared.money import parse_money, total
from local.sample.invoices import MonthTruth
from local.servicenow.faults import FaultKind
from tests.statemachines.harness import Close

pytestmark = pytest.mark.slow

Moment = Literal["before", "after"]
"""Before a state has done anything; or when it has, and what came of it is lost with the execution."""

MOST_RUNS = 150


@contextmanager
def dying(close: Close, moment: Moment, died: set[str]) -> Iterator[list[str]]:
    """The execution is stopped at the first state at which none has died yet, whose name is then among ``died``.

    Yields that name, in a list that stays empty when there is no such state.
    """
    from moto.stepfunctions.parser.asl.component.state.state import CommonStateField

    step_functions = close.world.cloud.client("stepfunctions")
    [machine] = [
        found["stateMachineArn"]
        for found in step_functions.list_state_machines()["stateMachines"]
        if found["name"].endswith("month_end_close")
    ]
    act, dead = CommonStateField._eval_body, list[str]()

    def eval_body(state: Any, env: Any) -> None:
        dies = not dead and state.name not in died
        if dies:
            dead.append(state.name)
            died.add(state.name)
        if not dies or moment == "after":
            act(state, env)
        if dies:
            running = step_functions.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
            for execution in running:
                step_functions.stop_execution(executionArn=execution["executionArn"], error="Killed")

    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(CommonStateField, "_eval_body", eval_body)
        yield dead


def assert_done_once(close: Close, period: str, truth: MonthTruth) -> None:
    charges = close.charges(period)
    assert all(len(amounts) == 1 for amounts in charges.values())
    assert total(parse_money(amounts[0]) for amounts in charges.values()) == Decimal(truth.billed_cost)
    filed = [record.key for record in close.statements.latest_versions(f"charge_period={period}/")]
    assert filed
    attached = close.attached(period)
    assert attached.keys() == {key.rpartition("/")[2] for key in filed}
    assert all(len(files) == 1 for files in attached.values())
    record = close.period(period)
    assert record is not None
    assert (record.status, record.revision, record.failure_error) == ("CLOSED", 1, None)
    for store, prefix in (
        (close.ledger, f"ledger/billing_period={period}/"),
        (close.ledger, f"periods/{period}/"),
        (close.statements, f"charge_period={period}/"),
    ):
        versions = version_counts(close, store, prefix)
        assert versions
        assert set(versions.values()) == {1}, "filed more than once"


def version_counts(close: Close, store: ObjectStore, prefix: str) -> Counter[str]:
    s3 = close.world.cloud.client("s3")
    return Counter(item["Key"] for item in s3.list_object_versions(Bucket=store.bucket, Prefix=prefix)["Versions"])


@pytest.mark.parametrize(("moment", "period"), [("before", "2020-01"), ("after", "2020-02")])
def test_a_close_that_died_once_at_every_state_has_done_everything_once(
    close: Close, moment: Moment, period: str
) -> None:
    truth = close.deliver(period)
    died: set[str] = set()
    for _ in range(MOST_RUNS):
        with dying(close, moment, died) as dead:
            ended = close.world.cloud.wait(close.start(period), seconds=120)
        if not dead:
            break

    assert ended["status"] == "SUCCEEDED"
    assert_done_once(close, period, truth)
    another = period.replace("2020", "2023")
    close.deliver(another)
    undisturbed = set(close.run(another).states)
    # Once ClosePeriod has acted the month is closed, and whoever starts it again is told so.
    assert undisturbed - died == ({"Closed"} if moment == "after" else set())
    assert {"PostCharge", "RenderStatement", "AttachStatement", "TakePeriodLock", "ResumeRun"} <= died


@pytest.mark.parametrize(
    ("kind", "period"),
    [
        ("reset_after_act", "2020-03"),
        ("garbled", "2020-04"),
        ("401", "2020-05"),
        ("500", "2020-06"),
        ("429", "2020-07"),
        ("429_bare", "2020-08"),
    ],
)
def test_books_that_fail_at_every_other_request_hold_everything_once_in_the_end(
    close: Close, kind: FaultKind, period: str
) -> None:
    truth = close.deliver(period)
    for number in range(6):
        close.books.fail_next(1, kind, on="any", after=1 if number else 0)
    for _ in range(MOST_RUNS):
        ended = close.run(period)
        if ended.status == "SUCCEEDED":
            break
        assert ended.error.startswith(("Posting", "Books", "Attachment"))

    assert close.books.stop_failing() == 0, "not every fault was met"
    assert_done_once(close, period, truth)
