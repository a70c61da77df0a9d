"""The policy of a run is the ratified one, or one put beside the runs; it becomes tables in the run's folder."""

from __future__ import annotations

import json

import pytest

from functions.compile_policy.logic import POLICY_FOLDER
from functions.shared import run_files
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.errors import InvalidPolicy
from functions.shared.policy.tables import ROW_TYPES
from tests.unit.function_bench import VALUES, FunctionBench
from tests.unit.run_samples import RUN_ID, policy_of_run
from tests.unit.shared.policy_sample import HEADCOUNT, sample

EVENT = {"run_id": RUN_ID, "billing_period": "2026-05", "policy_key": ""}
OTHER = EVENT | {"policy_key": "policies/abc/policy.yaml"}


def put_policy(bench: FunctionBench, text: str | None = None) -> None:
    bench.work.write("policies/abc/policy.yaml", (text or sample()).encode(), "text/yaml")
    for name, driver in HEADCOUNT.items():
        bench.work.write(f"policies/abc/{name}", driver.encode(), "text/csv")


def test_the_ratified_policy_is_deployed_with_the_code() -> None:
    assert (POLICY_FOLDER / VALUES["RATIFIED_POLICY"]).is_file()


def test_without_another_policy_the_ratified_one_is_compiled(bench: FunctionBench) -> None:
    compiled = bench.invoke("compile_policy", EVENT)

    assert compiled["organization"] == "Meridian Health"
    assert compiled["sha256"] == bench.work.read_json(run_files.policy_key(RUN_ID))["sha256"]


def test_every_table_of_the_policy_is_written_to_the_folder_that_the_queries_read(bench: FunctionBench) -> None:
    put_policy(bench)

    compiled = bench.invoke("compile_policy", OTHER)

    lines = {
        table: bench.work.read_text(f"{run_files.table_prefix(RUN_ID, table)}rows.jsonl").splitlines()
        for table in ROW_TYPES
    }
    assert [json.loads(line)["cost_center"] for line in lines["policy_cost_centers"]] == [
        "CC-1001",
        "CC-1002",
        "CC-9000",
    ]
    assert (compiled["cost_centers"], compiled["rules"], compiled["pools"]) == (
        len(lines["policy_cost_centers"]),
        len(lines["policy_rules"]),
        len(lines["policy_pools"]),
    )


def test_functions_find_the_rest_of_the_policy_in_the_run(bench: FunctionBench) -> None:
    put_policy(bench)

    bench.invoke("compile_policy", OTHER)

    kept = PolicyOfRun.model_validate(bench.work.read_json(run_files.policy_key(RUN_ID)))
    assert kept == policy_of_run()
    assert kept.business_units == {"claims": "Claims Processing", "finance": "Finance"}
    assert kept.drivers == {"support": "headcount"}


def test_the_levels_of_pools_count_up_from_zero_for_the_map_looks_queries_up_by_them(bench: FunctionBench) -> None:
    put_policy(bench)

    levels = bench.invoke("compile_policy", OTHER)["pool_levels"]

    assert levels == list(range(len(levels)))
    assert len(levels) == 2, "logging feeds support"


def test_a_policy_with_a_defect_stops_the_run_by_its_path(bench: FunctionBench) -> None:
    put_policy(bench, sample(lambda document: document["defaults"].update(unowned_cost_center="CC-0000")))

    with pytest.raises(InvalidPolicy, match="unowned_cost_center"):
        bench.invoke("compile_policy", OTHER)


def test_a_policy_that_is_not_there_is_named(bench: FunctionBench) -> None:
    with pytest.raises(InvalidPolicy, match=r"s3://work/policies/abc/policy\.yaml: there is no such policy"):
        bench.invoke("compile_policy", OTHER)


def test_the_run_keeps_the_policy_and_its_drivers_as_it_read_them(bench: FunctionBench) -> None:
    put_policy(bench)
    compiled = bench.invoke("compile_policy", OTHER)
    put_policy(bench, sample().replace("0.05", "0.06"))

    sources = run_files.policy_source_prefix(RUN_ID)
    kept = {v.key.removeprefix(sources): bench.work.read_text(v.key) for v in bench.work.latest_versions(sources)}
    assert kept == {"policy.yaml": sample(), **HEADCOUNT}
    policy = PolicyOfRun.model_validate(bench.work.read_json(run_files.policy_key(RUN_ID)))
    assert (policy.file, policy.sha256) == ("policy.yaml", compiled["sha256"])
