"""The export of the Cost and Usage Report 2.0 that Data Exports delivers."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_bcmdataexports as exports
from constructs import Construct

from infra.constructs.cur_query import TABLE, TABLE_CONFIGURATION, export_query


class CurExport(Construct):
    """One export into a bucket that may belong to another account; a new delivery overwrites the open month's."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        prefix: str,
        bucket: str,
        bucket_owner: str,
        bucket_region: str,
        flattened_tags: Sequence[str],
    ) -> None:
        super().__init__(scope, construct_id)
        destination = exports.CfnExport.S3DestinationProperty(
            s3_bucket=bucket,
            s3_bucket_owner=bucket_owner,
            s3_prefix=prefix,
            s3_region=bucket_region,
            s3_output_configurations=exports.CfnExport.S3OutputConfigurationsProperty(
                output_type="CUSTOM", format="PARQUET", compression="PARQUET", overwrite="OVERWRITE_REPORT"
            ),
        )
        self.export = exports.CfnExport(
            self,
            "Export",
            export=exports.CfnExport.ExportProperty(
                name=name,
                description="Chargeback: the bill, hour by hour and resource by resource",
                data_query=exports.CfnExport.DataQueryProperty(
                    query_statement=export_query(flattened_tags), table_configurations={TABLE: TABLE_CONFIGURATION}
                ),
                destination_configurations=exports.CfnExport.DestinationConfigurationsProperty(
                    s3_destination=destination
                ),
                refresh_cadence=exports.CfnExport.RefreshCadenceProperty(frequency="SYNCHRONOUS"),
            ),
        )
