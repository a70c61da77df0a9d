"""A small data lake for the Athena tests: files in a directory, tables in moto's Glue, queries through boto3."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import duckdb
from moto import mock_aws

from local.athena.backend import install, uninstall
from local.aws.errors import LocalCloudError
from local.aws.files import LocalObject

REGION = "eu-west-1"
PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
OPENX_JSON = "org.openx.data.jsonserde.JsonSerDe"
HCATALOG_JSON = "org.apache.hive.hcatalog.data.JsonSerDe"


class DirectoryFiles:
    """S3 as a directory with a folder per bucket."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.missing_buckets: set[str] = set()

    def path(self, bucket: str, key: str) -> Path:
        return self.root / bucket / key

    def objects(self, bucket: str, prefix: str) -> list[LocalObject]:
        if bucket in self.missing_buckets:
            raise LocalCloudError(f"There is no bucket {bucket}.")
        folder = self.root / bucket
        found = [(file.relative_to(folder).as_posix(), file) for file in folder.rglob("*") if file.is_file()]
        return sorted(
            (LocalObject(key, file, file.stat().st_size) for key, file in found if key.startswith(prefix)),
            key=lambda item: item.key,
        )

    def store(self, bucket: str, key: str, path: Path) -> None:
        self.path(bucket, key).parent.mkdir(parents=True, exist_ok=True)
        path.replace(self.path(bucket, key))


@dataclass(frozen=True)
class Answer:
    """A finished query: its description by GetQueryExecution, and its rows without the header."""

    execution: Mapping[str, Any]
    header: Sequence[str]
    rows: Sequence[Sequence[str | None]]
    columns: Sequence[Mapping[str, Any]]

    @property
    def id(self) -> str:
        return str(self.execution["QueryExecutionId"])

    @property
    def state(self) -> str:
        return str(self.execution["Status"]["State"])

    @property
    def reason(self) -> str:
        return str(self.execution["Status"].get("StateChangeReason", ""))

    @property
    def scanned(self) -> int:
        return int(self.execution["Statistics"]["DataScannedInBytes"])


class Lake:
    """Tables of the database `lake` over a bucket `data`; results go to the bucket `results`."""

    def __init__(self, files: DirectoryFiles) -> None:
        self.files = files
        self.athena, self.glue = _clients()
        self.glue.create_database(DatabaseInput={"Name": "lake"})

    def put(self, key: str, content: bytes, bucket: str = "data") -> str:
        path = self.files.path(bucket, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return f"s3://{bucket}/{key}"

    def parquet(self, key: str, rows: str) -> str:
        """Writes the rows of a DuckDB query as a Parquet object; answers its URI."""
        path = self.files.path("data", key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect() as connection:
            connection.execute(f"copy ({rows}) to '{path}' (format parquet)")
        return f"s3://data/{key}"

    def json_lines(self, key: str, *rows: Mapping[str, Any]) -> str:
        return self.put(key, "".join(json.dumps(row) + "\n" for row in rows).encode())

    def table(
        self,
        name: str,
        columns: str,
        *,
        location: str = "",
        partitions: str = "",
        serde: str = PARQUET,
        projection: Mapping[str, str] | None = None,
    ) -> None:
        """Creates a table; columns are written `name type, name type`, a projection with its template."""
        properties = {f"projection.{key}": value for key, value in (projection or {}).items() if key != "template"}
        if projection:
            properties |= {"projection.enabled": "true", "storage.location.template": projection["template"]}
        self.glue.create_table(
            DatabaseName="lake",
            TableInput={
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "StorageDescriptor": {
                    "Columns": _columns(columns),
                    "Location": location or f"s3://data/{name}/",
                    "SerdeInfo": {"SerializationLibrary": serde},
                },
                "PartitionKeys": _columns(partitions),
                "Parameters": properties,
            },
        )

    def start(self, sql: str, **request: Any) -> str:
        request.setdefault("ResultConfiguration", {"OutputLocation": "s3://results/queries/"})
        request.setdefault("QueryExecutionContext", {"Database": "lake"})
        return str(self.athena.start_query_execution(QueryString=sql, **request)["QueryExecutionId"])

    def query(self, sql: str, **request: Any) -> Answer:
        return self.answer(self.start(sql, **request))

    def unload(self, query: str, folder: str, options: str = "format = 'PARQUET', compression = 'SNAPPY'") -> Answer:
        """Unloads a query to a folder of the bucket `work`."""
        return self.query(f"UNLOAD ({query}) TO 's3://work/{folder}' WITH ({options})")

    def answer(self, execution_id: str) -> Answer:
        execution = self.athena.get_query_execution(QueryExecutionId=execution_id)["QueryExecution"]
        if execution["Status"]["State"] != "SUCCEEDED":
            return Answer(execution, [], [], [])
        result = self.athena.get_query_results(QueryExecutionId=execution_id)["ResultSet"]
        rows = [[item.get("VarCharValue") for item in row["Data"]] for row in result["Rows"]]
        return Answer(execution, rows[0] if rows else [], rows[1:], result["ResultSetMetadata"]["ColumnInfo"])

    def rows(self, sql: str) -> Sequence[Sequence[str | None]]:
        """The rows of a query that must succeed."""
        answer = self.query(sql)
        assert answer.state == "SUCCEEDED", answer.reason
        return answer.rows

    def value(self, expression: str) -> str | None:
        """The one value of a constant expression."""
        [[value]] = self.rows(f"select {expression}")
        return value

    def read(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.files.path(bucket, key).read_bytes()

    def unloaded(self, answer: Answer) -> list[str]:
        """The files that the data manifest of an UNLOAD lists."""
        assert answer.state == "SUCCEEDED", answer.reason
        manifest = self.read(answer.execution["Statistics"]["DataManifestLocation"]).decode()
        return [line[0] for line in csv.reader(manifest.splitlines())]


@contextmanager
def open_lake(root: Path, today: date = date(2026, 7, 15)) -> Iterator[Lake]:
    """moto's AWS with the local Athena in it, for as long as the context lasts."""
    files = DirectoryFiles(root)
    with mock_aws():
        install(files, today=lambda: today)
        try:
            yield Lake(files)
        finally:
            uninstall()


@cache
def _clients() -> tuple[Any, Any]:
    return boto3.client("athena", region_name=REGION), boto3.client("glue", region_name=REGION)


def _columns(text: str) -> list[dict[str, str]]:
    """Splits at commas outside of brackets."""
    depth, parts = 0, [""]
    for character in text:
        depth += (character in "<(") - (character in ">)")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    pairs = [part.strip().split(" ", 1) for part in parts if part.strip()]
    return [{"Name": name, "Type": kind.replace(" ", "")} for name, kind in pairs]
