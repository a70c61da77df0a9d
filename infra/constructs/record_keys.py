"""The keys of what must survive: who may read a record is also who may use its key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

ADMINISTRATION = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
"""What an administrator may do: everything but read, write, lend the key with a grant, and put an end to it."""

ENDINGS = ("kms:DisableKey", "kms:ScheduleKeyDeletion", "kms:DeleteImportedKeyMaterial")
"""What would make every record unreadable, locked or not."""


class RecordsKey(kms.Key):
    """A key that IAM policies open, and that nobody puts an end to without changing its policy first."""

    def __init__(self, scope: Construct, construct_id: str, *, description: str, alias: str | None = None) -> None:
        super().__init__(
            scope,
            construct_id,
            alias=alias,
            description=description,
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="NobodyEndsIt",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=list(ENDINGS),
                resources=["*"],
            )
        )


class BillKey(kms.Key):
    """A key that opens for its readers only: an administrator administers it, and reads nothing with it.

    The readers are named by a condition: a role that does not exist yet cannot be the principal of a key's policy. The
    account as principal means that a reader's own policy must allow it too.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, description: str, readers: Sequence[str], alias: str | None = None
    ) -> None:
        account = cdk.Stack.of(scope).account
        # An account whose roles read from elsewhere is let in by the same condition.
        accounts = list(dict.fromkeys((account, *(reader.split(":")[4] for reader in readers))))
        statements = [_allow("Administration", [account], ADMINISTRATION)]
        if readers:
            only_readers = {"ArnEquals": {"aws:PrincipalArn": list(readers)}}
            statements.append(_allow("ReadersDecrypt", accounts, ("kms:Decrypt",), only_readers))
        super().__init__(
            scope,
            construct_id,
            alias=alias,
            description=description,
            enable_key_rotation=True,
            policy=iam.PolicyDocument(statements=statements),
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        self._account = account

    def let_write(self, role: str) -> None:
        """A role may encrypt with it, and check what it encrypts with; its own policy must allow it too."""
        actions = ("kms:Encrypt", "kms:GenerateDataKey", "kms:Decrypt")
        self.add_to_resource_policy(
            _allow("WriterEncrypts", [self._account], actions, {"ArnEquals": {"aws:PrincipalArn": role}})
        )


def _allow(
    sid: str, accounts: Sequence[str], actions: Sequence[str], conditions: Mapping[str, Any] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid,
        principals=[iam.AccountPrincipal(account) for account in accounts],
        actions=list(actions),
        resources=["*"],
        conditions=conditions or {},
    )
