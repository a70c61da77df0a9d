"""The data stack: buckets, keys, the Glue database and the Athena workgroup. It changes rarely and keeps everything."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.config import EnvironmentConfig
from infra.constructs.glue_tables import GlueTables
from infra.constructs.locked_bucket import LockedBucket

GIB = 1024**3


class DataStack(cdk.Stack):
    """The bill, the work on it, the ledger and the statements; other stacks are given what they may touch."""

    def __init__(self, scope: Construct, construct_id: str, *, config: EnvironmentConfig, env: cdk.Environment) -> None:
        super().__init__(scope, construct_id, env=env, description="Chargeback: billing data, ledger and statements")
        self.key = kms.Key(
            self,
            "Key",
            description="Chargeback data",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        self._let_logs_use_key()
        self.export_prefix = config.export_prefix
        self.billing = LockedBucket(self, "Billing", key=self.key, event_bridge=True)
        self._let_data_exports_deliver(config)
        self.ledger = LockedBucket(self, "Ledger", key=self.key)
        self.statements = LockedBucket(self, "Statements", key=self.key)
        self.work = self._make_work_bucket()
        self.database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=self.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=f"chargeback_{config.name}", description="The bill, the runs on it, and the ledger"
            ),
        )
        GlueTables(
            self,
            "Tables",
            catalog_id=self.account,
            database=self.database,
            cur_location=f"s3://{self.billing.bucket_name}/{config.export_prefix}",
            runs_location=f"s3://{self.work.bucket_name}/runs/",
            ledger_location=f"s3://{self.ledger.bucket_name}/ledger/",
            flattened_tags=config.flattened_tags,
        )
        self.workgroup = self._make_workgroup(config)
        for name, bucket in (
            ("BillingBucket", self.billing),
            ("WorkBucket", self.work),
            ("LedgerBucket", self.ledger),
            ("StatementsBucket", self.statements),
        ):
            cdk.CfnOutput(self, name, value=bucket.bucket_name)

    def _make_work_bucket(self) -> s3.Bucket:
        """Nothing here is a record: runs can be made again from what is sealed."""
        return s3.Bucket(
            self,
            "Work",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            versioned=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="ForgetRuns",
                    expiration=cdk.Duration.days(90),
                    noncurrent_version_expiration=cdk.Duration.days(7),
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
                )
            ],
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )

    def _make_workgroup(self, config: EnvironmentConfig) -> athena.CfnWorkGroup:
        results = athena.CfnWorkGroup.ResultConfigurationProperty(
            output_location=f"s3://{self.work.bucket_name}/athena-results/",
            expected_bucket_owner=self.account,
            encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                encryption_option="SSE_KMS", kms_key=self.key.key_arn
            ),
        )
        return athena.CfnWorkGroup(
            self,
            "Workgroup",
            name=f"chargeback-{config.name}",
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=config.scan_limit_gib * GIB,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=results,
            ),
        )

    def _let_logs_use_key(self) -> None:
        log_groups = f"arn:{self.partition}:logs:{self.region}:{self.account}:*"
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"logs.{self.region}.amazonaws.com")],
                actions=["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*", "kms:DescribeKey"],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_groups}},
            )
        )

    def _let_data_exports_deliver(self, config: EnvironmentConfig) -> None:
        payer = config.payer_account
        only_this_payer = {
            "StringEquals": {"aws:SourceAccount": payer},
            "ArnLike": {"aws:SourceArn": f"arn:{self.partition}:bcm-data-exports:us-east-1:{payer}:export/*"},
        }
        exports = iam.ServicePrincipal("bcm-data-exports.amazonaws.com")
        self.billing.add_to_resource_policy(
            iam.PolicyStatement(
                sid="EnableAWSDataExportsToWriteToS3",
                principals=[exports],
                actions=["s3:PutObject"],
                resources=[self.billing.arn_for_objects(f"{config.export_prefix}*")],
                conditions=only_this_payer,
            )
        )
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="EnableAWSDataExportsToEncrypt",
                principals=[exports],
                actions=["kms:GenerateDataKey", "kms:Decrypt"],
                resources=["*"],
                conditions=only_this_payer,
            )
        )
