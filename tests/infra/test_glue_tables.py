"""The Glue tables: those of the contracts, with the contracts' columns, where runs and exports really write."""

from __future__ import annotations

import csv
import re
from typing import Any

import pytest
import sqlglot
import yaml
from sqlglot import exp

from functions.shared import run_files
from functions.shared.policy.tables import ROW_TYPES, table_columns
from functions.shared.policy.tags import tag_column_suffix
from functions.shared.sql_catalog import SQL_ROOT, load_statements
from tests.infra.stacks import Stacks

CONTRACTS: dict[str, Any] = yaml.safe_load((SQL_ROOT / "contracts" / "tables.yaml").read_text(encoding="utf-8"))
RUN_TABLES: dict[str, dict[str, str]] = CONTRACTS["run_tables"]
MONTHS = {"type": "date", "format": "yyyy-MM", "range": "2015-01,NOW", "interval": "1", "interval.unit": "MONTHS"}
JSON_TABLES = {name: table_columns(name) for name in ROW_TYPES} | {"invoice_totals": CONTRACTS["invoice_totals"]}
"""Tables of a run that functions write."""
RESTORED = {"restored_cur": "cur", "restored_ledger": "ledger"}
"""Tables of a replay, and those that they stand in for."""
RUN_ID = "${run_id}"


def tables(stacks: Stacks) -> dict[str, dict[str, Any]]:
    found = stacks.of("AWS::Glue::Table").values()
    assert {table.properties["DatabaseName"] for table in found} == {"<Database>"}
    return {table.properties["TableInput"]["Name"]: table.properties["TableInput"] for table in found}


def columns(table: dict[str, Any]) -> dict[str, str]:
    return {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}


def partitions(table: dict[str, Any]) -> dict[str, str]:
    return {column["Name"]: column["Type"] for column in table["PartitionKeys"]}


def projection(table: dict[str, Any], partition: str) -> dict[str, str]:
    prefix = f"projection.{partition}."
    return {key.removeprefix(prefix): value for key, value in table["Parameters"].items() if key.startswith(prefix)}


def test_there_is_a_table_for_the_bill_the_ledger_and_everything_that_a_run_writes(
    stacks: Stacks,
) -> None:
    assert set(tables(stacks)) == {"cur", "ledger", *RUN_TABLES, *JSON_TABLES, *RESTORED}


def test_every_relation_that_a_statement_reads_is_a_table(stacks: Stacks) -> None:
    names = set(tables(stacks))
    close = (SQL_ROOT.parent / "statemachines" / "month_end_close.asl.json").read_text(encoding="utf-8")
    queried = {*re.findall(r"\$queries\.(\w+)", close), "a040_pool_shares"}
    for statement in (load_statements()[name] for name in sorted(queried)):
        tree = sqlglot.parse_one(statement.text, read="athena")
        read = {table.name for table in tree.find_all(exp.Table)} - {cte.alias for cte in tree.find_all(exp.CTE)}
        assert read, statement.name
        assert read <= names, statement.name


def test_the_bill_has_every_column_of_the_report_and_those_that_the_export_flattens(stacks: Stacks) -> None:
    with (SQL_ROOT / "contracts" / "cur2_columns.csv").open(encoding="utf-8", newline="") as file:
        reported = {row["name"]: row["type"] for row in csv.DictReader(file)}
    flattened = {f"tag_{tag_column_suffix(tag)}": "string" for tag in stacks.config.flattened_tags}
    assert columns(tables(stacks)["cur"]) == reported | flattened


@pytest.mark.parametrize("name", RUN_TABLES)
def test_a_run_table_has_the_columns_of_its_contract(stacks: Stacks, name: str) -> None:
    assert columns(tables(stacks)[name]) == RUN_TABLES[name]


@pytest.mark.parametrize("name", JSON_TABLES)
def test_a_table_that_functions_write_has_the_columns_that_they_write(stacks: Stacks, name: str) -> None:
    table = tables(stacks)[name]
    assert columns(table) == JSON_TABLES[name]
    serde = table["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"]
    assert serde == "org.openx.data.jsonserde.JsonSerDe"


def test_the_ledger_has_its_contracts_columns_with_the_month_as_partition(stacks: Stacks) -> None:
    table = tables(stacks)["ledger"]
    assert columns(table) | partitions(table) == CONTRACTS["ledger"]
    assert partitions(table) == {"billing_period": "string"}


@pytest.mark.parametrize(("name", "of"), RESTORED.items())
def test_what_a_replay_reads_has_the_columns_and_the_months_of_what_it_stands_in_for(
    stacks: Stacks, name: str, of: str
) -> None:
    restored, original = tables(stacks)[name], tables(stacks)[of]
    assert columns(restored) == columns(original)
    assert partitions(restored) == {"run_id": "string"} | partitions(original)
    assert projection(restored, "billing_period") == MONTHS


