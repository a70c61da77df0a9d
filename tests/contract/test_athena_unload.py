"""What an UNLOAD writes, and when it refuses to."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.contract.athena_lake import Lake, open_lake


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with open_lake(tmp_path) as opened:
        opened.parquet("bill/1", "select i % 7 as account, i::bigint as n, i / 8 as cost from range(300000) t(i)")
        opened.table("bill", "account bigint, n bigint, cost double")
        yield opened


def test_an_unload_is_read_back_through_the_table_of_its_run(lake: Lake) -> None:
    projection = {"run_id.type": "injected", "template": "s3://work/runs/${run_id}/totals/"}
    lake.table(
        "totals", "account bigint, cost decimal(38,10), lines bigint", partitions="run_id string", projection=projection
    )
    totals = "select account, sum(cast(cost as decimal(38,10))) as cost, count(*) as lines from bill group by account"
    answer = lake.unload(totals, "runs/r1/totals/")
    assert (answer.state, answer.rows) == ("SUCCEEDED", [])
    assert lake.rows("select * from totals where run_id = 'r1' order by account") == [
        [*row, "r1"] for row in lake.rows(f"{totals} order by account")
    ]


def test_an_ordered_unload_is_one_file_in_that_order(lake: Lake) -> None:
    answer = lake.unload("select n from bill order by n desc", "sorted/")
    [uri] = lake.unloaded(answer)
    assert uri.startswith("s3://work/sorted/")
    numbers = pq.read_table(lake.files.path("work", uri.removeprefix("s3://work/"))).column("n").to_pylist()
    assert numbers == list(range(299999, -1, -1))


def test_the_same_unload_writes_the_same_bytes_under_the_same_name(lake: Lake) -> None:
    totals = "select account, sum(n) as n from bill group by account order by account"
    [first] = lake.unloaded(lake.unload(totals, "again/"))
    before = lake.read(first)
    lake.files.path("work", first.removeprefix("s3://work/")).unlink()
    [second] = lake.unloaded(lake.unload(totals, "again/"))
    assert (second, lake.read(second)) == (first, before)


def test_the_manifest_lies_beside_the_results_and_is_named_by_the_query(lake: Lake) -> None:
    answer = lake.unload("select n from bill", "all/")
    assert answer.execution["Statistics"]["DataManifestLocation"] == f"s3://results/queries/{answer.id}-manifest.csv"
    assert [uri.rsplit("/", 1)[0] for uri in lake.unloaded(answer)] == ["s3://work/all"]


def test_types_survive_the_way_through_parquet(lake: Lake) -> None:
    cost = "cast('1.50' as decimal(3, 2)) as cost"
    sql = f"select sum(n) as total, {cost}, array['a'] as names, date '2026-05-01' as day, 0.5e0 as d"
    [uri] = lake.unloaded(lake.unload(f"{sql} from bill", "types/"))
    table = pq.read_table(lake.files.path("work", uri.removeprefix("s3://work/")))
    assert [str(field.type) for field in table.schema] == [
        "int64", "decimal128(3, 2)", "list<element: string>", "date32[day]", "double",
    ]  # fmt: skip
    assert table.column("cost").to_pylist() == [Decimal("1.50")]


@pytest.mark.parametrize(
    ("options", "codec"),
    [
        ("format = 'PARQUET', compression = 'SNAPPY'", "SNAPPY"),
        ("format = 'PARQUET', compression = 'ZSTD'", "ZSTD"),
        ("format = 'PARQUET'", "GZIP"),
    ],
)
def test_the_compression_is_the_one_asked_for_or_gzip(lake: Lake, options: str, codec: str) -> None:
    [uri] = lake.unloaded(lake.unload("select n from bill", "compressed", options))
    metadata = pq.ParquetFile(lake.files.path("work", uri.removeprefix("s3://work/"))).metadata
    assert metadata.row_group(0).column(0).compression == codec


def test_an_unload_of_no_rows_writes_no_file(lake: Lake) -> None:
    answer = lake.unload("select n from bill where n < 0", "none/")
    assert lake.unloaded(answer) == []
    assert lake.files.objects("work", "none/") == []


def test_comments_may_surround_an_unload_and_its_query(lake: Lake) -> None:
    sql = """
        /* purpose: it's a test (of comments */
        -- another )
        unload ( -- here too )
            with t as (select n from bill where n < 3) select n from t -- )
        ) to 's3://work/comments/' with (format = 'PARQUET') -- done
    """
    assert len(lake.unloaded(lake.query(sql))) == 1


def test_an_unload_never_writes_into_a_folder_with_objects(lake: Lake) -> None:
    lake.put("full/kept", b"x", bucket="work")
    answer = lake.unload("select n from bill", "full/")
    assert answer.state == "FAILED"
    assert answer.reason.startswith(
        "HIVE_PATH_ALREADY_EXISTS: Target directory for table 's3://work/full/' already exists"
    )
    assert [item.key for item in lake.files.objects("work", "full/")] == ["full/kept"]


def test_a_folder_whose_name_only_begins_the_same_is_another_folder(lake: Lake) -> None:
    lake.put("full-2/kept", b"x", bucket="work")
    assert lake.unloaded(lake.unload("select 1 as n", "full"))


def test_a_failing_unload_writes_nothing(lake: Lake) -> None:
    answer = lake.unload("select n / (n - 5) as q from bill", "failed/")
    assert (answer.state, answer.reason) == ("FAILED", "DIVISION_BY_ZERO: Division by zero")
    assert lake.files.objects("work", "") == []
    assert lake.files.objects("results", "") == []


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("select n + 1 from bill", "SYNTAX_ERROR: line 1:1: Column name not specified at position 1"),
        ("select n, cost as n from bill", "SYNTAX_ERROR: line 1:1: Column name 'n' specified more than once"),
        ("select null as n from bill", "NOT_SUPPORTED: Unsupported Hive type: unknown"),
        ("select nothing from bill", "COLUMN_NOT_FOUND: line 1:16: Column 'nothing'"),
        ("select (n from bill", "SYNTAX_ERROR: line 1:"),
    ],
)
def test_a_query_that_cannot_be_unloaded_fails(lake: Lake, query: str, reason: str) -> None:
    answer = lake.unload(query, "refused/")
    assert answer.state == "FAILED"
    assert answer.reason.startswith(reason)
    assert lake.files.objects("work", "") == []


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ("(select 1 as n) TO 's3://work/x/' WITH (format = 'ORC')", "NOT_SUPPORTED: UNLOAD with format ORC"),
        ("(select 1 as n) TO 's3://work/x/' WITH (format = 'PARQUET', compression = 'LZ4')", "NOT_SUPPORTED"),
        ("(select 1 as n) TO 's3://work/x/' WITH (format = 'PARQUET', partitioned_by = ARRAY['n'])", "NOT_SUPPORTED"),
        ("(select 1 as n) TO 'work/x/' WITH (format = 'PARQUET')", "SYNTAX_ERROR: line 1:27: Invalid S3 location"),
        ("(select 1 as n) TO 's3://work/x/'", "SYNTAX_ERROR: line 1:41: mismatched input '<EOF>'"),
        ("(select 1 as n) WITH (format = 'PARQUET')", "SYNTAX_ERROR: line 1:24: mismatched input 'WITH'"),
        ("select 1 as n", "SYNTAX_ERROR: line 1:8: mismatched input 'select'"),
    ],
)
def test_an_unload_that_athena_would_not_take_fails(lake: Lake, rest: str, reason: str) -> None:
    answer = lake.query(f"UNLOAD {rest}")
    assert answer.state == "FAILED"
    assert answer.reason.startswith(reason)
