"""Roles that companies outside take to look at the account: at its metrics or its configuration, never at its data."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.config import DatadogSettings, WizSettings

METRICS = (
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "cloudwatch:GetMetricStatistics",
    "cloudwatch:ListMetrics",
    "tag:GetResources",
)
"""What Datadog reads. CloudWatch and the tagging API know no narrower resource."""

DATA = (
    "athena:GetQueryResults",
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "kms:Decrypt",
    "logs:FilterLogEvents",
    "logs:GetLogEvents",
    "logs:StartQuery",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "secretsmanager:GetSecretValue",
    "sqs:ReceiveMessage",
    "states:GetExecutionHistory",
)
"""What nobody outside reads, whatever AWS adds to its managed policies."""


class DatadogRole(iam.Role):
    """Datadog's account may read metrics and alarms, if it knows the external id."""

    def __init__(self, scope: Construct, construct_id: str, *, name: str, settings: DatadogSettings) -> None:
        super().__init__(
            scope,
            construct_id,
            role_name=name,
            description="Datadog reads CloudWatch's metrics",
            assumed_by=iam.AccountPrincipal(settings.account).with_conditions(_only_with(settings.external_id)),
        )
        self.add_to_policy(iam.PolicyStatement(actions=list(METRICS), resources=["*"]))


class WizRole(iam.Role):
    """Wiz's connector may read how everything is configured, if it knows the external id, and nothing that is data."""

    def __init__(self, scope: Construct, construct_id: str, *, name: str, settings: WizSettings) -> None:
        super().__init__(
            scope,
            construct_id,
            role_name=name,
            description="Wiz reads the account's configuration",
            assumed_by=iam.ArnPrincipal(settings.trusted_role).with_conditions(_only_with(settings.external_id)),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("SecurityAudit")],
        )
        self.add_to_policy(iam.PolicyStatement(effect=iam.Effect.DENY, actions=list(DATA), resources=["*"]))


def _only_with(external_id: str) -> dict[str, dict[str, str]]:
    return {"StringEquals": {"sts:ExternalId": external_id}}
