"""The observability stack: alarms, dashboard, posture and who may look at it from outside."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.config import EnvironmentConfig


class ObservabilityStack(cdk.Stack):
    """Alarms, dashboard, posture and who may look at it from outside."""

    def __init__(self, scope: Construct, construct_id: str, *, config: EnvironmentConfig, env: cdk.Environment) -> None:
        super().__init__(scope, construct_id, env=env, description="Chargeback: alarms and posture")
        ssm.StringParameter(self, "Environment", string_value=config.name)
