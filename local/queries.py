"""Asks the deployed workgroup: a rendered statement in, its rows out."""

from __future__ import annotations

import csv
import io
from typing import Any

from functions.shared.adapters.object_store import split_uri
from functions.shared.errors import QueryFailed
from local.world import CONFIG, World

WORKGROUP = f"chargeback-{CONFIG.name}"
DATABASE = f"chargeback_{CONFIG.name}"

Row = dict[str, str]


def query(world: World, sql: str) -> list[Row]:
    """Runs a SELECT; every value is text, NULL is blank. Raises QueryFailed with Athena's reason."""
    athena = world.cloud.client("athena")
    started = athena.start_query_execution(
        QueryString=sql, WorkGroup=WORKGROUP, QueryExecutionContext={"Database": DATABASE}
    )
    execution: dict[str, Any] = athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])
    status = execution["QueryExecution"]["Status"]
    if status["State"] != "SUCCEEDED":
        raise QueryFailed(status.get("StateChangeReason", status["State"]))
    bucket, key = split_uri(execution["QueryExecution"]["ResultConfiguration"]["OutputLocation"])
    text = world.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode("utf-8")
    return list(csv.DictReader(io.StringIO(text)))
