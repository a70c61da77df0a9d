"""S3 buckets and what CDK declares around them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from local.aws.resources import Created, Handler, Request, applies, truth


@applies(
    "BucketEncryption",
    "BucketName",
    "LifecycleConfiguration",
    "NotificationConfiguration",
    "ObjectLockConfiguration",
    "ObjectLockEnabled",
    "OwnershipControls",
    "PublicAccessBlockConfiguration",
    "Tags",
    "VersioningConfiguration",
    leaves_out={
        "AccessControl": "access is not checked on one machine",
        "LoggingConfiguration": "access logs are written by AWS",
        "MetricsConfigurations": "request metrics are kept by AWS",
        "IntelligentTieringConfigurations": "objects are files",
        "InventoryConfigurations": "inventories are written by AWS",
    },
)
def bucket(request: Request) -> Created:
    properties, s3 = request.properties, request.client("s3")
    name = properties.get("BucketName", request.name)
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=truth(properties.get("ObjectLockEnabled")))
    _set_object_lock(request, name)
    if versioning := properties.get("VersioningConfiguration"):
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=versioning)
    if block := properties.get("PublicAccessBlockConfiguration"):
        configuration = {setting: truth(value) for setting, value in block.items()}
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=configuration)
    if encryption := properties.get("BucketEncryption"):
        rules = [_encryption_rule(rule) for rule in encryption["ServerSideEncryptionConfiguration"]]
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
    if lifecycle := properties.get("LifecycleConfiguration"):
        rules = [_lifecycle_rule(rule) for rule in lifecycle["Rules"]]
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
    if ownership := properties.get("OwnershipControls"):
        s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=ownership)
    if tags := properties.get("Tags"):
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    if truth(_at(properties, "NotificationConfiguration", "EventBridgeConfiguration", "EventBridgeEnabled")):
        s3.put_bucket_notification_configuration(
            Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
    return Created(
        name,
        {
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.s3.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{request.region}.amazonaws.com",
        },
    )


def _set_object_lock(request: Request, name: str) -> None:
    """Through moto's model: its API wants an empty bucket, and this one may have its durable content back already."""
    from moto.s3.models import s3_backends

    retention = _at(request.properties, "ObjectLockConfiguration", "Rule", "DefaultRetention")
    if retention:
        model = s3_backends[request.account_id]["aws"].get_bucket(name)
        model.default_lock_mode = retention["Mode"]
        model.default_lock_days = int(retention.get("Days", 0))
        model.default_lock_years = int(retention.get("Years", 0))


def _encryption_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    api_rule = {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
    if "BucketKeyEnabled" in rule:
        api_rule["BucketKeyEnabled"] = truth(rule["BucketKeyEnabled"])
    return api_rule


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """CloudFormation spells lifecycle rules otherwise than the API."""
    api_rule: dict[str, Any] = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "Id" in rule:
        api_rule["ID"] = rule["Id"]
    if "ExpirationInDays" in rule:
        api_rule["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    if "ExpiredObjectDeleteMarker" in rule:
        marker = truth(rule["ExpiredObjectDeleteMarker"])
        api_rule["Expiration"] = {**api_rule.get("Expiration", {}), "ExpiredObjectDeleteMarker": marker}
    if "NoncurrentVersionExpiration" in rule:
        expiration = rule["NoncurrentVersionExpiration"]
        api_rule["NoncurrentVersionExpiration"] = {name: int(value) for name, value in expiration.items()}
    if "AbortIncompleteMultipartUpload" in rule:
        days = int(rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"])
        api_rule["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": days}
    if "Transitions" in rule:
        api_rule["Transitions"] = [
            {"StorageClass": transition["StorageClass"], "Days": int(transition["TransitionInDays"])}
            for transition in rule["Transitions"]
        ]
    if "NoncurrentVersionTransitions" in rule:
        api_rule["NoncurrentVersionTransitions"] = [
            {"StorageClass": transition["StorageClass"], "NoncurrentDays": int(transition["TransitionInDays"])}
            for transition in rule["NoncurrentVersionTransitions"]
        ]
    return api_rule


@applies("Bucket", "PolicyDocument")
def bucket_policy(request: Request) -> Created:
    policy = json.dumps(request.properties["PolicyDocument"])
    request.client("s3").put_bucket_policy(Bucket=request.properties["Bucket"], Policy=policy)
    return Created(request.properties["Bucket"])


@applies(
    "BucketName",
    "NotificationConfiguration",
    leaves_out={
        "Managed": "tells CDK's provider function whether to keep other notifications",
        "ServiceToken": "CDK's provider function; its work is done here",
        "SkipDestinationValidation": "destinations are not validated",
    },
)
def bucket_notifications(request: Request) -> Created:
    """Does what CDK's provider function would do: moto would wait for its answer over HTTP for ever."""
    configuration = request.properties["NotificationConfiguration"]
    name = request.properties["BucketName"]
    request.client("s3").put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=configuration)
    return Created(request.name)


def _at(node: Any, *path: str) -> Any:
    for name in path:
        node = (node or {}).get(name)
    return node


HANDLERS: dict[str, Handler] = {
    "AWS::S3::Bucket": bucket,
    "AWS::S3::BucketPolicy": bucket_policy,
    "Custom::S3BucketNotifications": bucket_notifications,
}
