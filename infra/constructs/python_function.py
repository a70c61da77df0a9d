"""The one place where a Lambda function is made."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from functions.shared.settings import Settings, environment_names
from infra.names import state_of

ROOT = Path(__file__).resolve().parents[2]
PACKAGED = ["functions", "sql", "policy"]


class SettingsMismatch(Exception):
    """A function's environment and its settings model name different things."""


def function_code() -> lambda_.Code:
    """Functions, SQL and policy as one asset, imported by the same names as in the tests."""
    keep = [pattern for folder in PACKAGED for pattern in (f"!{folder}", f"!{folder}/**")]
    return lambda_.Code.from_asset(
        str(ROOT), exclude=["*", *keep, "**/__pycache__", "**/*.pyc", "**/.*"], ignore_mode=cdk.IgnoreMode.GIT
    )


class PythonFunction(lambda_.Function):
    """``functions/<verb_noun>``: its environment is exactly its settings model, or synthesis fails.

    The role bears the function's name, so that the policy of a bucket can name it.
    """

    def __init__(
        self,
        scope: Construct,
        verb_noun: str,
        *,
        code: lambda_.Code,
        layers: list[lambda_.ILayerVersion],
        settings: Mapping[str, str],
        log_key: kms.IKey,
        function_name: str,
        timeout: cdk.Duration | None = None,
        memory_mib: int = 512,
        reserved_concurrency: int | None = None,
    ) -> None:
        name = state_of(verb_noun)
        environment = {key.upper(): value for key, value in settings.items()}
        _require_settings(verb_noun, name, set(environment))
        log_group = logs.LogGroup(
            scope,
            f"{name}Logs",
            retention=logs.RetentionDays.ONE_YEAR,
            encryption_key=log_key,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        # A role of its own: the one CDK would make may write to every log group of the account.
        lambda_service = iam.ServicePrincipal("lambda.amazonaws.com")
        role = iam.Role(scope, f"{name}Role", role_name=function_name, assumed_by=lambda_service)
        log_group.grant_write(role)
        super().__init__(
            scope,
            name,
            role=role,
            function_name=function_name,
            description=f"Chargeback: {verb_noun.replace('_', ' ')}",
            runtime=lambda_.Runtime.PYTHON_3_12,
            architecture=lambda_.Architecture.X86_64,
            handler=f"functions.{verb_noun}.handler.handler",
            code=code,
            layers=layers,
            environment=environment,
            timeout=timeout or cdk.Duration.minutes(5),
            memory_size=memory_mib,
            reserved_concurrent_executions=reserved_concurrency,
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
        )
        self.state_name = name


def _require_settings(verb_noun: str, name: str, environment: set[str]) -> None:
    model = getattr(import_module(f"functions.{verb_noun}.handler"), f"{name}Settings")
    assert issubclass(model, Settings)  # noqa: S101 - narrows the type
    wanted = set(environment_names(model))
    if environment != wanted:
        raise SettingsMismatch(f"{verb_noun} reads {sorted(wanted)} but is given {sorted(environment)}")
