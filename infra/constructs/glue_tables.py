"""The Glue tables that the statements in sql/ name, with partitions computed and never registered."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from aws_cdk import aws_glue as glue
from constructs import Construct

from functions.shared.policy.pools import MOST_POOL_LEVELS
from functions.shared.policy.tables import ROW_TYPES, table_columns
from functions.shared.policy.tags import tag_column_suffix
from functions.shared.restored_sql import RESTORED_BILL, RESTORED_LEDGER

CONTRACTS = Path(__file__).resolve().parents[2] / "sql" / "contracts"

MONTHS = {"type": "date", "format": "yyyy-MM", "range": "2015-01,NOW", "interval": "1", "interval.unit": "MONTHS"}

PARQUET = glue.CfnTable.SerdeInfoProperty(
    serialization_library="org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
)
JSON_LINES = glue.CfnTable.SerdeInfoProperty(serialization_library="org.openx.data.jsonserde.JsonSerDe")
PARQUET_FORMATS = (
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
)
TEXT_FORMATS = (
    "org.apache.hadoop.mapred.TextInputFormat",
    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
)


def cur_columns(flattened_tags: tuple[str, ...]) -> dict[str, str]:
    """CUR 2.0 as delivered, with the columns that the export's query flattens."""
    with (CONTRACTS / "cur2_columns.csv").open(encoding="utf-8", newline="") as file:
        columns = {row["name"]: row["type"] for row in csv.DictReader(file)}
    return columns | {f"tag_{tag_column_suffix(tag)}": "string" for tag in flattened_tags}


class GlueTables(Construct):
    """Every table of the database: the bill, the tables of a run, the compiled policy, the published ledger."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        catalog_id: str,
        database: glue.CfnDatabase,
        cur_location: str,
        runs_location: str,
        ledger_location: str,
        flattened_tags: tuple[str, ...],
    ) -> None:
        super().__init__(scope, construct_id)
        self._catalog_id, self._database = catalog_id, database
        contracts: dict[str, Any] = yaml.safe_load((CONTRACTS / "tables.yaml").read_text(encoding="utf-8"))
        month = {"billing_period": MONTHS}

        self._table(
            "cur", cur_columns(flattened_tags), f"{cur_location}data/", "BILLING_PERIOD=${billing_period}/", month
        )
        ledger = {name: kind for name, kind in contracts["ledger"].items() if name != "billing_period"}
        self._table("ledger", ledger, ledger_location, "billing_period=${billing_period}/", month)
        run = {"run_id": {"type": "injected"}}
        # What a replay reads in their place: the same columns, in the folder of its run.
        for name, columns, folder in (
            (RESTORED_BILL, cur_columns(flattened_tags), "BILLING_PERIOD=${billing_period}/"),
            (RESTORED_LEDGER, ledger, "billing_period=${billing_period}/"),
        ):
            self._table(name, columns, runs_location, f"${{run_id}}/{name}/{folder}", run | month)
        levels = {"level": {"type": "integer", "range": f"0,{MOST_POOL_LEVELS - 1}"}}
        for name, columns in contracts["run_tables"].items():
            folder = f"${{run_id}}/{name}/"
            if name == "pool_shares":
                self._table(name, columns, runs_location, f"{folder}level=${{level}}/", run | levels)
            else:
                self._table(name, columns, runs_location, folder, run)
        json_tables = {name: table_columns(name) for name in ROW_TYPES} | {
            "invoice_totals": contracts["invoice_totals"]
        }
        for name, columns in json_tables.items():
            self._table(name, columns, runs_location, f"${{run_id}}/{name}/", run, serde=JSON_LINES)

    def _table(
        self,
        name: str,
        columns: Mapping[str, str],
        location: str,
        folder: str,
        partitions: Mapping[str, Mapping[str, str]],
        *,
        serde: glue.CfnTable.SerdeInfoProperty = PARQUET,
    ) -> None:
        """A table below ``location``; ``folder`` is where a partition lies in it, with its values as placeholders."""
        projection = {
            f"projection.{column}.{setting}": value
            for column, settings in partitions.items()
            for setting, value in settings.items()
        }
        is_parquet = serde is PARQUET
        input_format, output_format = PARQUET_FORMATS if is_parquet else TEXT_FORMATS
        glue.CfnTable(
            self,
            name.title().replace("_", ""),
            catalog_id=self._catalog_id,
            database_name=self._database.ref,
            table_input=glue.CfnTable.TableInputProperty(
                name=name,
                table_type="EXTERNAL_TABLE",
                partition_keys=[
                    glue.CfnTable.ColumnProperty(name=column, type="int" if settings["type"] == "integer" else "string")
                    for column, settings in partitions.items()
                ],
                parameters={
                    "EXTERNAL": "TRUE",
                    "classification": "parquet" if is_parquet else "json",
                    "projection.enabled": "true",
                    "storage.location.template": location + folder,
                    **projection,
                },
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    columns=[glue.CfnTable.ColumnProperty(name=n, type=t) for n, t in columns.items()],
                    location=location,
                    input_format=input_format,
                    output_format=output_format,
                    serde_info=serde,
                ),
            ),
        )
