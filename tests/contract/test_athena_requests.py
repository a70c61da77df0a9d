"""The API around a query: tokens, workgroups, result locations, parallel starts, and the versions it is written for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from moto.athena.models import AthenaBackend
from moto.athena.responses import AthenaResponse

from local.athena import backend
from tests.contract.athena_lake import DirectoryFiles, Lake, open_lake

TOKEN = "a-token-of-at-least-thirty-two-characters"


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with open_lake(tmp_path) as opened:
        yield opened


def test_the_same_token_and_query_is_the_same_execution(lake: Lake) -> None:
    sql = "UNLOAD (select 1 as n) TO 's3://work/once/' WITH (format = 'PARQUET')"
    first = lake.start(sql, ClientRequestToken=TOKEN)
    assert lake.start(sql, ClientRequestToken=TOKEN) == first
    assert lake.answer(first).state == "SUCCEEDED"


def test_the_same_token_with_another_query_is_refused(lake: Lake) -> None:
    lake.start("select 1", ClientRequestToken=TOKEN)
    with pytest.raises(ClientError, match="Idempotent parameters do not match") as refused:
        lake.start("select 2", ClientRequestToken=TOKEN)
    assert refused.value.response["Error"]["Code"] == "InvalidRequestException"


def test_without_a_token_every_start_is_an_execution(lake: Lake) -> None:
    assert lake.start("select 1") != lake.start("select 1")


def test_a_workgroup_enforces_its_result_location(lake: Lake) -> None:
    location = {"OutputLocation": "s3://results/enforced"}
    lake.athena.create_work_group(Name="strict", Configuration={"ResultConfiguration": location})
    answer = lake.query("select 1 as n", WorkGroup="strict", ResultConfiguration={"OutputLocation": "s3://elsewhere/"})
    assert answer.execution["ResultConfiguration"]["OutputLocation"] == f"s3://results/enforced/{answer.id}.csv"
    assert lake.read(f"s3://results/enforced/{answer.id}.csv") == b'"n"\n"1"\n'
    assert lake.files.objects("elsewhere", "") == []


def test_a_query_needs_a_result_location(lake: Lake) -> None:
    with pytest.raises(ClientError, match="No output location provided"):
        lake.athena.start_query_execution(QueryString="select 1")


def test_a_result_location_in_no_bucket_is_refused(lake: Lake) -> None:
    lake.files.missing_buckets.add("results")
    with pytest.raises(ClientError, match="Unable to verify/create output bucket results"):
        lake.start("select 1")


def test_a_table_in_no_bucket_fails_its_query(lake: Lake) -> None:
    lake.files.missing_buckets.add("data")
    lake.table("bill", "n int")
    assert lake.query("select n from bill").reason == "GENERIC_INTERNAL_ERROR: There is no bucket data."


def test_an_unknown_workgroup_is_refused(lake: Lake) -> None:
    with pytest.raises(ClientError, match="WorkGroup nobody is not found"):
        lake.start("select 1", WorkGroup="nobody")


def test_an_unknown_execution_is_refused(lake: Lake) -> None:
    with pytest.raises(ClientError, match="QueryExecution 123 was not found"):
        lake.athena.get_query_execution(QueryExecutionId="123")


def test_execution_parameters_are_refused(lake: Lake) -> None:
    with pytest.raises(ClientError, match="ExecutionParameters are not supported"):
        lake.start("select ?", ExecutionParameters=["1"])


def test_the_database_is_that_of_the_context_or_of_the_name(lake: Lake) -> None:
    lake.parquet("bill/1", "select 1 as n")
    lake.table("bill", "n int")
    assert lake.query("select n from bill", QueryExecutionContext={"Database": "LAKE"}).rows == [["1"]]
    assert lake.query("select bill.n from awsdatacatalog.lake.bill", QueryExecutionContext={}).rows == [["1"]]
    assert lake.query("select n from bill", QueryExecutionContext={}).reason.startswith("SCHEMA_NOT_FOUND")


def test_queries_started_at_once_all_finish_with_their_own_rows(lake: Lake) -> None:
    lake.parquet("bill/1", "select i as n from range(1000) t(i)")
    lake.table("bill", "n bigint")
    with ThreadPoolExecutor(8) as pool:
        started = list(pool.map(lambda limit: lake.start(f"select max(n) + {limit} from bill"), range(20)))
    assert [lake.answer(execution).rows for execution in started] == [[[str(999 + limit)]] for limit in range(20)]


def test_a_query_whose_object_vanished_from_disk_fails_with_its_uri(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = lake.parquet("bill/1", "select 1 as n")
    lake.table("bill", "n int")
    listed = lake.files.objects("data", "bill/")
    monkeypatch.setattr(DirectoryFiles, "objects", lambda *_: listed)
    listed[0].path.unlink()
    assert lake.query("select n from bill").reason == (
        f"HIVE_BAD_DATA: Error opening Hive split {uri}: the object's bytes are missing from disk"
    )


def test_a_failure_is_described_for_the_state_machine(lake: Lake) -> None:
    status = lake.query("select 1 / 0").execution["Status"]
    assert status["State"] == "FAILED"
    assert status["AthenaError"]["ErrorMessage"] == status["StateChangeReason"] == "DIVISION_BY_ZERO: Division by zero"


def test_uninstalling_leaves_moto_as_it_was(tmp_path: Path) -> None:
    before = (vars(AthenaBackend)["start_query_execution"], vars(AthenaResponse)["get_query_results"])
    with open_lake(tmp_path):
        assert vars(AthenaBackend)["start_query_execution"] is not before[0]
    assert (vars(AthenaBackend)["start_query_execution"], vars(AthenaResponse)["get_query_results"]) == before


@pytest.mark.parametrize("library", ["moto", "duckdb", "sqlglot"])
def test_another_version_of_a_library_it_reaches_into_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(backend.WRITTEN_FOR, library, "0.0.1")
    with pytest.raises(backend.WrongEngineVersion, match=rf"written for {library} 0\.0\.1 and {library} \d"):
        backend.install(DirectoryFiles(tmp_path))
