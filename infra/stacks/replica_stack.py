"""The replica stack: a copy of the records in a second region."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.config import EnvironmentConfig
from infra.constructs import bucket_rules
from infra.constructs.access_logs import AccessLogs
from infra.constructs.locked_bucket import LockedBucket
from infra.constructs.record_keys import BillKey, RecordsKey
from infra.constructs.record_replication import use_of_key
from infra.names import REPLICATION, deployer_arn, name_of, replica_bucket, replica_key


class ReplicaStack(cdk.Stack):
    """Buckets that S3 alone writes, and the role with which it does; who may read the bill here is who may there.

    It is deployed before the records' buckets, which name these in their replication.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: EnvironmentConfig, env: cdk.Environment) -> None:
        super().__init__(scope, construct_id, env=env, description="Chargeback: copy of the records in a second region")
        self._config = config
        self._logs = AccessLogs(self, "AccessLogs", retention_years=config.retention_years)
        self.role = iam.Role(
            self,
            "Replication",
            role_name=name_of(config, REPLICATION),
            description="S3 copies the records to another region",
            assumed_by=iam.ServicePrincipal("s3.amazonaws.com"),
        )
        bill_key = BillKey(
            self,
            "BillingKey",
            alias=replica_key(config, "billing"),
            description="Chargeback: copy of the bill",
            readers=config.bill_readers,
        )
        key = RecordsKey(
            self, "Key", alias=replica_key(config, "records"), description="Chargeback: copies of ledger and statements"
        )
        billing = self._add("Billing", bill_key)
        billing.forget_what_nobody_sealed()
        deployer = deployer_arn(self.account, self.region, self.synthesizer.bootstrap_qualifier or "")
        for rule in bucket_rules.only_these_read(billing, readers=config.bill_readers, deployer=deployer):
            billing.add_to_resource_policy(rule)
        for records in ("Ledger", "Statements"):
            self._add(records, key)

    def _add(self, records: str, key: kms.Key) -> LockedBucket:
        bucket = LockedBucket(
            self, records, key=key, logs=self._logs, name=replica_bucket(self._config, records.lower())
        )
        for rule in (
            bucket_rules.only_role_writes(bucket, self.role.role_arn),
            bucket_rules.only_role_retains(bucket, self.role.role_arn),
            bucket_rules.nobody_deletes(bucket),
        ):
            bucket.add_to_resource_policy(rule)
        self.role.add_to_policy(
            iam.PolicyStatement(actions=["s3:ReplicateObject"], resources=[bucket.arn_for_objects("*")])
        )
        # Decrypt is how S3 checks the bucket's own key, which it keeps between two objects.
        uses = ("kms:Encrypt", "kms:GenerateDataKey", "kms:Decrypt")
        self.role.add_to_policy(use_of_key(key.key_arn, bucket.bucket_arn, self.region, *uses))
        if isinstance(key, BillKey):
            key.let_write(self.role.role_arn)
        return bucket
