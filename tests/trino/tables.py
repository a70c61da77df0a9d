"""The tables of the deployed Glue database, as statements that create them in Trino over the same S3 objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlglot import exp

SCRATCH_BUCKET = "trino"
"""Where Trino's own results lie; everything else it reads is what the local close read."""

_FORMATS = {
    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe": "PARQUET",
    "org.openx.data.jsonserde.JsonSerDe": "OPENX_JSON",
}
_PROJECTION = {
    "type": lambda value: _text(value.upper()),
    "range": lambda value: f"ARRAY[{', '.join(_text(bound.strip()) for bound in value.split(','))}]",
    "format": lambda value: _text(value),
    "interval": lambda value: value,
    "interval.unit": lambda value: _text(value),
}


def create_table(schema: str, table: Mapping[str, Any], work_bucket: str) -> str:
    """CREATE TABLE for a Glue table with partition projection.

    Parquet in the work bucket is what queries write, so Trino reads it from its own bucket: it must not see what DuckDB
    wrote before it. Compiled policy tables, the bill and the ledger stay where they are.
    """
    storage, parameters = table["StorageDescriptor"], table["Parameters"]
    file_format = _FORMATS[storage["SerdeInfo"]["SerializationLibrary"]]
    keys = [column["Name"] for column in table["PartitionKeys"]]
    columns = [f"{_name(column['Name'])} {_type(column['Type'])}" for column in storage["Columns"]]
    columns += [
        f"{_name(column['Name'])} {_type(column['Type'])} WITH ({_projection(column['Name'], parameters)})"
        for column in table["PartitionKeys"]
    ]
    location, template = storage["Location"], parameters["storage.location.template"]
    if file_format == "PARQUET":
        location, template = (in_scratch(place, work_bucket) for place in (location, template))
    properties = {
        "format": _text(file_format),
        "external_location": _text(location),
        "partitioned_by": f"ARRAY[{', '.join(map(_text, keys))}]",
        "partition_projection_enabled": "true",
        "partition_projection_location_template": _text(template),
    }
    options = ", ".join(f"{name} = {value}" for name, value in properties.items())
    return f"CREATE TABLE {_name(schema)}.{_name(table['Name'])} (\n{', '.join(columns)}\n) WITH ({options})"


def in_scratch(place: str, work_bucket: str) -> str:
    """The place in Trino's bucket that stands for a place in the work bucket; other places are as they are."""
    prefix = f"s3://{work_bucket}/"
    return f"s3://{SCRATCH_BUCKET}/{place.removeprefix(prefix)}" if place.startswith(prefix) else place


def _projection(column: str, parameters: Mapping[str, str]) -> str:
    prefix = f"projection.{column}."
    settings = {name.removeprefix(prefix): value for name, value in parameters.items() if name.startswith(prefix)}
    return ", ".join(
        f"partition_projection_{name.replace('.', '_')} = {_PROJECTION[name](value)}"
        for name, value in settings.items()
    )


def _type(glue_type: str) -> str:
    return exp.DataType.build(glue_type, dialect="hive").sql("trino")


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
