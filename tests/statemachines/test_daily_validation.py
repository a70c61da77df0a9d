"""The daily validation on one machine: every outcome by its name, and ratios that an independent count confirms."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest

from functions.measure_hygiene.model import Hygiene
from functions.shared import run_files
from functions.shared.adapters.hygiene_table import HygieneTable
from tests.statemachines.definition import VALIDATION, readme_rows, states
from tests.statemachines.harness import Close, Execution

pytestmark = pytest.mark.slow

MEASURED = [
    "BeginValidation",
    "CheckDelivery",
    "CompilePolicy",
    "RenderChecks",
    "FoldLineItems",
    "DivideContainers",
    "AssignOwners",
    "MeasureUntagged",
    "MeasureCoverage",
    "ListOwnerTags",
    "ListCostlyUntagged",
    "MeasurePools",
    "MeasureHygiene",
    "RecordHygiene",
    "UpdateTickets",
    "CountTickets",
    "Validated",
]


def hygiene_of(close: Close, execution: Execution) -> Hygiene:
    return Hygiene.model_validate(close.work.read_json(run_files.hygiene_key(execution.output["delivery"]["run_id"])))


def change_manifest(close: Close, period: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Delivers the month's manifest again, changed."""
    s3, key = close.world.cloud.client("s3"), close.manifest(period)
    manifest = json.loads(s3.get_object(Bucket=close.world.billing_bucket, Key=key)["Body"].read())
    change(manifest)
    s3.put_object(Bucket=close.world.billing_bucket, Key=key, Body=json.dumps(manifest).encode())


def empty_files(close: Close, period: str) -> None:
    """Delivers the month again: every file with its columns and no line, then the manifest."""
    s3, bucket = close.world.cloud.client("s3"), close.world.billing_bucket
    prefix = close.manifest(period).partition("metadata/")[0] + f"data/BILLING_PERIOD={period}/"
    for stored in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
        full = pq.read_table(io.BytesIO(s3.get_object(Bucket=bucket, Key=stored["Key"])["Body"].read()))
        empty = io.BytesIO()
        pq.write_table(full.slice(0, 0), empty)
        s3.put_object(Bucket=bucket, Key=stored["Key"], Body=empty.getvalue())
    change_manifest(close, period, lambda manifest: manifest)


def change_column(of: str, **to: str) -> Callable[[dict[str, Any]], object]:
    """A change of a column's name or type; of its name to blank takes it away."""

    def change(manifest: dict[str, Any]) -> None:
        columns = [column | to if column["name"] == of else column for column in manifest["columns"]]
        manifest["columns"] = [column for column in columns if column["name"]]

    return change


def test_the_readme_has_a_row_for_every_state_in_the_order_of_the_file() -> None:
    assert [name for name, _ in readme_rows(VALIDATION)] == list(states(VALIDATION))


def test_a_fresh_delivery_is_measured_and_recorded_on_the_day_of_the_schedule(close: Close) -> None:
    close.deliver("2017-01", final=False)
    table = HygieneTable(close.world.hygiene_table)

    runs = [close.validate({"scheduled_at": f"2017-01-{day}T06:30:00Z"}) for day in ("14", "15", "15")]

    assert [run.states for run in runs] == [MEASURED] * 3
    accounts = hygiene_of(close, runs[0]).accounts
    assert {run.output["recorded"]["items"] for run in runs} == {len(accounts)}
    worst = table.worst("2017-01#2017-01-15", 1)
    assert [record.account_id for record in worst] == [accounts[0].account_id]
    history = table.history(accounts[0].account_id)
    assert [record.period_day for record in history] == ["2017-01#2017-01-14", "2017-01#2017-01-15"]
    assert close.period("2017-01") is None, "a validation touches no period"


def test_an_arrival_is_measured(close: Close) -> None:
    close.deliver("2017-02", final=False)

    run = close.validate({"manifest_key": close.manifest("2017-02")})

    assert (run.status, run.output["delivery"]["billing_period"]) == ("SUCCEEDED", "2017-02")


