"""Who gets to the bill, or to its copy: every role of every stack of an environment, and callers that are in none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from infra.config import EnvironmentConfig
from tests.infra.policies import EVERYTHING, Caller, Cloud, Guarded
from tests.infra.stacks import Stacks, as_list

CONTENTS = (
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:GetObjectVersionForReplication",
    "s3:GetObjectAttributes",
    "s3:GetObjectTorrent",
)
NAMES = ("s3:ListBucket",)
VERSIONS = ("s3:ListBucketVersions", "s3:ListBucketMultipartUploads")
WRITES = ("s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectTagging", "s3:ReplicateObject", "s3:ReplicateDelete")
DELETES = ("s3:DeleteObject", "s3:DeleteObjectVersion")
RETAINS = ("s3:PutObjectRetention",)
DECRYPTS = ("kms:Decrypt", "kms:ReEncryptFrom", "kms:CreateGrant")
ENDS_KEY = ("kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:DeleteImportedKeyMaterial")
LOOSENS = (
    "s3:PutBucketPolicy",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutReplicationConfiguration",
)
STRANGERS_ACCOUNT = "999999999999"
DATA_EXPORTS = "bcm-data-exports.amazonaws.com"


@dataclass(frozen=True)
class Reach:
    """Who gets to the bill, or to its copy, among all roles of the stacks and those who are in none."""

    stacks: Stacks
    cloud: Cloud
    bucket: Guarded
    key: Guarded

    @cached_property
    def callers(self) -> tuple[Caller, ...]:
        config = self.stacks.config
        services = ("athena", "cloudtrail", "config", "events", "glue", "guardduty", "logging.s3", "macie", "s3")
        return (
            *self.cloud.roles.values(),
            *(_administrator(account) for account in (*config.accounts, STRANGERS_ACCOUNT)),
            Caller(
                "root user", config.finops_account, f"arn:aws:iam::{config.finops_account}:root", "", {}, (EVERYTHING,)
            ),
            _deployer(config),
            *(_role(arn) for arn in config.bill_readers),
            Caller("anybody"),
            *(
                Caller(
                    f"{service} for {account}", service=f"{service}.amazonaws.com", says={"aws:SourceAccount": account}
                )
                for service in services
                for account in config.accounts
            ),
            _exports("this payer's exports", config.payer_account),
            _exports("another payer's exports", STRANGERS_ACCOUNT),
            Caller("exports of nobody", service=DATA_EXPORTS),
        )

    @cached_property
    def objects(self) -> tuple[str, ...]:
        """What lies in the bucket, and something that matches wherever a policy says where."""
        prefix = f"{self.bucket.arn}/{self.stacks.config.export_prefix}"
        known = [f"{prefix}data/BILLING_PERIOD=2026-05/a.parquet", f"{prefix}metadata/BILLING_PERIOD=2026-05/a.json"]
        statements = [s for caller in self.callers for s in caller.statements] + list(self.bucket.statements)
        named = {resource for s in statements for resource in as_list(s.get("Resource", []))}
        within = sorted(resource for resource in named if resource.startswith(f"{self.bucket.arn}/"))
        return (f"{self.bucket.arn}/a", *known, *(w.replace("*", "a").replace("?", "a") for w in within))

    def may(self, actions: Iterable[str]) -> set[str]:
        """The callers that may do any of this: to some object, or to the bucket, as the action has it."""
        requests = [(action, on) for action in actions for on in self._things(action)]
        return {
            caller.name
            for caller in self.callers
            if any(self.bucket.lets(caller, action, resource) for action, resource in requests)
        }

    def _things(self, action: str) -> tuple[str, ...]:
        return (self.bucket.arn,) if "Bucket" in action or action.endswith("Configuration") else self.objects

    def may_with_key(self, actions: Iterable[str]) -> set[str]:
        return {caller.name for caller in self.callers if any(self.key.lets(caller, action) for action in actions)}


def _role(arn: str) -> Caller:
    return Caller(arn, arn.split(":")[4], arn, statements=(EVERYTHING,))


def _administrator(account: str) -> Caller:
    arn = f"arn:aws:iam::{account}:role/administrator"
    return Caller(f"administrator of {account}", account, arn, statements=(EVERYTHING,))


def _deployer(config: EnvironmentConfig) -> Caller:
    account, region = config.finops_account, config.region
    arn = f"arn:aws:iam::{account}:role/cdk-hnb659fds-cfn-exec-role-{account}-{region}"
    return Caller("deployer", account, arn, statements=(EVERYTHING,))


def _exports(name: str, payer: str) -> Caller:
    says = {"aws:SourceAccount": payer, "aws:SourceArn": f"arn:aws:bcm-data-exports:us-east-1:{payer}:export/cur-1"}
    return Caller(name, service=DATA_EXPORTS, says=says)


def reach_of(stacks: Stacks, *, copy: bool = False, templates: dict[str, Any] | None = None) -> Reach:
    """Of the bill, or of its copy; with other templates, if there are any, than the stacks' own."""
    cloud = Cloud(stacks, templates)
    stack = "Replica" if copy else "Data"
    return Reach(stacks, cloud, cloud.bucket("Billing", stack), cloud.key("BillingKey", stack))
