"""A close begins with a delivery: the newest manifest of the month, and exactly the files it lists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.read_manifest.logic import CloseRequest, name_run, read_request, requested_period
from functions.shared import run_files
from functions.shared.delivery import Delivery
from functions.shared.errors import InvalidPeriod, InvalidRequest, ManifestNotFound, MissingDataFile
from functions.shared.periods import BillingPeriod
from tests.unit.function_bench import FunctionBench
from tests.unit.run_samples import COLUMNS, DATA_KEY, MANIFEST_KEY

EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:close:one"


def manifest_text(*keys: str, execution_id: str = "export-1") -> bytes:
    return json.dumps(
        {
            "executionId": execution_id,
            "columns": [{"name": column, "type": "string"} for column in COLUMNS],
            "dataFiles": [f"s3://exports/{key}" for key in keys],
        }
    ).encode()


def deliver(bench: FunctionBench, lines: bytes = b"PAR1 lines PAR1") -> None:
    bench.billing.write(DATA_KEY, lines, "application/octet-stream")
    bench.billing.write(MANIFEST_KEY, manifest_text(DATA_KEY), "application/json")


def event(**request: Any) -> dict[str, Any]:
    return {"request": request, "execution_id": EXECUTION, "attempt": 1}


@pytest.mark.parametrize(
    "request_",
    [{"billing_period": "2026-05"}, {"manifest_key": MANIFEST_KEY}, {"scheduled_at": "2026-06-03T06:00:00Z"}],
    ids=["by a person", "by its arrival", "by the schedule in the month after"],
)
def test_the_month_is_named_by_a_person_by_the_manifest_that_arrived_or_by_the_schedule(
    request_: dict[str, str],
) -> None:
    assert requested_period(read_request(request_)) == BillingPeriod(2026, 5)


def test_a_request_that_names_no_month_says_how_to_name_one() -> None:
    with pytest.raises(InvalidRequest, match=r'"billing_period": "YYYY-MM"'):
        requested_period(CloseRequest())


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"billing_period": "2026-04"}, "billing_period is of 2026-04, manifest_key is of 2026-05"),
        ({"scheduled_at": "2026-05-31T06:00:00Z"}, "manifest_key is of 2026-05, scheduled_at is of 2026-04"),
    ],
)
def test_a_request_that_names_two_different_months_is_refused(request_: dict[str, str], named: str) -> None:
    with pytest.raises(InvalidRequest, match=named):
        requested_period(CloseRequest(**request_, manifest_key=MANIFEST_KEY))


@pytest.mark.parametrize(
    ("scheduled_at", "month"),
    [("2026-06-01T06:00:00Z", "2026-05"), ("2026-06-30T23:59:59Z", "2026-05"), ("2027-01-02T06:00:00Z", "2026-12")],
)
def test_the_schedule_always_means_the_month_before(scheduled_at: str, month: str) -> None:
    assert str(requested_period(CloseRequest(scheduled_at=scheduled_at))) == month


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"scheduled_at: 2026-13-01T06:00:00Z is no time"):
        requested_period(CloseRequest(scheduled_at="2026-13-01T06:00:00Z"))


@pytest.mark.parametrize("month", ["2026-13", "2026-5", "05/2026", "2026-05 "])
def test_a_month_that_is_not_a_month_is_refused(month: str) -> None:
    with pytest.raises(InvalidPeriod, match="YYYY-MM"):
        requested_period(CloseRequest(billing_period=month))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"billing_perod": "2026-05"}, "billing_perod"),
        ({"billing_period": 202605}, "billing_period"),
        ({"billing_period": "2026-05", "preview": "perhaps"}, "preview"),
        ({"scheduled_at": "2026-06-03"}, "scheduled_at"),
        ({"scheduled_at": "2026-06-01T01:00:00+05:00"}, "scheduled_at"),
        ("2026-05", "input"),
    ],
)
def test_an_input_that_is_not_understood_is_refused_by_the_name_of_the_field(given: object, named: str) -> None:
    with pytest.raises(
        InvalidRequest, match=f"{named}: .*; the input takes billing_period, manifest_key, scheduled_at, preview"
    ):
        read_request(given)


def test_a_run_is_named_by_its_month_its_execution_and_its_attempt() -> None:
    may = BillingPeriod(2026, 5)
    names = {name_run(may, execution, attempt) for execution in ("one", "two") for attempt in (1, 2)}

    assert len(names) == 4
    assert name_run(may, "one", 1) in names
    assert all(name.startswith("2026-05-") for name in names)


def test_the_delivery_found_is_described_and_kept_for_the_run(bench: FunctionBench) -> None:
    deliver(bench)

    found = bench.invoke("read_manifest", event(billing_period="2026-05", preview=True, policy_key="policies/p.yaml"))

    kept = Delivery.model_validate(bench.work.read_json(run_files.delivery_key(found["run_id"])))
    [stored] = bench.billing.latest_versions(DATA_KEY)
    assert [(file.key, file.version_id) for file in kept.files] == [(DATA_KEY, stored.version_id)]
    assert found == {
        "billing_period": "2026-05",
        "run_id": name_run(BillingPeriod(2026, 5), EXECUTION, 1),
        "preview": True,
        "replay": False,
        "original": None,
        "policy_key": "policies/p.yaml",
        "invoices_key": "",
        "manifest_key": MANIFEST_KEY,
        "manifest_execution_id": "export-1",
        "data_files": 1,
        "data_bytes": 15,
        "fingerprint": kept.fingerprint,
    }


def test_a_delivery_made_again_is_another_delivery_even_under_the_same_names(bench: FunctionBench) -> None:
    deliver(bench)
    first = bench.invoke("read_manifest", event(billing_period="2026-05"))
    again = bench.invoke("read_manifest", event(billing_period="2026-05"))
    deliver(bench, b"PAR1 LINES PAR1")
    restated = bench.invoke("read_manifest", event(billing_period="2026-05"))

    assert first["fingerprint"] == again["fingerprint"] != restated["fingerprint"]


def test_a_month_without_a_manifest_is_not_closed(bench: FunctionBench) -> None:
    bench.billing.write(DATA_KEY, b"PAR1 lines PAR1", "application/octet-stream")

    with pytest.raises(ManifestNotFound, match="no manifest for 2026-05"):
        bench.invoke("read_manifest", event(billing_period="2026-05"))


def test_a_deleted_data_file_is_a_missing_one(bench: FunctionBench) -> None:
    deliver(bench)
    bench.s3.delete_object(Bucket="billing", Key=DATA_KEY)

    with pytest.raises(MissingDataFile, match="the delivery is incomplete"):
        bench.invoke("read_manifest", event(billing_period="2026-05"))