def test_a_stale_delivery_fails_the_schedule_by_name_and_not_a_person(close: Close) -> None:
    close.deliver("2098-03", final=False)

    late = close.validate({"scheduled_at": "2098-03-20T06:30:00Z"})

    assert (late.status, late.error) == ("FAILED", "DeliveryStale")
    assert "hours ago (at most 48); look at the export's status" in late.cause
    assert late.states == ["BeginValidation", "CheckDelivery", "RecordFailure", "ValidationFailed"]
    assert close.validate({"billing_period": "2098-03"}).status == "SUCCEEDED"


def test_a_month_without_a_delivery_is_late_only_once_it_is_old(close: Close) -> None:
    young = close.validate({"scheduled_at": "2097-03-01T06:30:00Z"})
    old = close.validate({"scheduled_at": "2097-03-09T06:30:00Z"})
    asked = close.validate({"billing_period": "2097-03"})

    assert (young.status, young.states[-1]) == ("SUCCEEDED", "NotDeliveredYet")
    assert (old.status, old.error) == ("FAILED", "DeliveryStale")
    assert (asked.status, asked.error) == ("FAILED", "ManifestNotFound")


def test_a_delivery_in_progress_ends_without_failure(close: Close) -> None:
    close.deliver("2017-03", final=False)
    close.overwrite("2017-03")

    run = close.validate({"billing_period": "2017-03"})

    assert (run.status, run.states[-1]) == ("SUCCEEDED", "StillDelivering")


@pytest.mark.parametrize(
    ("period", "change", "told"),
    [
        ("2017-04", change_column("line_item_usage_type", name="line_item_usage"), "new there: line_item_usage)"),
        ("2017-05", change_column("line_item_resource_id", name=""), "lacks line_item_resource_id;"),
        ("2017-06", change_column("line_item_unblended_cost", type="string"), "(double, string)"),
    ],
)
def test_a_needed_column_renamed_missing_or_retyped_fails_before_any_query(
    close: Close, period: str, change: Callable[[dict[str, Any]], object], told: str
) -> None:
    close.deliver(period, final=False)
    change_manifest(close, period, change)

    run = close.validate({"billing_period": period})

    assert (run.status, run.error) == ("FAILED", "SchemaBroken")
    assert told in run.cause
    assert run.states == ["BeginValidation", "CheckDelivery", "RecordFailure", "ValidationFailed"]


def test_a_new_column_is_told_and_stops_nothing(close: Close) -> None:
    close.deliver("2017-07", final=False)
    new = {"name": "line_item_new", "type": "string"}
    change_manifest(close, "2017-07", lambda manifest: manifest["columns"].append(new))

    run = close.validate({"billing_period": "2017-07"})

    assert run.status == "SUCCEEDED"
    assert hygiene_of(close, run).drift.added == ("line_item_new",)


def test_a_delivery_of_files_without_a_line_has_no_account_and_no_ratio(close: Close) -> None:
    close.deliver("2017-09", final=False)
    empty_files(close, "2017-09")

    run = close.validate({"billing_period": "2017-09"})

    assert (run.status, run.states) == ("SUCCEEDED", MEASURED)
    hygiene = hygiene_of(close, run)
    assert (hygiene.accounts, hygiene.untagged_ratio, hygiene.shared_pool_share) == ([], "0.0000", "0.0000")
    assert (hygiene.bill_cost, run.output["recorded"]["items"]) == (Decimal(0), 0)


def test_a_month_that_lists_no_data_file_has_nothing_to_measure(close: Close) -> None:
    close.deliver("2017-08", final=False)
    change_manifest(close, "2017-08", lambda manifest: manifest.update(dataFiles=[]))

    run = close.validate({"billing_period": "2017-08"})

    assert (run.status, run.states[-1]) == ("SUCCEEDED", "NoLineItems")
