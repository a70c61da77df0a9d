"""What Athena reads for a table: files below its folder, columns by name, in their declared types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.athena_lake import HCATALOG_JSON, OPENX_JSON, Lake, open_lake


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with open_lake(tmp_path) as opened:
        yield opened


def test_parquet_columns_are_found_by_name_whatever_their_case_and_order(lake: Lake) -> None:
    lake.parquet("bill/1", "select 2.5::double as Cost, 'a' as ACCOUNT")
    lake.parquet("bill/2", "select 'b' as account, 1.5::double as cost")
    lake.table("bill", "account string, cost double")
    assert lake.rows("select account, cost from bill order by account") == [["a", "2.5"], ["b", "1.5"]]


def test_a_declared_column_that_a_file_lacks_is_null(lake: Lake) -> None:
    lake.parquet("bill/1", "select 'a' as account, 7::bigint as tax")
    lake.parquet("bill/2", "select 'b' as account")
    lake.table("bill", "account string, tax bigint, credit decimal(38,10)")
    assert lake.rows("select * from bill order by account") == [["a", "7", None], ["b", None, None]]


def test_a_column_that_only_the_files_have_does_not_exist(lake: Lake) -> None:
    lake.parquet("bill/1", "select 'a' as account, 1 as undeclared")
    lake.table("bill", "account string")
    assert lake.query("select undeclared from bill").reason.startswith(
        "COLUMN_NOT_FOUND: line 1:8: Column 'undeclared'"
    )


def test_every_declared_type_reads_as_itself(lake: Lake) -> None:
    lake.parquet(
        "all/1",
        "select 'x' s, 1::int i, 2::bigint b, 0.1::double d, true t, date '2026-05-01' as day, "
        "timestamp '2026-05-01 10:00:00.5' as at, 1.25::decimal(38,10) m, map{'k': 'v'} tags, ['a', 'b'] names",
    )
    lake.table(
        "all",
        "s string, i int, b bigint, d double, t boolean, day date, at timestamp, m decimal(38,10), "
        "tags map<string,string>, names array<string>",
    )
    answer = lake.query('select * from "all"')
    assert answer.rows == [
        ["x", "1", "2", "0.1", "true", "2026-05-01", "2026-05-01 10:00:00.500", "1.2500000000", "{k=v}", "[a, b]"]
    ]
    assert [column["Type"] for column in answer.columns] == [
        "varchar", "integer", "bigint", "double", "boolean", "date", "timestamp", "decimal", "map", "array",
    ]  # fmt: skip
    assert (answer.columns[7]["Precision"], answer.columns[7]["Scale"]) == (38, 10)


def test_a_file_whose_column_is_of_another_kind_fails_with_its_uri(lake: Lake) -> None:
    uri = lake.parquet("bill/1", "select '12.5' as cost")
    lake.table("bill", "cost double")
    answer = lake.query("select cost from bill")
    assert answer.reason == (
        f"HIVE_BAD_DATA: Field cost's type VARCHAR in parquet file {uri} is incompatible with type double "
        "defined in table schema"
    )


def test_a_narrower_number_in_the_file_widens_to_the_declared_type(lake: Lake) -> None:
    lake.parquet("bill/1", "select 5::int as lines, 1.5::decimal(10,2) as cost")
    lake.table("bill", "lines bigint, cost decimal(38,10)")
    assert lake.rows("select lines, cost from bill") == [["5", "1.5000000000"]]


def test_folders_are_read_recursively(lake: Lake) -> None:
    lake.parquet("bill/20260601T0000-execution/part/1", "select 1 as n")
    lake.table("bill", "n int")
    assert lake.rows("select n from bill") == [["1"]]


def test_empty_and_hidden_objects_are_not_data(lake: Lake) -> None:
    lake.parquet("bill/1", "select 1 as n")
    for key in ("bill/empty", "bill/folder/"):
        lake.put(key.rstrip("/"), b"")
    for key in ("bill/_SUCCESS", "bill/.crc", "bill/_temporary/2"):
        lake.put(key, b"not parquet")
    lake.table("bill", "n int")
    assert lake.rows("select n from bill") == [["1"]]


def test_a_table_without_files_has_no_rows_and_all_its_columns(lake: Lake) -> None:
    lake.table("bill", "n int, cost decimal(38,10)")
    answer = lake.query("select n, cost from bill")
    assert (answer.state, answer.header, answer.rows) == ("SUCCEEDED", ["n", "cost"], [])
    assert lake.rows("select count(*) from bill") == [["0"]]


def test_rows_are_counted_without_reading_a_column(lake: Lake) -> None:
    lake.parquet("bill/1", "select i from range(1000) t(i)")
    lake.table("bill", "i bigint")
    answer = lake.query("select count(*) from bill")
    assert (answer.rows, answer.scanned) == ([["1000"]], 0)


@pytest.mark.parametrize("serde", [OPENX_JSON, HCATALOG_JSON])
def test_json_lines_are_read_with_their_declared_types(lake: Lake, serde: str) -> None:
    lake.json_lines(
        "rules/1.json",
        {"name": "a", "weight": "1.10", "rank": 5, "on": True, "tags": {"k": "v"}, "ids": ["x"], "day": "2026-05-01"},
        {"name": None, "weight": 2, "rank": "7", "other": 1},
    )
    columns = "name string, weight decimal(38,6), rank bigint, on boolean, tags map<string,string>, ids array<string>"
    lake.table("rules", f"{columns}, day date", serde=serde)
    assert lake.rows("select * from rules order by rank") == [
        ["a", "1.100000", "5", "true", "{k=v}", "[x]", "2026-05-01"],
        [None, "2.000000", "7", None, None, None, None],
    ]


def test_a_broken_json_line_fails_with_the_object(lake: Lake) -> None:
    uri = lake.put("rules/1.json", b'{"name": "a"}\n{"name":\n')
    lake.table("rules", "name string", serde=OPENX_JSON)
    assert lake.query("select name from rules").reason.startswith(f"HIVE_BAD_DATA: Error opening Hive split {uri}: ")


def test_path_names_the_object_of_each_row(lake: Lake) -> None:
    uris = [lake.parquet(f"bill/{n}", f"select {n} as n") for n in (1, 2)]
    lake.table("bill", "n int")
    assert lake.rows('select "$path", n from bill order by n') == [[uris[0], "1"], [uris[1], "2"]]
    assert lake.query("select * from bill").header == ["n"]


def test_only_the_listed_paths_are_opened(lake: Lake) -> None:
    listed = lake.parquet("bill/1", "select 1 as n")
    lake.put("bill/2", b"an older delivery, cut short")
    lake.table("bill", "n int")
    assert lake.rows(f"""select n from bill where "$path" in ('{listed}', 's3://data/bill/none')""") == [["1"]]


@pytest.mark.parametrize("content", [b"junk" * 100, b"PAR1"], ids=["no parquet", "too short"])
def test_a_corrupt_file_fails_with_its_uri(lake: Lake, content: bytes) -> None:
    lake.parquet("bill/1", "select 1 as n")
    uri = lake.put("bill/12", content)
    lake.table("bill", "n int")
    answer = lake.query("select n from bill")
    assert answer.state == "FAILED"
    assert answer.reason.startswith(f"HIVE_BAD_DATA: Error opening Hive split {uri}: ")


def test_a_file_that_is_corrupt_in_its_pages_fails_with_its_uri(lake: Lake) -> None:
    lake.parquet("bill/1", "select 1::bigint as n, 'x' as text")
    uri = lake.parquet("bill/2", "select i as n, md5(i::varchar) as text from range(50000) t(i)")
    content = lake.read(uri)
    half = len(content) // 2
    lake.put("bill/2", content[:half] + bytes(2000) + content[half + 2000 :])
    lake.table("bill", "n bigint, text string")
    answer = lake.query("select max(length(text)), sum(n) from bill")
    assert answer.reason.startswith(f"HIVE_BAD_DATA: Error opening Hive split {uri}: ")


def test_a_table_of_another_format_is_refused(lake: Lake) -> None:
    lake.table("bill", "n int", serde="org.apache.hadoop.hive.serde2.OpenCSVSerde")
    assert lake.query("select n from bill").reason.startswith("HIVE_UNSUPPORTED_FORMAT")
