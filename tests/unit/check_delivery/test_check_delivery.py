"""A delivery is looked at before anything is measured: in time, and of the columns that the queries read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.check_delivery.logic import asked_at, asked_period, read_request, require_begun, require_fresh
from functions.check_delivery.schema import contract_columns, find_drift, require_needed
from functions.shared import run_files
from functions.shared.delivery import NEEDED_COLUMNS
from functions.shared.errors import DeliveryStale, InvalidRequest, ManifestNotFound, SchemaBroken
from functions.shared.periods import BillingPeriod
from tests.unit.function_bench import FunctionBench
from tests.unit.run_samples import DATA_KEY, MANIFEST_KEY

STARTED = "2026-05-14T06:30:00Z"
NOON = datetime(2026, 5, 14, 12, tzinfo=UTC)
BILL = dict(contract_columns())


def deliver(bench: FunctionBench, columns: dict[str, str]) -> None:
    bench.billing.write(DATA_KEY, b"PAR1 lines PAR1", "application/octet-stream")
    manifest = {
        "executionId": "export-1",
        "columns": [{"name": name, "type": kind} for name, kind in columns.items()],
        "dataFiles": [f"s3://exports/{DATA_KEY}"],
    }
    bench.billing.write(MANIFEST_KEY, json.dumps(manifest).encode(), "application/json")


def event(**request: Any) -> dict[str, Any]:
    return {"request": request, "execution_id": "arn:execution:one", "started_at": STARTED}


def test_the_delivery_of_a_named_month_is_found_and_kept(bench: FunctionBench) -> None:
    deliver(bench, BILL | {"tag_cost_center": "string"})

    found = bench.invoke("check_delivery", event(billing_period="2026-05"))

    assert (found["billing_period"], found["day"], found["data_files"]) == ("2026-05", "2026-05-14", 1)
    assert found["drift"] == {"added": [], "missing": [], "retyped": {}}
    assert bench.work.read_json(run_files.delivery_key(found["run_id"]))["manifest_key"] == MANIFEST_KEY


def test_the_schedule_means_the_month_of_its_day(bench: FunctionBench) -> None:
    deliver(bench, BILL)

    found = bench.invoke("check_delivery", event(scheduled_at="2026-05-31T23:30:00Z"))

    assert (found["billing_period"], found["day"]) == ("2026-05", "2026-05-31")


def test_the_schedule_finds_an_old_delivery_stale_and_a_person_does_not(bench: FunctionBench) -> None:
    period = BillingPeriod(2099, 5)
    key = MANIFEST_KEY.replace("2026-05", str(period))
    bench.billing.write(key, b"{}", "application/json")

    with pytest.raises(DeliveryStale, match=r"hours ago \(at most 48\)"):
        bench.invoke("check_delivery", event(scheduled_at="2099-05-14T06:30:00Z"))


def test_a_delivery_may_be_as_old_as_the_objective_and_no_second_older() -> None:
    at = datetime(2026, 5, 16, 12, tzinfo=UTC)

    require_fresh("m", NOON, at, 48)
    with pytest.raises(DeliveryStale, match="m arrived 48 hours ago"):
        require_fresh("m", NOON, at.replace(second=1), 48)


def test_a_young_month_without_a_delivery_is_not_late() -> None:
    require_begun(BillingPeriod(2026, 5), datetime(2026, 5, 2, 6, tzinfo=UTC), 48)

    with pytest.raises(DeliveryStale, match="nothing was delivered for 2026-05, which began 54 hours ago"):
        require_begun(BillingPeriod(2026, 5), datetime(2026, 5, 3, 6, tzinfo=UTC), 48)


def test_a_person_who_asks_for_a_month_that_is_not_there_is_told(bench: FunctionBench) -> None:
    with pytest.raises(ManifestNotFound):
        bench.invoke("check_delivery", event(billing_period="2026-05"))


@pytest.mark.parametrize("given", [{}, {"billing_period": "2026-05", "manifest_key": MANIFEST_KEY}])
def test_the_month_is_named_in_exactly_one_way(given: dict[str, str]) -> None:
    request = read_request(given)

    with pytest.raises(InvalidRequest, match="names the month once"):
        asked_period(request, asked_at(request, NOON))


def test_a_field_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match="period: Extra inputs"):
        read_request({"period": "2026-05"})


def test_a_time_that_is_no_day_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="scheduled_at: 2026-02-30T06:00:00Z is no time"):
        asked_at(read_request({"scheduled_at": "2026-02-30T06:00:00Z"}), NOON)


def test_a_new_column_informs_and_stops_nothing() -> None:
    drift = find_drift(BILL | {"line_item_new": "string"})

    assert drift.added == ("line_item_new",)
    require_needed("m", drift)


def test_columns_that_no_allocation_needs_may_go_or_change() -> None:
    changed = {name: kind for name, kind in BILL.items() if name != "line_item_iam_principal"} | {"discount": "string"}
    drift = find_drift(changed)

    assert drift.missing == ("line_item_iam_principal",)
    assert drift.retyped == {"discount": "map<string,double>, string"}
    require_needed("m", drift)


@pytest.mark.parametrize("column", NEEDED_COLUMNS)
def test_a_needed_column_that_is_gone_is_named(column: str) -> None:
    with pytest.raises(SchemaBroken, match=f"m: the export lacks {column};"):
        require_needed("m", find_drift({name: kind for name, kind in BILL.items() if name != column}))


def test_a_renamed_column_is_named_with_its_new_name() -> None:
    renamed = {name.replace("item_unblended_cost", "item_unblended"): kind for name, kind in BILL.items()}

    with pytest.raises(SchemaBroken, match=r"lacks line_item_unblended_cost \(new there: line_item_unblended\);"):
        require_needed("m", find_drift(renamed))


def test_a_needed_column_of_another_type_is_named_with_both() -> None:
    with pytest.raises(SchemaBroken, match=r"line_item_unblended_cost \(double, string\)"):
        require_needed("m", find_drift(BILL | {"line_item_unblended_cost": "string"}))


def test_types_are_compared_without_regard_to_how_they_are_spelled() -> None:
    spelled = {name: kind.upper().replace(",", ", ") for name, kind in BILL.items()}

    assert not find_drift(spelled).retyped
