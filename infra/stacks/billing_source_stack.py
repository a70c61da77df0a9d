"""The billing source stack: the export, the cost-allocation tags and the anomaly monitors of the payer."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.config import EnvironmentConfig


class BillingSourceStack(cdk.Stack):
    """The export, the cost-allocation tags and the anomaly monitors of the payer."""

    def __init__(self, scope: Construct, construct_id: str, *, config: EnvironmentConfig, env: cdk.Environment) -> None:
        super().__init__(scope, construct_id, env=env, description="Chargeback: what the payer account delivers")
        ssm.StringParameter(self, "Environment", string_value=config.name)
