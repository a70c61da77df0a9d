"""The CI stack: the roles that GitHub Actions take in this account."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.config import EnvironmentConfig, GithubSettings


class CiStack(cdk.Stack):
    """The roles that github actions take in this account."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: EnvironmentConfig,
        github: GithubSettings,
        env: cdk.Environment,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Chargeback: roles of GitHub Actions")
        ssm.StringParameter(self, "Environment", string_value=config.name)
