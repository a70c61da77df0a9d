"""Turns the ratified policy into the tables that the allocation joins."""

from __future__ import annotations

from pathlib import Path

from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.payload import Payload
from functions.shared.policy import CompiledPolicy

POLICY_FOLDER = Path(__file__).resolve().parents[2] / "policy"
"""Where the policy lies that was reviewed and deployed together with this code."""


class CompilePolicyRequest(Payload):
    """The run and its month; ``policy_key`` names another policy in the work bucket, blank takes the ratified one."""

    run_id: str
    billing_period: str
    policy_key: str


class PolicyCompiled(Payload):
    """The policy that the run uses; its tables lie in the run's folder of the work bucket."""

    organization: str
    sha256: str
    billing_currency: str
    cost_basis: str
    cost_centers: int
    rules: int
    pools: int
    pool_levels: list[int]

    @classmethod
    def of(cls, policy: PolicyOfRun, compiled: CompiledPolicy) -> PolicyCompiled:
        """What a reviewer of the execution wants to see of the policy."""
        return cls(
            organization=policy.organization,
            sha256=policy.sha256,
            billing_currency=policy.billing_currency,
            cost_basis=policy.cost_basis,
            cost_centers=len(compiled.policy_cost_centers),
            rules=len(compiled.policy_rules),
            pools=len(compiled.policy_pools),
            pool_levels=list(policy.pool_levels),
        )
