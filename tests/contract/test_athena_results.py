"""What a SELECT leaves behind: GetQueryResults, the result file, the statistics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local.athena.results import java_double
from tests.contract.athena_lake import Lake, open_lake


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with open_lake(tmp_path) as opened:
        yield opened


def test_the_result_file_quotes_every_value_and_leaves_null_empty(lake: Lake) -> None:
    sql = """
        select * from (values
            (
                'say "hi", all',
                cast('1.50' as decimal(3, 2)),
                cast(null as varchar),
                timestamp '2026-05-01 00:00:00',
                array['a', 'b']
            ),
            ('', cast('-0.05' as decimal(3, 2)), 'x', null, null)
        ) as t(text, amount, missing, happened_at, names) order by amount desc
    """
    answer = lake.query(sql)
    location = answer.execution["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://results/queries/{answer.id}.csv"
    assert lake.read(location).decode() == (
        '"text","amount","missing","happened_at","names"\n'
        '"say ""hi"", all","1.50",,"2026-05-01 00:00:00.000","[a, b]"\n'
        '"","-0.05","x",,\n'
    )


def test_a_column_without_a_name_is_named_by_its_position(lake: Lake) -> None:
    assert lake.query("select 1, 'a' as name, count(*)").header == ["_col0", "name", "_col2"]


def test_a_result_tells_the_types_of_its_columns(lake: Lake) -> None:
    answer = lake.query("select sum(1) as total, cast(1 as decimal(38,10)) as cost, 'x' as name, 1 as n, 1e0 as d")
    found = [(column["Name"], column["Type"], column["Precision"], column["Scale"]) for column in answer.columns]
    assert found == [
        ("total", "bigint", 19, 0),
        ("cost", "decimal", 38, 10),
        ("name", "varchar", 2147483647, 0),
        ("n", "integer", 10, 0),
        ("d", "double", 17, 0),
    ]


def test_a_large_result_comes_in_pages_of_at_most_a_thousand_rows_with_the_header(lake: Lake) -> None:
    lake.parquet("numbers/1", "select i from range(2500) t(i)")
    lake.table("numbers", "i bigint")
    started = lake.start("select i from numbers order by i")
    first = lake.athena.get_query_results(QueryExecutionId=started)
    assert len(first["ResultSet"]["Rows"]) == 1000
    pages = lake.athena.get_paginator("get_query_results").paginate(QueryExecutionId=started)
    values = [row["Data"][0]["VarCharValue"] for page in pages for row in page["ResultSet"]["Rows"]]
    assert values == ["i", *map(str, range(2500))]


def test_the_results_of_a_failed_query_cannot_be_read(lake: Lake) -> None:
    started = lake.start("select nothing")
    with pytest.raises(ClientError, match=r"Query did not finish successfully\. Final query state: FAILED"):
        lake.athena.get_query_results(QueryExecutionId=started)


def test_scanned_bytes_are_those_of_the_columns_read(lake: Lake) -> None:
    for file in (1, 2):
        lake.parquet(f"bill/{file}", "select i as n, md5(i::varchar) as id from range(5000) t(i)")
    lake.table("bill", "n bigint, id string")
    narrow, wide = lake.query("select sum(n) from bill").scanned, lake.query("select n, id from bill limit 1").scanned
    size = sum(item.size for item in lake.files.objects("data", "bill/"))
    assert 0 < narrow < wide - 2 * 5000 * 32 // 2
    assert wide <= size


def test_scanned_bytes_of_json_are_whole_objects(lake: Lake) -> None:
    uri = lake.json_lines("rules/1", {"name": "a", "other": "b" * 100})
    lake.table("rules", "name string, other string", serde="org.openx.data.jsonserde.JsonSerDe")
    assert lake.query("select name from rules").scanned == len(lake.read(uri))


def test_a_query_over_the_scan_limit_of_its_workgroup_is_cancelled_before_it_runs(lake: Lake) -> None:
    lake.parquet("bill/1", "select i as n, md5(i::varchar) as id from range(500000) t(i)")
    lake.table("bill", "n bigint, id string")
    lake.athena.create_work_group(
        Name="capped",
        Configuration={
            "ResultConfiguration": {"OutputLocation": "s3://results/capped/"},
            "BytesScannedCutoffPerQuery": 10_000_000,
        },
    )
    answer = lake.query("select count(distinct id) from bill", WorkGroup="capped")
    assert (answer.state, answer.reason) == ("CANCELLED", "Query cancelled! : Bytes scanned limit was exceeded")
    assert answer.scanned > 10_000_000
    assert lake.query("select count(*) from bill", WorkGroup="capped").state == "SUCCEEDED"


def test_the_engines_time_is_measured(lake: Lake) -> None:
    statistics = lake.query("select 1").execution["Statistics"]
    assert 0 < statistics["EngineExecutionTimeInMillis"] <= statistics["TotalExecutionTimeInMillis"] < 60_000


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (0.1, "0.1"),
        (100.0, "100.0"),
        (9999999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (-123456789.125, "-1.23456789125E8"),
        (0.001, "0.001"),
        (0.00012, "1.2E-4"),
        (float("inf"), "Infinity"),
        (float("nan"), "NaN"),
    ],
)
def test_a_double_is_written_as_java_writes_it(value: float, text: str) -> None:
    assert java_double(value) == text
