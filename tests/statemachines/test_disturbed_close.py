"""What can go wrong in the middle of a close leaves nothing half done: it starts over, it stops, or it resumes."""

from __future__ import annotations

import io
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from functions.shared.money import parse_money, total
from tests.statemachines.harness import Close

pytestmark = pytest.mark.slow


def charged_once(close: Close, period: str) -> Decimal:
    """What the books hold of a month, every cost center exactly once."""
    held = close.charges(period)
    assert held
    assert all(len(amounts) == 1 for amounts in held.values())
    return total(parse_money(amounts[0]) for amounts in held.values())


def stop_what_runs(close: Close) -> None:
    """Stops the running execution as a person in the console does."""
    client = close.world.cloud.client("stepfunctions")
    machines = client.list_state_machines()["stateMachines"]
    [machine] = [found for found in machines if found["name"].endswith("month_end_close")]
    listed = client.list_executions(stateMachineArn=machine["stateMachineArn"], statusFilter="RUNNING")
    [running] = listed["executions"]
    client.stop_execution(executionArn=running["executionArn"])


def test_a_delivery_during_the_close_starts_it_over_and_the_new_bytes_are_closed(close: Close) -> None:
    first = close.deliver("2025-01", seed=1)

    with close.before("check_seal", lambda: close.deliver("2025-01", seed=2)):
        closed = close.run("2025-01")

    second = close.deliver("2025-01", seed=2)
    assert first.billed_cost != second.billed_cost
    assert (closed.status, closed.output["attempt"]) == ("SUCCEEDED", 2)
    assert closed.states.count("StartOver") == 1
    assert closed.output["reconciliation"]["billed_cost"] == second.billed_cost
    assert charged_once(close, "2025-01") == Decimal(second.billed_cost)


def test_a_delivery_that_begins_during_the_close_ends_it_and_its_manifest_begins_another(close: Close) -> None:
    truth = close.deliver("2025-09")

    with close.before("check_seal", lambda: close.overwrite("2025-09")):
        failed = close.run_as_asked({"manifest_key": close.manifest("2025-09"), "policy_key": close.policy_key})

    assert (failed.status, failed.error) == ("FAILED", "DeliveryInProgress")
    record = close.period("2025-09")
    assert record is not None
    assert (record.status, record.execution_id, record.failure_error) == ("FINAL", "", "DeliveryInProgress")
    assert close.published("2025-09") == []

    with close.a_minute_later():
        close.deliver("2025-09")
    closed = close.run("2025-09")
    assert closed.status == "SUCCEEDED"
    assert charged_once(close, "2025-09") == Decimal(truth.billed_cost)


def test_a_third_delivery_within_one_close_ends_it(close: Close) -> None:
    close.deliver("2025-02", seed=1)

    with close.before("check_seal", *(lambda seed=seed: close.deliver("2025-02", seed=seed) for seed in (2, 3, 4))):
        failed = close.run("2025-02")

    assert (failed.status, failed.error) == ("FAILED", "SealedDataChanged")
    assert "AWS delivered cur2/" in failed.cause
    assert failed.states.count("ReadManifest") == 3
    record = close.period("2025-02")
    assert record is not None
    assert (record.status, record.failure_error) == ("FINAL", "SealedDataChanged")
    assert close.published("2025-02") == []


def test_a_ledger_that_is_a_cent_off_is_neither_published_nor_posted(close: Close) -> None:
    close.deliver("2025-03")

    def add_a_cent() -> None:
        [part] = [
            version.key for version in close.work.latest_versions("runs/2025-03-") if "/ledger_entries/" in version.key
        ]
        table = pq.read_table(io.BytesIO(close.work.read(part)))
        column = table.schema.get_field_index("cost")
        costs = table["cost"].to_pylist()
        costs[0] += Decimal("0.01")
        changed = table.set_column(column, table.schema.field(column), pa.array(costs, table.schema.field(column).type))
        target = io.BytesIO()
        pq.write_table(changed, target)
        close.work.write(part, target.getvalue(), "application/octet-stream")

    with close.before_query("r020_invoices", add_a_cent):
        failed = close.run("2025-03")

    assert (failed.status, failed.error) == ("FAILED", "ReconciliationFailed")
    assert failed.cause.endswith("delta -0.01")
    record = close.period("2025-03")
    assert record is not None
    assert (record.status, record.execution_id) == ("FINAL", "")
    assert (record.failure_error, record.failure_cause) == (failed.error, failed.cause)
    assert close.published("2025-03") == []
    assert close.charges("2025-03") == {}
    assert close.statements.latest_versions("charge_period=2025-03/") == []


