"""Which partitions Athena reads: projection, its predicates, and what it refuses to guess."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.contract.athena_lake import Lake, open_lake

RUN = {"run_id.type": "injected", "template": "s3://data/runs/${run_id}/charges/"}
MONTH = {
    "billing_period.type": "date",
    "billing_period.format": "yyyy-MM",
    "billing_period.range": "2026-01,NOW",
    "billing_period.interval": "1",
    "billing_period.interval.unit": "MONTHS",
    "template": "s3://data/bill/BILLING_PERIOD=${billing_period}/",
}
LEVEL = {
    "run_id.type": "injected",
    "level.type": "integer",
    "level.range": "1,20",
    "template": "s3://data/runs/${run_id}/shares/level=${level}/",
}


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with open_lake(tmp_path) as opened:
        yield opened


@pytest.fixture
def runs(lake: Lake) -> Lake:
    for run in ("r1", "r2", "r3"):
        lake.parquet(f"runs/{run}/charges/1", f"select 'of {run}' as name")
    lake.table("charges", "name string", partitions="run_id string", projection=RUN)
    return lake


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("run_id = 'r1'", ["of r1"]),
        ("'r1' = run_id", ["of r1"]),
        ("run_id in ('r1', 'r3')", ["of r1", "of r3"]),
        ("run_id in ('r1', 'r3') and run_id = 'r3' and name <> ''", ["of r3"]),
        ("run_id = 'none'", []),
    ],
)
def test_an_injected_partition_is_read_for_the_values_in_the_where_clause(
    runs: Lake, condition: str, found: list[str]
) -> None:
    assert [row[0] for row in runs.rows(f"select name from charges where {condition} order by name")] == found


def test_the_partition_column_holds_the_value_of_its_folder(runs: Lake) -> None:
    assert runs.rows("select run_id, name from charges where run_id = 'r2'") == [["r2", "of r2"]]


@pytest.mark.parametrize("condition", ["true", "name = 'x'", "run_id > 'r1'", "run_id = name", "run_id = 'r1' or true"])
def test_an_injected_partition_without_a_static_equality_fails(runs: Lake, condition: str) -> None:
    answer = runs.query(f"select name from charges where {condition}")
    assert (answer.state, answer.reason) == (
        "FAILED",
        "CONSTRAINT_VIOLATION: For the injected projected partition column run_id, the WHERE clause must contain "
        "only static equality conditions, and at least one such condition must be present.",
    )


def test_each_mention_of_a_table_reads_its_own_partition(runs: Lake) -> None:
    sql = """
        with first as (select * from charges where run_id = 'r1'), second as (select * from charges where run_id = 'r2')
        select first.name, second.name as other, (select max(name) from charges where run_id = 'r3') as last
        from first cross join second
    """
    assert runs.rows(sql) == [["of r1", "of r2", "of r3"]]


def test_every_mention_needs_its_own_equality(runs: Lake) -> None:
    sql = "select a.name from charges a join charges b on a.name = b.name where a.run_id = 'r1'"
    assert runs.query(sql).reason.startswith("CONSTRAINT_VIOLATION")


def test_a_cte_may_have_the_name_of_the_table_it_reads(runs: Lake) -> None:
    assert runs.rows("with charges as (select name from charges where run_id = 'r1') select name from charges") == [
        ["of r1"]
    ]


def test_an_equality_in_the_on_clause_counts_for_the_table_that_is_left_joined(runs: Lake) -> None:
    joined = "select a.name, b.name from charges a left join charges b on b.run_id = 'r2' and a.name <> b.name"
    assert runs.rows(f"{joined} where a.run_id = 'r1'") == [["of r1", "of r2"]]
    assert runs.query(f"{joined} and a.run_id = 'r1'").reason.startswith("CONSTRAINT_VIOLATION")


@pytest.fixture
def bill(lake: Lake) -> Lake:
    for month in ("2025-12", "2026-05", "2026-06", "2026-08"):
        lake.parquet(f"bill/BILLING_PERIOD={month}/20260701T0000-id/1", f"select '{month}' as month")
    lake.table("bill", "month string", partitions="billing_period string", projection=MONTH)
    return lake


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("billing_period = '2026-05'", ["2026-05"]),
        ("billing_period in ('2026-05', '2026-06')", ["2026-05", "2026-06"]),
        ("billing_period >= '2026-06'", ["2026-06"]),
        ("'2026-06' > billing_period", ["2026-05"]),
        ("billing_period between '2026-05' and '2026-06'", ["2026-05", "2026-06"]),
        ("true", ["2026-05", "2026-06"]),
        ("billing_period = '2025-12'", []),
    ],
    ids=["equal", "in", "at least", "less", "between", "none: all months of the range", "before the range"],
)
def test_months_of_the_projected_range_are_read(bill: Lake, condition: str, found: list[str]) -> None:
    rows = bill.rows(f"select month, billing_period from bill where {condition} order by month")
    assert rows == [[month, month] for month in found]


def test_a_month_that_the_query_excludes_is_not_opened(bill: Lake) -> None:
    bill.put("bill/BILLING_PERIOD=2026-06/x/broken", b"junk" * 50)
    assert bill.rows("select month from bill where billing_period = '2026-05'") == [["2026-05"]]
    assert bill.query("select month from bill").reason.startswith("HIVE_BAD_DATA")


def test_now_is_the_month_of_the_clock(tmp_path: Path) -> None:
    with open_lake(tmp_path, today=date(2026, 8, 1)) as lake:
        lake.parquet("bill/BILLING_PERIOD=2026-08/1", "select 'august' as month")
        lake.table("bill", "month string", partitions="billing_period string", projection=MONTH)
        assert lake.rows("select month from bill") == [["august"]]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("level = 2", ["2"]),
        ("level < 2", ["1"]),
        ("level <= 2", ["1", "2"]),
        ("level > 2", ["10"]),
        ("level between 2 and 10", ["10", "2"]),
        ("level in (1, 10)", ["1", "10"]),
        ("true", ["1", "10", "2"]),
    ],
)
def test_integer_partitions_compare_as_numbers(lake: Lake, condition: str, found: list[str]) -> None:
    for level in (1, 2, 10):
        lake.parquet(f"runs/r1/shares/level={level}/1", f"select '{level}' as name")
    lake.table("shares", "name string", partitions="run_id string, level int", projection=LEVEL)
    rows = lake.rows(f"select name from shares where run_id = 'r1' and {condition} order by name")
    assert [row[0] for row in rows] == found


def test_enum_partitions_are_those_of_the_list(lake: Lake) -> None:
    for kind in ("usage", "tax", "other"):
        lake.parquet(f"kinds/kind={kind}/1", f"select '{kind}' as name")
    projection = {"kind.type": "enum", "kind.values": "usage,tax", "template": "s3://data/kinds/kind=${kind}/"}
    lake.table("kinds", "name string", partitions="kind string", projection=projection)
    assert lake.rows("select name from kinds order by name") == [["tax"], ["usage"]]
    assert lake.rows("select name from kinds where kind = 'usage'") == [["usage"]]


def test_registered_partitions_are_read_from_their_locations(lake: Lake) -> None:
    lake.parquet("old/2026-05/1", "select 1 as n")
    lake.parquet("old/2026-06/1", "select 2 as n")
    lake.table("old", "n int", partitions="month string")
    for month in ("2026-05", "2026-06"):
        location = {"StorageDescriptor": {"Location": f"s3://data/old/{month}"}}
        lake.glue.create_partition(DatabaseName="lake", TableName="old", PartitionInput={"Values": [month], **location})
    assert lake.rows("select month, n from old where month >= '2026-06'") == [["2026-06", "2"]]
    assert lake.rows("select sum(n) from old") == [["3"]]
