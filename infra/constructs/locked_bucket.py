"""A bucket for what must survive: encrypted, versioned, private, TLS only, locked, its requests logged."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.constructs.access_logs import AccessLogs

UNSEALED_DAYS = 400
"""How long a replaced version stays that no close has sealed: a year of deliveries, and time to look at them."""


class LockedBucket(s3.Bucket):
    """Object Lock is on without a default retention: whoever writes a version decides how long it stays."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: kms.IKey,
        logs: AccessLogs,
        name: str | None = None,
        event_bridge: bool = False,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            bucket_name=name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            versioned=True,
            object_lock_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            # A first deployment that fails takes its empty buckets with it: what kept their names would be in the way.
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        logs.collect(self, construct_id.lower())
        if event_bridge:
            # The property, not enable_event_bridge_notification(): that one brings a Lambda of its own.
            self.cfn.add_property_override(
                "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", True
            )

    @property
    def cfn(self) -> s3.CfnBucket:
        """The bucket as CloudFormation has it."""
        bucket = self.node.default_child
        assert isinstance(bucket, s3.CfnBucket)  # noqa: S101 - narrows the type
        return bucket

    def forget_what_nobody_sealed(self) -> None:
        """AWS delivers an open month again and again: what is replaced goes, but a locked version stays until its date.

        S3 expires no version whose retention is not over, so the rule needs no list of what is sealed.
        """
        self.add_lifecycle_rule(
            id="ForgetWhatNobodySealed",
            noncurrent_version_expiration=cdk.Duration.days(UNSEALED_DAYS),
            expired_object_delete_marker=True,
            abort_incomplete_multipart_upload_after=cdk.Duration.days(7),
        )
