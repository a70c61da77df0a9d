"""Companies outside look at how the account runs and is configured, if a setting lets them, and never at its data."""

from __future__ import annotations

import pytest

from infra.names import name_of
from tests.infra.policies import Cloud, Guarded
from tests.infra.stacks import Stacks

DATA = (
    "athena:GetQueryResults",
    "dynamodb:GetItem",
    "dynamodb:PartiQLSelect",
    "dynamodb:Query",
    "dynamodb:Scan",
    "kms:Decrypt",
    "logs:FilterLogEvents",
    "logs:GetLogEvents",
    "logs:StartQuery",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "secretsmanager:BatchGetSecretValue",
    "secretsmanager:GetSecretValue",
    "sqs:ReceiveMessage",
    "ssm:GetParameter",
    "ssm:GetParametersByPath",
    "states:DescribeExecution",
    "states:GetExecutionHistory",
)
"""Ways to amounts, charges and secrets."""


def test_datadog_reads_metrics_and_names_if_it_is_let_in_and_nothing_else(stacks: Stacks) -> None:
    settings = stacks.config.datadog
    assert ("Observability/Datadog" in stacks.roles) == bool(settings)
    if settings:
        assert stacks.roles["Observability/Datadog"] == {
            "cloudwatch:DescribeAlarms *",
            "cloudwatch:GetMetricData *",
            "cloudwatch:GetMetricStatistics *",
            "cloudwatch:ListMetrics *",
            "dynamodb:ListTables *",
            "lambda:ListFunctions *",
            "logs:DescribeLogGroups *",
            "sns:ListTopics *",
            "sqs:ListQueues *",
            "states:ListStateMachines *",
            "tag:GetResources *",
            "tag:GetTagKeys *",
            "tag:GetTagValues *",
        }


def test_wiz_reads_how_things_are_configured_and_never_what_is_in_them(stacks: Stacks) -> None:
    settings = stacks.config.wiz
    assert ("Observability/Wiz" in stacks.roles) == bool(settings)
    if settings:
        cloud = Cloud(stacks)
        (wiz,) = (role for role in cloud.roles.values() if role.name == name_of(stacks.config, "wiz"))
        anything = Guarded("arn:aws:s3:::anything", stacks.config.finops_account, ())
        # What AWS's own policy allows is taken for everything: only what is denied is kept from it.
        assert anything.lets(wiz, "s3:GetBucketPolicy")
        assert not [action for action in DATA if anything.lets(wiz, action)]
        rights = stacks.roles["Observability/Wiz"]
        assert {right for right in rights if not right.startswith("never ")} == {
            "all of arn:aws:iam::aws:policy/SecurityAudit"
        }
        assert all(right.endswith(" *") for right in rights if right.startswith("never "))


@pytest.mark.parametrize("role", ["Datadog", "Wiz"])
def test_whoever_looks_from_outside_is_one_we_know_and_shows_the_external_id(stacks: Stacks, role: str) -> None:
    config = stacks.config
    known = {
        "Datadog": (config.datadog, f"arn:aws:iam::{config.datadog.account}:root" if config.datadog else ""),
        "Wiz": (config.wiz, config.wiz.trusted_role if config.wiz else ""),
    }
    settings, principal = known[role]
    if settings:
        (trust,) = stacks.properties(f"Observability/{role}")["AssumeRolePolicyDocument"]["Statement"]
        assert (trust["Effect"], trust["Action"]) == ("Allow", "sts:AssumeRole")
        assert trust["Principal"] == {"AWS": principal}
        assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": settings.external_id}}
