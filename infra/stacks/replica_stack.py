"""The replica stack: a copy of the records in a second region."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.config import EnvironmentConfig


class ReplicaStack(cdk.Stack):
    """A copy of the records in a second region."""

    def __init__(self, scope: Construct, construct_id: str, *, config: EnvironmentConfig, env: cdk.Environment) -> None:
        super().__init__(scope, construct_id, env=env, description="Chargeback: copy of the records in a second region")
        ssm.StringParameter(self, "Environment", string_value=config.name)
