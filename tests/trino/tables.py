"""The tables of the deployed Glue database, as statements that create them in Trino over the same S3 objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlglot import exp

from functions.shared.periods import BillingPeriod

SCRATCH_BUCKET = "trino"
"""Where Trino's own results lie; everything else it reads is what the local close read."""

_FORMATS = {
    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe": "PARQUET",
    "org.openx.data.jsonserde.JsonSerDe": "OPENX_JSON",
}


def create_table(schema: str, table: Mapping[str, Any], work_bucket: str, today: date) -> str:
    """CREATE TABLE for a Glue table with partition projection; ``today`` is what NOW means in it.

    Parquet in the work bucket is what queries write, so Trino reads it from its own bucket: it must not see what DuckDB
    wrote before it. Compiled policy tables, the bill and the ledger stay where they are.
    """
    storage, parameters = table["StorageDescriptor"], table["Parameters"]
    file_format = _FORMATS[storage["SerdeInfo"]["SerializationLibrary"]]
    keys = [column["Name"] for column in table["PartitionKeys"]]
    columns = [f"{_name(column['Name'])} {_type(column['Type'])}" for column in storage["Columns"]]
    columns += [
        f"{_name(column['Name'])} {_type(column['Type'])} WITH ({_projection(column['Name'], parameters, today)})"
        for column in table["PartitionKeys"]
    ]
    location, template = storage["Location"], parameters["storage.location.template"]
    if file_format == "PARQUET":
        location, template = (in_scratch(place, work_bucket) for place in (location, template))
    properties = {
        "format": _text(file_format),
        "external_location": _text(location),
        "partitioned_by": _array(keys),
        "partition_projection_enabled": "true",
        "partition_projection_location_template": _text(template),
    }
    options = ", ".join(f"{name} = {value}" for name, value in properties.items())
    return f"CREATE TABLE {_name(schema)}.{_name(table['Name'])} (\n{', '.join(columns)}\n) WITH ({options})"


def in_scratch(place: str, work_bucket: str) -> str:
    """The place in Trino's bucket that stands for a place in the work bucket; other places are as they are."""
    prefix = f"s3://{work_bucket}/"
    return f"s3://{SCRATCH_BUCKET}/{place.removeprefix(prefix)}" if place.startswith(prefix) else place


def _projection(column: str, parameters: Mapping[str, str], today: date) -> str:
    """Months are listed one by one: unlike Athena's, Trino's date projection has no unit above a day."""
    kind = parameters[f"projection.{column}.type"]
    low, _, high = parameters.get(f"projection.{column}.range", "").partition(",")
    match kind:
        case "injected":
            return "partition_projection_type = 'INJECTED'"
        case "integer":
            return f"partition_projection_type = 'INTEGER', partition_projection_range = {_array([low, high])}"
        case "date":
            months = _months(BillingPeriod.parse(low), BillingPeriod(today.year, today.month))
            return f"partition_projection_type = 'ENUM', partition_projection_values = {_array(months)}"
    raise NotImplementedError(f"a projection of type {kind} in Trino")


def _months(first: BillingPeriod, last: BillingPeriod) -> list[str]:
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    return [str(first.previous(-number)) for number in range(count)]


def _type(glue_type: str) -> str:
    return exp.DataType.build(glue_type, dialect="hive").sql("trino")


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _array(values: Sequence[str]) -> str:
    return f"ARRAY[{', '.join(map(_text, values))}]"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
