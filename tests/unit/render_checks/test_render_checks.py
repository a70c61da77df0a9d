"""A validation runs the very fold and owners of the close, and measures on them what the policy makes mandatory."""

from __future__ import annotations

from functions.render_checks.logic import UNLOADED
from functions.shared import run_files
from functions.shared.sql_catalog import load_statements
from tests.unit.function_bench import FunctionBench
from tests.unit.run_samples import RUN_ID, delivery, policy_of_run


def rendered(bench: FunctionBench) -> dict[str, str]:
    bench.work.write_json(run_files.delivery_key(RUN_ID), delivery().model_dump(mode="json"))
    bench.work.write_json(run_files.policy_key(RUN_ID), policy_of_run().model_dump(mode="json"))
    queries: dict[str, str] = bench.invoke("render_checks", {"run_id": RUN_ID})["queries"]
    return queries


def test_every_measure_there_is_is_rendered(bench: FunctionBench) -> None:
    measures = {name for name in load_statements() if name.startswith("v")} - {"v010_delivered_lines"}

    assert set(rendered(bench)) == {*measures, *UNLOADED}


def test_tables_go_to_the_folder_of_the_run_and_measures_read_it(bench: FunctionBench) -> None:
    for name, query in rendered(bench).items():
        if name in UNLOADED:
            assert f"TO 's3://work/runs/{RUN_ID}/" in query
        else:
            assert query.count(f"'{RUN_ID}'") == 1


def test_exactly_the_mandatory_tags_are_measured(bench: FunctionBench) -> None:
    assert policy_of_run().mandatory_tags == ("cost-center", "environment")
    assert "POSITIONS.TAG_POSITION <= 2" in rendered(bench)["v030_tag_coverage"].upper()


def test_the_bill_is_read_file_by_file(bench: FunctionBench) -> None:
    [file] = delivery().files

    assert f"'s3://billing/{file.key}'" in rendered(bench)["f010_charges"]
