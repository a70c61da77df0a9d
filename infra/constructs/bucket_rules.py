"""What bucket policies deny, whatever the IAM policy of the caller allows.

A condition that negates is also true of a request that lacks its key: an AWS service and an anonymous caller have no
role, and a role has no service name. So a rule that names the one role or service denies everybody of another kind too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

WRITES = (
    "s3:PutObject",
    "s3:PutObjectAcl",
    "s3:PutObjectVersionAcl",
    "s3:PutObjectTagging",
    "s3:PutObjectVersionTagging",
    "s3:DeleteObjectTagging",
    "s3:DeleteObjectVersionTagging",
    "s3:ReplicateObject",
    "s3:ReplicateDelete",
    "s3:ReplicateTags",
)
"""Named one by one: s3:PutObject* would also be s3:PutObjectRetention, with which the seal locks what it has read."""

_SLACK_DAYS = 45
"""Retention counts from the start of a close, and a resumed one writes later: by so much it may be short."""


def only_these_read(bucket: s3.IBucket, *, readers: Sequence[str], deployer: str) -> list[iam.PolicyStatement]:
    """Nobody else reads an object or learns of its versions; without readers nobody does.

    The deployer may list names: CloudFormation looks at a bucket that it updates with the right to list it.
    """
    everybody_else = _unless_role(*readers)
    contents = [
        "s3:GetObject*",
        "s3:ListMultipartUploadParts",
        "s3:ListBucketVersions",
        "s3:ListBucketMultipartUploads",
    ]
    everything = [bucket.bucket_arn, bucket.arn_for_objects("*")]
    return [
        _deny("OnlyReadersRead", contents, everything, everybody_else),
        _deny("OnlyReadersList", ["s3:ListBucket"], [bucket.bucket_arn], _unless_role(*readers, deployer)),
    ]


def only_service_writes(bucket: s3.IBucket, *, service: str, account: str) -> list[iam.PolicyStatement]:
    """One AWS service writes, and only when it works for one account."""
    objects = [bucket.arn_for_objects("*")]
    other_service = {"StringNotEquals": {"aws:PrincipalServiceName": service}}
    other_account = {"StringNotEquals": {"aws:SourceAccount": account}}
    return [
        _deny("OnlyTheServiceWrites", WRITES, objects, other_service),
        _deny("OnlyForTheAccount", WRITES, objects, other_account),
    ]


def only_role_writes(bucket: s3.IBucket, role: str) -> iam.PolicyStatement:
    """One role writes."""
    return _deny("OnlyTheRoleWrites", WRITES, [bucket.arn_for_objects("*")], _unless_role(role))


def only_role_retains(bucket: s3.IBucket, role: str) -> iam.PolicyStatement:
    """One role decides how long a version stays."""
    return _deny("OnlyTheRoleRetains", ["s3:PutObjectRetention"], [bucket.arn_for_objects("*")], _unless_role(role))


def nobody_deletes(bucket: s3.IBucket, *folders: str) -> iam.PolicyStatement:
    """Nobody removes a version, and nobody hides one: Object Lock does not keep a delete marker away."""
    return _deny("NobodyDeletes", ["s3:DeleteObject", "s3:DeleteObjectVersion"], _objects(bucket, folders))


def retained(bucket: s3.IBucket, *folders: str, years: int, actions: Sequence[str]) -> list[iam.PolicyStatement]:
    """A lock is one that nobody can lift, and it lasts; with s3:PutObject among the actions, nothing comes unlocked."""
    objects = _objects(bucket, folders)
    liftable = {"StringNotEquals": {"s3:object-lock-mode": "COMPLIANCE"}}
    # IfExists, because a numeric comparison is false without the key: a write without a date would pass.
    short = {"NumericLessThanIfExists": {"s3:object-lock-remaining-retention-days": str(365 * years - _SLACK_DAYS)}}
    return [_deny("OnlyLocked", actions, objects, liftable), _deny("NeverTooShort", actions, objects, short)]


def never_overwritten(bucket: s3.IBucket, *folders: str) -> iam.PolicyStatement:
    """Whoever writes says "if there is none": a newer version would hide the locked one from its readers."""
    blindly = {"Null": {"s3:if-none-match": "true"}}
    return _deny("NeverOverwritten", ["s3:PutObject"], _objects(bucket, folders), blindly)


def _objects(bucket: s3.IBucket, folders: Sequence[str]) -> list[str]:
    return [bucket.arn_for_objects(f"{folder}*") for folder in folders or ("",)]


def _unless_role(*roles: str) -> dict[str, Any]:
    """The caller's role, not its session; the roles need not exist yet, as principals of a statement would have to."""
    return {"ArnNotEquals": {"aws:PrincipalArn": list(roles)}} if roles else {}


def _deny(
    sid: str, actions: Sequence[str], resources: Sequence[str], conditions: Mapping[str, Any] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid,
        effect=iam.Effect.DENY,
        principals=[iam.StarPrincipal()],
        actions=list(actions),
        resources=list(resources),
        conditions=conditions or {},
    )