def test_files_are_restored_where_the_tables_of_a_replay_lie(stacks: Stacks) -> None:
    templates = {name: tables(stacks)[name]["Parameters"]["storage.location.template"] for name in RESTORED}
    month = {"${run_id}": "r", "${billing_period}": "2026-05"}
    folders = {name: re.sub(r"\$\{\w+\}", lambda hole: month[hole[0]], text) for name, text in templates.items()}
    bill = run_files.restored_bill_key("r", f"{stacks.config.export_prefix}data/BILLING_PERIOD=2026-05/x.parquet")
    ledger = run_files.restored_ledger_key("r", f"{run_files.ledger_prefix('2026-05', '2026-05', 1)}part.parquet")
    assert f"s3://<Work>/{bill}" == f"{folders['restored_cur']}x.parquet"
    assert f"s3://<Work>/{ledger}".startswith(folders["restored_ledger"])


@pytest.mark.parametrize("name", ["cur", "ledger"])
def test_the_months_of_the_bill_and_of_the_ledger_are_computed_and_never_registered(stacks: Stacks, name: str) -> None:
    table = tables(stacks)[name]
    assert table["Parameters"]["projection.enabled"] == "true"
    assert partitions(table) == {"billing_period": "string"}
    assert projection(table, "billing_period") == MONTHS


@pytest.mark.parametrize("name", [*RUN_TABLES, *JSON_TABLES, *RESTORED])
def test_a_query_names_its_run_and_reads_no_other(stacks: Stacks, name: str) -> None:
    table = tables(stacks)[name]
    assert table["Parameters"]["projection.enabled"] == "true"
    assert partitions(table)["run_id"] == "string"
    assert projection(table, "run_id") == {"type": "injected"}


def test_every_partition_has_a_type_to_be_computed_from_and_a_place_in_the_location(stacks: Stacks) -> None:
    for name, table in tables(stacks).items():
        template = table["Parameters"]["storage.location.template"]
        assert set(re.findall(r"\$\{(\w+)\}", template)) == set(partitions(table)), name
        for partition in partitions(table):
            assert projection(table, partition)["type"] in {"date", "integer", "injected"}, name


def test_tables_lie_where_exports_runs_and_the_published_ledger_are_written(stacks: Stacks) -> None:
    period = "${billing_period}"
    wanted = {name: f"s3://<Work>/{run_files.table_prefix(RUN_ID, name)}" for name in (*RUN_TABLES, *JSON_TABLES)}
    wanted["pool_shares"] = f"s3://<Work>/runs/{RUN_ID}/pool_shares/level=${{level}}/"
    wanted["cur"] = f"s3://<Billing>/{stacks.config.export_prefix}data/BILLING_PERIOD={period}/"
    wanted["ledger"] = f"s3://<Ledger>/ledger/billing_period={period}/"
    wanted["restored_cur"] = f"s3://<Work>/runs/{RUN_ID}/restored_cur/BILLING_PERIOD={period}/"
    wanted["restored_ledger"] = f"s3://<Work>/runs/{RUN_ID}/restored_ledger/billing_period={period}/"
    found = {name: table["Parameters"]["storage.location.template"] for name, table in tables(stacks).items()}
    assert found == wanted
    assert run_files.ledger_prefix("2026-05", "2026-05", 1).startswith("ledger/billing_period=2026-05/")
    assert run_files.pool_level_prefix("r", 3) == "runs/r/pool_shares/level=3/"


def test_a_tables_own_location_is_the_folder_above_its_partitions(stacks: Stacks) -> None:
    for name, table in tables(stacks).items():
        location, template = table["StorageDescriptor"]["Location"], table["Parameters"]["storage.location.template"]
        assert re.fullmatch(r"s3://<\w+>/([^$]+/)", location), f"{name} is at {location}"
        assert template.startswith(location), name


def test_pool_levels_are_as_many_as_a_policy_may_chain(stacks: Stacks) -> None:
    table = tables(stacks)["pool_shares"]
    assert partitions(table) == {"run_id": "string", "level": "int"}
    assert projection(table, "level") == {"type": "integer", "range": "0,31"}


def test_no_contract_is_left_without_types_that_athena_has() -> None:
    known = re.compile(r"string|int|bigint|boolean|decimal\(38,\d+\)|array<string>")
    types = {kind for table in RUN_TABLES.values() for kind in table.values()}
    assert all(known.fullmatch(kind) for kind in types)
