"""A bucket for what must survive: encrypted, versioned, private, TLS only, locked."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct


class LockedBucket(s3.Bucket):
    """Object Lock is on without a default retention: whoever writes a version decides how long it stays."""

    def __init__(self, scope: Construct, construct_id: str, *, key: kms.IKey, event_bridge: bool = False) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            versioned=True,
            object_lock_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        if event_bridge:
            # The property, not enable_event_bridge_notification(): that one brings a Lambda of its own.
            bucket = self.node.default_child
            assert isinstance(bucket, s3.CfnBucket)  # noqa: S101 - narrows the type
            bucket.add_property_override("NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", True)
