"""The data stack: buckets, keys, the Glue database and the Athena workgroup. It changes rarely and keeps everything."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.config import EnvironmentConfig
from infra.constructs import bucket_rules
from infra.constructs.access_logs import AccessLogs
from infra.constructs.bill_grants import DATA_EXPORTS, bill_grants, of_the_payers_exports
from infra.constructs.glue_tables import GlueTables
from infra.constructs.locked_bucket import LockedBucket
from infra.constructs.log_key import let_logs_use
from infra.constructs.record_keys import BillKey, RecordsKey
from infra.constructs.record_replication import Copied, RecordReplication
from infra.constructs.signing_key import SigningKey
from infra.names import (
    SIGNERS,
    bill_readers,
    billing_bucket,
    billing_key_parameter,
    deployer_arn,
    role_arn,
    signing_alias,
)

GIB = 1024**3
FILED_STATEMENTS = "charge_period="


class DataStack(cdk.Stack):
    """The bill, the work on it, the ledger and the statements; other stacks are given what they may touch."""

    def __init__(self, scope: Construct, construct_id: str, *, config: EnvironmentConfig, env: cdk.Environment) -> None:
        super().__init__(scope, construct_id, env=env, description="Chargeback: billing data, ledger and statements")
        self.export_prefix = config.export_prefix
        self.key = RecordsKey(self, "Key", description="Chargeback: ledger, statements and work")
        let_logs_use(self.key)
        self.billing_key = BillKey(self, "BillingKey", description="Chargeback: the bill", readers=bill_readers(config))
        ssm.StringParameter(
            self,
            "BillingKeyArn",
            parameter_name=billing_key_parameter(config),
            description="Chargeback: the key of the bill, for alerts that know the bucket by its name",
            string_value=self.billing_key.key_arn,
        )
        for number in range(1, config.signing.keys + 1):
            SigningKey(
                self,
                "SigningKey" if number == 1 else f"SigningKey{number}",
                alias=signing_alias(config, number),
                signers=[role_arn(self.account, config, function) for function in SIGNERS],
            )
        self.access_logs = AccessLogs(self, "AccessLogs", retention_years=config.retention_years)
        self.billing = self._make_billing_bucket(config)
        self.ledger = self._make_records_bucket("Ledger", years=config.retention_years)
        # Drafts are previews, made again and again: they are no records.
        self.statements = self._make_records_bucket("Statements", FILED_STATEMENTS, years=config.retention_years)
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
        if config.replica_region:
            self._copy_records(config)
        for name, bucket in (
            ("BillingBucket", self.billing),
            ("WorkBucket", self.work),
            ("LedgerBucket", self.ledger),
            ("StatementsBucket", self.statements),
        ):
            cdk.CfnOutput(self, name, value=bucket.bucket_name)

    def _make_billing_bucket(self, config: EnvironmentConfig) -> LockedBucket:
        """AWS writes it, a few roles read it, one of them locks what it has read; nobody deletes.

        What is denied is denied to administrators too. They can still change this policy, which is no secret: the
        posture alert tells the owners.
        """
        bucket = LockedBucket(
            self,
            "Billing",
            name=billing_bucket(config),
            key=self.billing_key,
            logs=self.access_logs,
            event_bridge=True,
        )
        bucket.forget_what_nobody_sealed()
        self._let_data_exports_encrypt(config)
        deployer = deployer_arn(self.account, self.region, self.synthesizer.bootstrap_qualifier or "")
        locked = ("s3:PutObjectRetention",)
        for rule in (
            *bill_grants(bucket.bucket_arn, config),
            *bucket_rules.only_service_writes(bucket, service=DATA_EXPORTS, account=config.payer_account),
            *bucket_rules.only_these_read(bucket, readers=bill_readers(config), deployer=deployer),
            bucket_rules.only_role_retains(bucket, role_arn(self.account, config, "SealBillingData")),
            *bucket_rules.retained(bucket, years=config.retention_years, actions=locked),
            bucket_rules.nobody_deletes(bucket),
        ):
            bucket.add_to_resource_policy(rule)
        return bucket

    def _make_records_bucket(self, name: str, *folders: str, years: int) -> LockedBucket:
        """What is written here, or to these folders, comes locked for the audit horizon, or is refused.

        Stronger than a default retention, which would also lock what was put here by mistake, and for too short a
        time what came with a date of its own.
        """
        bucket = LockedBucket(self, name, key=self.key, logs=self.access_logs)
        locked = ("s3:PutObject", "s3:PutObjectRetention")
        for rule in (
            *bucket_rules.retained(bucket, *folders, years=years, actions=locked),
            bucket_rules.never_overwritten(bucket, *folders),
            bucket_rules.nobody_deletes(bucket, *folders),
        ):
            bucket.add_to_resource_policy(rule)
        return bucket

    def _make_work_bucket(self) -> s3.Bucket:
        """Nothing here is a record: runs can be made again from what is sealed."""
        bucket = s3.Bucket(
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
        self.access_logs.collect(bucket, "work")
        return bucket

    def _copy_records(self, config: EnvironmentConfig) -> None:
        RecordReplication(
            self,
            "Replication",
            config=config,
            copied=(
                Copied("billing", self.billing, self.billing_key, config.export_prefix, replica_key="billing"),
                Copied("ledger", self.ledger, self.key),
                Copied("statements", self.statements, self.key, FILED_STATEMENTS),
            ),
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

    def _let_data_exports_encrypt(self, config: EnvironmentConfig) -> None:
        self.billing_key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="EnableAWSDataExportsToEncrypt",
                principals=[iam.ServicePrincipal(DATA_EXPORTS)],
                actions=["kms:GenerateDataKey", "kms:Decrypt"],
                resources=["*"],
                conditions=of_the_payers_exports(config),
            )
        )
