"""The key that signs statements and evidence: asymmetric, so that whoever has the certificate can verify."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct


class SigningKey(kms.Key):
    """An RSA key that a few roles sign with, and no administrator.

    It is not rotated in place, as its certificate would not fit any more: another key follows it. It may come to an
    end then, for what it signed verifies without it.
    """

    def __init__(self, scope: Construct, construct_id: str, *, alias: str, signers: Sequence[str]) -> None:
        super().__init__(
            scope,
            construct_id,
            alias=alias,
            description="Chargeback: signs statements and evidence",
            key_spec=kms.KeySpec.RSA_3072,
            key_usage=kms.KeyUsage.SIGN_VERIFY,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="OnlyTheseSign",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["kms:Sign"],
                resources=["*"],
                # By a condition: a role that does not exist yet cannot be a principal of a key's policy.
                conditions={"ArnNotEquals": {"aws:PrincipalArn": list(signers)}},
            )
        )
