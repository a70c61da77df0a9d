"""The tag policy stack: how the accounts of the organisation have to write the tags that the bill is split by."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_organizations as organizations
from constructs import Construct

from infra.config import EnvironmentConfig, TagPolicySettings
from infra.constructs.tag_policy import tag_policy
from infra.names import name_of
from infra.ratified_policy import ratified_policy


class TagPolicyStack(cdk.Stack):
    """One tag policy of the payer's organisation, attached to the roots, units or accounts of the settings."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: EnvironmentConfig,
        settings: TagPolicySettings,
        env: cdk.Environment,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Chargeback: how tags are written in every account")
        organizations.CfnPolicy(
            self,
            "TagPolicy",
            name=name_of(config, "tags"),
            description="The tags of the chargeback policy",
            type="TAG_POLICY",
            content=tag_policy(ratified_policy(config.ratified_policy), settings.enforced_for),
            target_ids=list(settings.targets),
        )
