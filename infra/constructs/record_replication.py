"""Copies of the records in a second region: what is copied, and the rights to read it for that."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.config import EnvironmentConfig
from infra.constructs.locked_bucket import LockedBucket
from infra.names import REPLICATION, name_of, replica_bucket, replica_key, role_arn


@dataclass(frozen=True)
class Copied:
    """A bucket whose objects below ``prefix`` are copied, by the name of its replica."""

    records: str
    bucket: LockedBucket
    key: kms.IKey
    prefix: str = ""
    replica_key: str = "records"


class RecordReplication(Construct):
    """Has S3 copy versions, their retention and nothing else: what is deleted or forgotten here stays there.

    The role and the replicas are the replica stack's, in the other region, and are known by their names. The role's
    rights on what is copied are given here, where that is.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, config: EnvironmentConfig, copied: tuple[Copied, ...]
    ) -> None:
        super().__init__(scope, construct_id)
        role = role_arn(config.finops_account, config, REPLICATION)
        for copy in copied:
            copy.bucket.cfn.replication_configuration = s3.CfnBucket.ReplicationConfigurationProperty(
                role=role, rules=[_rule(config, copy)]
            )
        policy = iam.Policy(self, "Reads", roles=[iam.Role.from_role_arn(self, "Role", role)])
        for copy in copied:
            policy.add_statements(*_reads(copy, config.region))


def _rule(config: EnvironmentConfig, copy: Copied) -> s3.CfnBucket.ReplicationRuleProperty:
    alias = replica_key(config, copy.replica_key)
    enabled, disabled = "Enabled", "Disabled"
    return s3.CfnBucket.ReplicationRuleProperty(
        id=name_of(config, REPLICATION),
        priority=1,
        status=enabled,
        # A filter, even an empty one, makes it the rule's second version, which copies no delete markers.
        filter=s3.CfnBucket.ReplicationRuleFilterProperty(prefix=copy.prefix),
        delete_marker_replication=s3.CfnBucket.DeleteMarkerReplicationProperty(status=disabled),
        source_selection_criteria=s3.CfnBucket.SourceSelectionCriteriaProperty(
            sse_kms_encrypted_objects=s3.CfnBucket.SseKmsEncryptedObjectsProperty(status=enabled)
        ),
        destination=s3.CfnBucket.ReplicationDestinationProperty(
            bucket=f"arn:aws:s3:::{replica_bucket(config, copy.records)}",
            encryption_configuration=s3.CfnBucket.EncryptionConfigurationProperty(
                replica_kms_key_id=f"arn:aws:kms:{config.replica_region}:{config.finops_account}:{alias}"
            ),
            metrics=s3.CfnBucket.MetricsProperty(status=enabled),
        ),
    )


def _reads(copy: Copied, region: str) -> list[iam.PolicyStatement]:
    bucket = copy.bucket
    version = ("ForReplication", "Acl", "Tagging")
    return [
        iam.PolicyStatement(actions=["s3:GetReplicationConfiguration", "s3:ListBucket"], resources=[bucket.bucket_arn]),
        iam.PolicyStatement(
            actions=[
                *(f"s3:GetObjectVersion{what}" for what in version),
                "s3:GetObjectRetention",
                "s3:GetObjectLegalHold",
            ],
            resources=[bucket.arn_for_objects(f"{copy.prefix}*")],
        ),
        use_of_key(copy.key.key_arn, bucket.bucket_arn, region, "kms:Decrypt"),
    ]


def use_of_key(key_arn: str, bucket_arn: str, region: str, *actions: str) -> iam.PolicyStatement:
    """The use of a key through S3 for one bucket, which is the encryption context of every object in it."""
    return iam.PolicyStatement(
        actions=list(actions),
        resources=[key_arn],
        conditions={
            "StringEquals": {
                "kms:ViaService": f"s3.{region}.amazonaws.com",
                "kms:EncryptionContext:aws:s3:arn": bucket_arn,
            }
        },
    )
