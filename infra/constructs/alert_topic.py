"""A topic that mails the owners: encrypted with a key of ours, over TLS only, open to named AWS services alone."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct


class AlertTopic(sns.Topic):
    """``services`` may publish on behalf of this account, and use the key for it; the owners get mail."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        key: kms.Key,
        services: Sequence[str],
        owners: Sequence[str],
    ) -> None:
        super().__init__(scope, construct_id, topic_name=name, master_key=key, enforce_ssl=True)
        principals: list[iam.IPrincipal] = [iam.ServicePrincipal(service) for service in services]
        of_this_account = {"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}}
        self.permission = self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="TellOwners",
                principals=principals,
                actions=["sns:Publish"],
                resources=[self.topic_arn],
                conditions=of_this_account,
            )
        ).policy_dependable
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="EncryptAlerts",
                principals=principals,
                actions=["kms:GenerateDataKey", "kms:Decrypt"],
                resources=["*"],
                conditions=of_this_account,
            )
        )
        for owner in owners:
            self.add_subscription(subscriptions.EmailSubscription(owner))
