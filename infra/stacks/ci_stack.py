"""The CI stack: the roles that GitHub Actions take in this account."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.config import EnvironmentConfig, GithubSettings
from infra.constructs.github_roles import AUDIENCE, DEPLOYING_BRANCH, ISSUER, GithubRole
from infra.names import GITHUB_DEPLOY, GITHUB_DIFF, bootstrap_role_arn, name_of


class CiStack(cdk.Stack):
    """A role that deploys from the protected environment, and one that shows a pull request what it would change.

    Neither may do anything itself: both take roles of ``cdk bootstrap``, so that a deployment has the rights it has
    from a laptop, and no others. The first deployment, which makes these roles, is from there.
    """

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
        provider_arn = self._provider(github)
        lookup = self._bootstrapped(config, "lookup")
        deploy = GithubRole(
            self,
            "Deploy",
            name=name_of(config, GITHUB_DEPLOY),
            description=f"GitHub deploys {config.name} from its protected environment {github.environment}",
            provider_arn=provider_arn,
            github=github,
            jobs=f"environment:{github.environment}",
            branch=DEPLOYING_BRANCH,
            may_take=[
                *self._bootstrapped(config, "deploy"),
                *self._bootstrapped(config, "file-publishing"),
                *lookup,
            ],
        )
        diff = GithubRole(
            self,
            "Diff",
            name=name_of(config, GITHUB_DIFF),
            description=f"GitHub shows a pull request what it would change in {config.name}",
            provider_arn=provider_arn,
            github=github,
            jobs="pull_request",
            may_take=lookup,
        )
        cdk.CfnOutput(self, "DeployRole", value=deploy.role_arn)
        cdk.CfnOutput(self, "DiffRole", value=diff.role_arn)

    def _provider(self, github: GithubSettings) -> str:
        if github.makes_provider:
            provider = iam.OidcProviderNative(self, "Github", url=f"https://{ISSUER}", client_ids=[AUDIENCE])
            return provider.oidc_provider_arn
        return f"arn:{self.partition}:iam::{self.account}:oidc-provider/{ISSUER}"

    def _bootstrapped(self, config: EnvironmentConfig, role: str) -> list[str]:
        qualifier = self.synthesizer.bootstrap_qualifier or ""
        return [bootstrap_role_arn(self.account, region, qualifier, role) for region in config.regions(self.account)]
