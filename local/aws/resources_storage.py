"""S3 buckets and what CDK declares around them, and the image repository of `cdk bootstrap`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from local.aws.resources import Created, Handler, Request, applies, truth

_WITHOUT_LOCATION = "us-east-1"
"""The one region that S3 refuses to be told."""


@applies(
    "BucketEncryption",
    "BucketName",
    "LifecycleConfiguration",
    "LoggingConfiguration",
    "NotificationConfiguration",
    "ObjectLockConfiguration",
    "ObjectLockEnabled",
    "OwnershipControls",
    "PublicAccessBlockConfiguration",
    "ReplicationConfiguration",
    "Tags",
    "VersioningConfiguration",
    leaves_out={
        "AccessControl": "access is not checked on one machine",
        "MetricsConfigurations": "request metrics are kept by AWS",
        "IntelligentTieringConfigurations": "objects are files",
        "InventoryConfigurations": "inventories are written by AWS",
    },
)
def bucket(request: Request) -> Created:
    properties, s3 = request.properties, request.client("s3")
    name = properties.get("BucketName", request.name)
    settings: dict[str, Any] = {"ObjectLockEnabledForBucket": truth(properties.get("ObjectLockEnabled"))}
    if request.region != _WITHOUT_LOCATION:
        settings["CreateBucketConfiguration"] = {"LocationConstraint": request.region}
    s3.create_bucket(Bucket=name, **settings)
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
    _set_logging(request, name)
    if replication := properties.get("ReplicationConfiguration"):
        for rule in replication["Rules"]:
            s3.head_bucket(Bucket=rule["Destination"]["Bucket"].rpartition(":")[2])
        copying = {**replication, "Rules": [_replication_rule(rule) for rule in replication["Rules"]]}
        s3.put_bucket_replication(Bucket=name, ReplicationConfiguration=copying)
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


def _set_logging(request: Request, name: str) -> None:
    """Through moto's model: its API wants the policy of the bucket for logs, which a stack makes after its bucket."""
    from moto.s3.models import s3_backends

    if logging := request.properties.get("LoggingConfiguration"):
        target = logging.get("DestinationBucketName", name)
        request.client("s3").head_bucket(Bucket=target)
        model = s3_backends[request.account_id]["aws"].get_bucket(name)
        model.logging = {"TargetBucket": target, "TargetPrefix": logging.get("LogFilePrefix", "")}


def _replication_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """CloudFormation and the API differ in one name; what is replicated stays where it is on one machine."""
    api_rule = {("ID" if name == "Id" else name): value for name, value in rule.items()}
    if "Priority" in api_rule:
        api_rule["Priority"] = int(api_rule["Priority"])
    return api_rule


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


@applies("ImageTagMutability", "LifecyclePolicy", "RepositoryName", "RepositoryPolicyText", "Tags")
def repository(request: Request) -> Created:
    properties, ecr = request.properties, request.client("ecr")
    name = properties.get("RepositoryName", request.name.lower())
    mutability = properties.get("ImageTagMutability", "MUTABLE")
    tags = list(properties.get("Tags", ()))
    created = ecr.create_repository(repositoryName=name, imageTagMutability=mutability, tags=tags)["repository"]
    if text := _at(properties, "LifecyclePolicy", "LifecyclePolicyText"):
        ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=text)
    if policy := properties.get("RepositoryPolicyText"):
        ecr.set_repository_policy(repositoryName=name, policyText=json.dumps(policy))
    return Created(name, {"Arn": created["repositoryArn"], "RepositoryUri": created["repositoryUri"]})


def _at(node: Any, *path: str) -> Any:
    for name in path:
        node = (node or {}).get(name)
    return node


HANDLERS: dict[str, Handler] = {
    "AWS::ECR::Repository": repository,
    "AWS::S3::Bucket": bucket,
    "AWS::S3::BucketPolicy": bucket_policy,
    "Custom::S3BucketNotifications": bucket_notifications,
}
