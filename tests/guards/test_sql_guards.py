"""Rules that every statement in sql/ keeps, so that two engines give the same cents from the same bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from functions.render_queries.logic import RUN_STATEMENTS, UNLOADED
from functions.shared.sql_catalog import SQL_ROOT, load_statement, load_statements
from local.athena.plan import Plan
from tests.guards import sql_rules
from tests.sql.case_files import bases_of, find_cases
from tests.sql.contracts import Contracts, run_table_names, run_tables
from tests.sql.warehouse import Warehouse, plan_of, rendered

STATEMENTS = tuple(load_statements())
FOLDERS = {
    "v": "validation",
    "f": "fold",
    "a": "allocation",
    "r": "reconciliation",
    "s": "statements",
    "x": "explain",
}
MADE_BY_RENDERING = frozenset({"element_at", "array", "coalesce", "cast", "ceil"})
MONTH_TABLES = frozenset({"cur", "ledger"})

every_statement = pytest.mark.parametrize("name", STATEMENTS)


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Warehouse]:
    database = Warehouse()
    yield database
    database.close()


def test_names_say_the_stage_and_numbers_are_not_used_twice() -> None:
    for file in SQL_ROOT.glob("*/*.sql"):
        assert re.fullmatch(r"[a-z]\d{3}_[a-z]+(_[a-z]+)*", file.stem), file.name
        assert file.parent.name == FOLDERS[file.stem[0]]
    numbers = [name.split("_")[0] for name in STATEMENTS]
    assert len(set(numbers)) == len(numbers)


@every_statement
def test_a_file_is_one_select(name: str) -> None:
    text = load_statement(name).text

    assert isinstance(sql_rules.parse(text), exp.Query)
    assert ";" not in sql_rules.bare(text)


@every_statement
def test_a_header_names_the_parameters_with_types_and_no_others(name: str) -> None:
    statement = load_statement(name)
    listed = [part.split()[0] for part in re.sub(r"\([^)]*\)", "", statement.header["parameters"]).split(",")]

    assert all(statement.header.values())
    assert sorted(statement.parameters) == sorted(listed)
    assert set(statement.parameters) == sql_rules.placeholders(statement.text)


@every_statement
def test_a_header_names_the_tables_that_the_statement_reads_and_no_others(name: str) -> None:
    statement = load_statement(name)
    listed = re.sub(r"\((?!of)[^)]*\)", "", statement.header["inputs"]).split(":")[0].split(",")
    defined = {cte.alias for cte in sql_rules.parse(statement.text).find_all(exp.CTE)}
    read = {table.name for table in sql_rules.parse(statement.text).find_all(exp.Table)} - defined

    assert sorted(read) == sorted(part.split()[0] for part in listed)


@every_statement
def test_every_table_and_column_is_in_the_contracts(name: str) -> None:
    references = default_plan(name).references

    assert references
    assert all(reference.table == Contracts().table("", reference.table.name) for reference in references)


@every_statement
def test_a_run_reads_its_own_rows_only(name: str) -> None:
    for reference in default_plan(name).references:
        wanted = {predicate.column: predicate for predicate in reference.predicates}
        if reference.table.name in run_table_names():
            assert wanted["run_id"].operator == "in", reference.table.name
            assert wanted["run_id"].values == ("run-1",), reference.table.name
        else:
            assert reference.table.name in MONTH_TABLES
            assert "billing_period" in wanted, reference.table.name


@every_statement
def test_the_bill_is_read_file_by_file_once_a_delivery_is_chosen(name: str) -> None:
    for reference in default_plan(name).references:
        if reference.table.name == "cur" and not name.startswith("v"):
            assert "$path" in {predicate.column for predicate in reference.predicates}


@every_statement
def test_no_subscripts(name: str) -> None:
    assert sql_rules.subscripts(load_statement(name).text) == []


@every_statement
def test_nothing_is_divided_but_guesses_of_whole_quotients(name: str) -> None:
    assert list(sql_rules.careless_divisions(load_statement(name).text)) == []


@every_statement
def test_no_money_is_a_float(name: str) -> None:
    assert list(sql_rules.floats(load_statement(name).text)) == []
    assert list(sql_rules.sums_of_doubles(default_plan(name).tree)) == []


@every_statement
def test_words_are_in_lower_case(name: str) -> None:
    assert sql_rules.capitals(load_statement(name).text) == []


@every_statement
def test_what_is_rendered_reads_the_same_in_trino_and_athena(name: str) -> None:
    sql = default_rendering(name)

    for dialect in ("athena", "trino"):
        statements = sqlglot.parse(sql, read=dialect)
        assert [type(statement) for statement in statements] in ([exp.Select], [exp.Union])
        assert statements[0].sql(dialect, pretty=True, comments=False) == sql
    assert not sql_rules.placeholders(sql)


@every_statement
def test_rendering_calls_no_other_functions_than_the_file(name: str) -> None:
    texts = [load_statement(each).text for each in [*bases_of(name), name]]
    written = set().union(*map(sql_rules.function_names, texts)) - {"resource_tag", "resource_tag_list"}

    assert sql_rules.function_names(default_rendering(name)) <= written | MADE_BY_RENDERING


@pytest.mark.parametrize("table", sorted(run_tables()))
def test_a_statement_gives_the_columns_of_its_contract(table: str, warehouse: Warehouse) -> None:
    found = warehouse.describe(default_rendering(statement_of(table)))

    stored = {column: kind.replace("HUGEINT", "BIGINT") for column, kind in found.items()}
    assert types(stored, "duckdb") == types(run_tables()[table], "hive")


@every_statement
def test_no_statement_gives_a_double_or_a_nameless_column(name: str, warehouse: Warehouse) -> None:
    found = warehouse.describe(default_rendering(name))

    assert not {"DOUBLE", "FLOAT", '"NULL"'} & set(found.values())
    assert not [column for column in found if column.startswith("_col")]


def test_unloaded_statements_make_the_run_tables_of_their_names() -> None:
    relations = [load_statement(name).relation for name in (*UNLOADED, "a040_pool_shares")]

    assert sorted(relations) == sorted(run_tables())
    assert not set(UNLOADED) & set(RUN_STATEMENTS)


def test_statements_that_take_only_the_run_take_only_the_run() -> None:
    assert all(list(load_statement(name).parameters) == ["run_id"] for name in RUN_STATEMENTS)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (sql_rules.subscripts, "select resource_tags['user_a'] from t"),
        (sql_rules.capitals, "SELECT a from t"),
        (sql_rules.careless_divisions, "select cost / 3 from t"),
        (sql_rules.careless_divisions, "select cast(a as double) / cast(b as double) from t"),
        (sql_rules.careless_divisions, "select cast(floor(cast(a as double) / b) as decimal(38, 0)) from t"),
        (sql_rules.careless_divisions, "select cast(floor(cast(a as double) / cast(b as double)) as bigint) from t"),
        (sql_rules.careless_divisions, "select avg(cost) from t"),
        (sql_rules.careless_divisions, "select cost % 3 from t"),
        (sql_rules.floats, "select cast(cost as double) from t"),
        (sql_rules.floats, "select try_cast(cost as real) from t"),
        (sql_rules.floats, "select cost * 1e-2 from t"),
    ],
)
def test_the_rules_catch_what_they_are_for(rule: Any, text: str) -> None:
    assert list(rule(text))


def test_a_sum_of_doubles_is_caught() -> None:
    tree = plan_of("select sum(line_item_unblended_cost) as cost from cur where billing_period = '2026-03'").tree

    assert list(sql_rules.sums_of_doubles(tree))


@cache
def default_rendering(name: str) -> str:
    """A statement with the parameters of its first case."""
    case = next(case for case in find_cases() if case.statement == name)
    return rendered(name, case.parameters)


@cache
def default_plan(name: str) -> Plan:
    """That statement resolved and typed; read it only."""
    return plan_of(default_rendering(name))


def statement_of(table: str) -> str:
    """The statement whose rows are unloaded to a table of the run."""
    (name,) = (name for name in (*UNLOADED, "a040_pool_shares") if load_statement(name).relation == table)
    return name


def types(columns: Mapping[str, str], dialect: str) -> list[tuple[str, str]]:
    """Columns in order, with their types in one spelling."""
    return [(name, exp.DataType.build(kind, dialect=dialect).sql("trino")) for name, kind in columns.items()]
