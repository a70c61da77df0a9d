"""The queries of a run are whole before the first of them starts, and can only read what the run is about."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlglot

from functions.render_queries.logic import (
    RenderedQueries,
    RenderQueriesRequest,
    render_close,
    render_survey,
    tag_columns,
)
from functions.shared import run_files
from functions.shared.delivery import NEEDED_COLUMNS
from functions.shared.errors import MissingColumn
from functions.shared.periods import BillingPeriod
from functions.shared.restored_sql import SqlCatalog
from functions.shared.sql_catalog import SQL_ROOT, load_statements
from tests.unit.function_bench import FunctionBench
from tests.unit.run_samples import DATA_KEY, RUN_ID, delivery, policy_of_run

REQUEST = {
    "stage": "close",
    "run_id": RUN_ID,
    "billing_period": "2026-05",
    "charge_period": "2026-05",
    "revision": 1,
}


def rendered(columns: tuple[str, ...] | None = None, **changes: Any) -> RenderedQueries:
    return render_close(
        RenderQueriesRequest.model_validate(REQUEST | changes),
        delivery(columns=columns) if columns else delivery(),
        policy_of_run(),
        SqlCatalog(),
        flattened_tags=["cost-center", "business-unit"],
        billing_bucket="billing",
        work_bucket="work",
    )


def every_query(queries: RenderedQueries) -> dict[str, str]:
    levels = {f"a040_pool_shares_{level}": query for level, query in enumerate(queries.pool_shares)}
    return queries.queries | levels


def beside_the_close() -> set[str]:
    """Statements that explain a closed month, or measure an open one."""
    explaining = {file.stem for file in (SQL_ROOT / "explain").glob("*.sql")}
    return explaining | ({file.stem for file in (SQL_ROOT / "validation").glob("*.sql")} - {"v010_delivered_lines"})


def test_every_statement_is_rendered_once_but_for_those_that_explain_a_closed_month() -> None:
    survey, close = render_survey(BillingPeriod(2026, 5), SqlCatalog()), rendered()

    rendered_ones = survey.queries.keys() | close.queries.keys() | {"a040_pool_shares"}
    assert rendered_ones == load_statements().keys() - beside_the_close()
    assert not survey.queries.keys() & close.queries.keys()


def test_no_parameter_is_left_for_anybody_to_fill_in() -> None:
    for name, query in every_query(rendered()).items():
        body = re.sub(r"^UNLOAD \(\n(.*)\n\) TO .*$", r"\1", query, flags=re.DOTALL)
        placeholders = list(sqlglot.parse_one(body, read="athena").find_all(sqlglot.exp.Placeholder))
        assert not placeholders, f"{name} still asks for {placeholders}"


def test_the_bill_is_read_from_the_sealed_files_and_from_no_other() -> None:
    for name in ("r010_control_totals", "f010_charges"):
        query = "".join(rendered().queries[name].split())
        assert f"\"$path\"IN('s3://billing/{DATA_KEY}')" in query


def test_rows_go_to_folders_of_the_run_and_pool_shares_to_one_a_level() -> None:
    queries = every_query(rendered())
    targets = {name: found[1] for name, query in queries.items() if (found := re.search(r"\) TO '([^']+)'", query))}

    assert all(target.startswith(f"s3://work/runs/{RUN_ID}/") for target in targets.values())
    assert len(set(targets.values())) == len(targets), "Athena unloads to empty folders only"
    assert targets["a050_ledger_entries"] == f"s3://work/runs/{RUN_ID}/ledger_entries/"
    assert targets["a040_pool_shares_1"] == f"s3://work/runs/{RUN_ID}/pool_shares/level=1/"


def test_a_tag_is_read_from_its_own_column_where_the_table_has_it_and_the_delivery_fills_it() -> None:
    assert "tag_cost_center" in rendered().queries["f010_charges"]
    assert "tag_cost_center" not in rendered((*NEEDED_COLUMNS, "resource_tags")).queries["f010_charges"]


def test_a_column_that_only_the_delivery_has_is_not_read() -> None:
    """The table is declared with the flattened tags of the settings; a query on another column would fail."""
    columns = (*NEEDED_COLUMNS, "resource_tags", "tag_environment")

    assert "tag_environment" not in rendered(columns).queries["f010_charges"]


def test_a_later_revision_reads_the_usage_of_its_month_and_is_booked_in_another() -> None:
    queries = rendered(billing_period="2026-07", revision=2).queries

    assert "'2026-07'" in queries["a050_ledger_entries"]
    assert "'2026-07'" not in queries["f010_charges"]
    assert "'2026-05'" in queries["f010_charges"]


def test_the_eleven_months_before_are_listed_for_trends() -> None:
    trend = rendered().queries["s040_earlier_months"]

    assert "'2025-06'" in trend
    assert "'2026-04'" in trend


def test_the_survey_is_one_query(bench: FunctionBench) -> None:
    put_run(bench)

    answer = bench.invoke("render_queries", REQUEST | {"stage": "survey"})

    assert list(answer["queries"]) == ["v010_delivered_lines"]
    assert answer["pool_shares"] == []


WITHOUT_TAGS = tuple(NEEDED_COLUMNS)


@pytest.mark.parametrize("stage", ["survey", "close"])
def test_a_tag_of_the_policy_that_no_column_has_is_missed_before_anything_is_queried(
    bench: FunctionBench, stage: str
) -> None:
    """Its cost would be untagged otherwise, and charged to whoever pays for that."""
    delivered = delivery(columns=(*WITHOUT_TAGS, "tag_business_unit")).model_dump(mode="json")
    bench.work.write_json(run_files.delivery_key(RUN_ID), delivered)
    bench.work.write_json(run_files.policy_key(RUN_ID), policy_of_run().model_dump(mode="json"))

    with pytest.raises(MissingColumn, match="neither resource_tags nor tag_cost_center, tag_environment, by which"):
        bench.invoke("render_queries", REQUEST | {"stage": stage})


def test_a_column_for_each_tag_of_the_policy_does_without_the_map() -> None:
    tags = (policy_of_run().owner_tag, *policy_of_run().policy_tags)
    delivered = delivery(columns=(*WITHOUT_TAGS, *(f"tag_{tag.replace('-', '_')}" for tag in tags)))

    assert tag_columns(delivered, policy_of_run(), tags) == {f"tag_{tag.replace('-', '_')}" for tag in tags}
    with pytest.raises(MissingColumn, match="deploy the export with the policy"):
        tag_columns(delivered, policy_of_run(), tags[:1])


def test_the_queries_follow_from_the_delivery_and_the_policy_that_the_run_keeps(bench: FunctionBench) -> None:
    bench.work.write_json(run_files.delivery_key(RUN_ID), delivery().model_dump(mode="json"))
    bench.work.write_json(run_files.policy_key(RUN_ID), policy_of_run().model_dump(mode="json"))

    assert bench.invoke("render_queries", REQUEST) == rendered().model_dump()


def put_run(bench: FunctionBench) -> None:
    bench.work.write_json(run_files.delivery_key(RUN_ID), delivery().model_dump(mode="json"))
    bench.work.write_json(run_files.policy_key(RUN_ID), policy_of_run().model_dump(mode="json"))


def kept_sources(bench: FunctionBench) -> dict[str, str]:
    folder = run_files.sql_source_prefix(RUN_ID)
    versions = bench.work.latest_versions(folder)
    return {v.key.removeprefix(folder).removesuffix(".sql"): bench.work.read_text(v.key) for v in versions}


def test_the_run_keeps_the_sql_files_that_its_queries_were_rendered_from(bench: FunctionBench) -> None:
    put_run(bench)
    bench.invoke("render_queries", REQUEST)

    assert kept_sources(bench) == {
        name: statement.text for name, statement in load_statements().items() if name not in beside_the_close()
    }


def test_a_resumed_run_keeps_the_sql_that_made_its_ledger_and_takes_the_newer_for_what_it_asks_again(
    bench: FunctionBench,
) -> None:
    """Code was deployed between the two executions; the ledger of the first one stands."""
    put_run(bench)
    folder = run_files.sql_source_prefix(RUN_ID)
    for name in ("a050_ledger_entries", "s010_ledger_entries"):
        bench.work.write(f"{folder}{name}.sql", b"as it was\n", "text/plain")

    bench.invoke("render_queries", REQUEST)

    kept = kept_sources(bench)
    assert kept["a050_ledger_entries"] == "as it was\n"
    assert kept["s010_ledger_entries"] == load_statements()["s010_ledger_entries"].text


@pytest.mark.parametrize("field", ["stage", "revision"])
def test_a_request_that_lacks_a_field_is_refused(bench: FunctionBench, field: str) -> None:
    event = {name: value for name, value in REQUEST.items() if name != field}

    with pytest.raises(ValueError, match=field):
        bench.invoke("render_queries", event)
