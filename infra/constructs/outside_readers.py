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
    "tag:GetTagKeys",
    "tag:GetTagValues",
)
"""What Datadog's graphs and monitors are made of. CloudWatch and the tagging API know no narrower resource."""

NAMES = (
    "dynamodb:ListTables",
    "lambda:ListFunctions",
    "logs:DescribeLogGroups",
    "sns:ListTopics",
    "sqs:ListQueues",
    "states:ListStateMachines",
)
"""What Datadog finds our services by. A list of all there is knows no narrower resource either."""

DATA = (
    "athena:GetQueryResults",
    "athena:GetQueryResultsStream",
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:GetRecords",
    "dynamodb:PartiQLSelect",
    "dynamodb:Query",
    "dynamodb:Scan",
    "kms:Decrypt",
    "logs:FilterLogEvents",
    "logs:GetLogEvents",
    "logs:GetLogRecord",
    "logs:GetQueryResults",
    "logs:StartLiveTail",
    "logs:StartQuery",
    "s3:GetObject",
    "s3:GetObjectTorrent",
    "s3:GetObjectVersion",
    "secretsmanager:BatchGetSecretValue",
    "secretsmanager:GetSecretValue",
    "sqs:ReceiveMessage",
    "ssm:GetParameter",
    "ssm:GetParameterHistory",
    "ssm:GetParameters",
    "ssm:GetParametersByPath",
    "states:DescribeExecution",
    "states:GetExecutionHistory",
)
"""What nobody outside reads, whatever AWS adds to its managed policies: amounts, charges, secrets, and what may hold
them."""


class DatadogRole(iam.Role):
    """Datadog's account may read metrics, alarms and the names of what they are about, if it knows the external id."""

    def __init__(self, scope: Construct, construct_id: str, *, name: str, settings: DatadogSettings) -> None:
        super().__init__(
            scope,
            construct_id,
            role_name=name,
            description="Datadog reads CloudWatch's metrics",
            assumed_by=iam.AccountPrincipal(settings.account).with_conditions(_only_with(settings.external_id)),
        )
        self.add_to_policy(iam.PolicyStatement(actions=[*METRICS, *NAMES], resources=["*"]))


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