def test_one_refused_charge_does_not_stop_the_others_and_the_next_run_posts_only_that_one(close: Close) -> None:
    truth = close.deliver("2025-04")
    close.books.fail_next(1, "403", on="POST")

    refused = close.run("2025-04")

    assert (refused.status, refused.error) == ("FAILED", "PostingForbidden")
    assert refused.cause.startswith("1 of 3 charges are not posted: CC-")
    assert len(close.charges("2025-04")) == 2
    record = close.period("2025-04")
    assert record is not None
    assert (record.status, record.failure_error) == ("PUBLISHED", "PostingForbidden")
    published = close.published("2025-04")

    resumed = close.run("2025-04")

    assert (resumed.status, resumed.output["period"]["action"]) == ("SUCCEEDED", "resume")
    assert "FoldLineItems" not in resumed.states
    assert charged_once(close, "2025-04") == Decimal(truth.billed_cost)
    assert close.published("2025-04") == published
    record = close.period("2025-04")
    assert record is not None
    assert (record.status, record.revision, record.failure_error) == ("CLOSED", 1, None)


def test_books_that_changed_a_charge_after_it_was_posted_stop_the_close_until_they_are_mended(close: Close) -> None:
    truth = close.deliver("2025-11")

    def change_a_line() -> None:
        [first, *_] = [
            line for line in close.books.records("fm_expense_line") if "2025-11," in line["short_description"]
        ]
        changed.append(first)
        close.books.change_record("fm_expense_line", first["sys_id"], {"amount": "0.07"})

    changed: list[dict[str, str]] = []
    with close.before("check_postings", change_a_line):
        failed = close.run("2025-11")

    assert (failed.status, failed.error) == ("FAILED", "PostingMismatch")
    assert f"{changed[0]['u_cost_center']}: record {changed[0]['sys_id']} holds 0.07 USD" in failed.cause
    assert close.attached("2025-11") == {}

    close.books.change_record("fm_expense_line", changed[0]["sys_id"], {"amount": changed[0]["amount"]})
    assert close.run("2025-11").status == "SUCCEEDED"
    assert charged_once(close, "2025-11") == Decimal(truth.billed_cost)


def test_a_file_that_the_books_refuse_is_attached_by_the_next_run_and_the_others_not_again(close: Close) -> None:
    truth = close.deliver("2025-10")
    close.books.fail_next(1, "403", on="upload", after=2)

    refused = close.run("2025-10")
    assert (refused.status, refused.error) == ("FAILED", "PostingForbidden")

    assert close.run("2025-10").status == "SUCCEEDED"
    assert charged_once(close, "2025-10") == Decimal(truth.billed_cost)
    attached = close.attached("2025-10")
    assert all(len(files) == 1 for files in attached.values())
    filed = {v.key.rpartition("/")[2] for v in close.statements.latest_versions("charge_period=2025-10/")}
    assert attached.keys() == filed


def test_a_month_that_is_being_closed_is_left_to_whoever_closes_it(close: Close) -> None:
    truth = close.deliver("2025-05")
    others = []

    with close.before("seal_billing_data", lambda: others.append(close.run("2025-05"))):
        closed = close.run("2025-05")

    [other] = others
    assert (other.status, other.error) == ("FAILED", "PeriodLocked")
    assert closed.arn in other.cause
    assert closed.status == "SUCCEEDED"
    assert charged_once(close, "2025-05") == Decimal(truth.billed_cost)


def test_the_schedule_leaves_a_month_that_is_being_closed_alone(close: Close) -> None:
    close.deliver("2025-08")
    others = []

    def ask_as_the_schedule_does() -> None:
        others.append(close.run_as_asked({"scheduled_at": "2025-09-05T06:00:00Z", "policy_key": close.policy_key}))

    with close.before("seal_billing_data", ask_as_the_schedule_does):
        closed = close.run("2025-08")

    [other] = others
    assert (other.status, other.states[-1]) == ("SUCCEEDED", "BeingClosed")
    assert closed.status == "SUCCEEDED"


def test_the_lock_of_a_dead_execution_is_taken_over(close: Close) -> None:
    close.deliver("2025-06")
    with close.before("seal_billing_data", lambda: stop_what_runs(close)):
        dead = close.run("2025-06")
    held = close.period("2025-06")
    assert held is not None
    assert (dead.status, held.status, held.execution_id) == ("ABORTED", "RUNNING", dead.arn)

    closed = close.run("2025-06")

    taken = close.period("2025-06")
    assert taken is not None
    assert (closed.status, taken.status, taken.execution_id) == ("SUCCEEDED", "CLOSED", closed.arn)
    assert taken.run_id != held.run_id


def test_a_run_that_dies_while_it_publishes_is_completed_and_never_mixed_with_another(close: Close) -> None:
    """AWS delivers before the next run: were it to compute a ledger of its own, the month would hold parts of two."""
    truth = close.deliver("2025-07", seed=1)
    with close.before("publish_ledger", lambda: stop_what_runs(close)):
        dead = close.run("2025-07")
    died = close.period("2025-07")
    assert died is not None
    assert (dead.status, died.status) == ("ABORTED", "RECONCILED")
    close.deliver("2025-07", seed=2)

    resumed = close.run("2025-07")

    assert (resumed.status, resumed.output["period"]["run_id"]) == ("SUCCEEDED", died.run_id)
    assert len(close.published("2025-07")) == 1
    assert charged_once(close, "2025-07") == Decimal(truth.billed_cost)
    record = close.period("2025-07")
    assert record is not None
    assert record.closed_fingerprint == died.delivery_fingerprint != resumed.output["delivery"]["fingerprint"]
