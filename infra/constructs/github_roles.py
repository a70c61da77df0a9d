"""Roles that jobs of GitHub Actions take with GitHub's own tokens; no key of ours is kept at GitHub."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.config import GithubSettings

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
DEPLOYING_BRANCH = "refs/heads/main"


class GithubRole(iam.Role):
    """Taken by jobs of one kind, of one repository, and good for nothing but taking the roles it is given."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        description: str,
        provider_arn: str,
        github: GithubSettings,
        jobs: str,
        branch: str | None = None,
        may_take: Sequence[str],
    ) -> None:
        """``jobs`` is what GitHub calls the kind in a token's subject: ``environment:NAME`` or ``pull_request``."""
        claims: dict[str, str | list[str]] = {
            "aud": AUDIENCE,
            "sub": subjects(github, jobs),
            # Names are given again when their owner leaves them; a number never is.
            "repository_id": github.repository_id,
        }
        if branch:
            claims["ref"] = branch
        super().__init__(
            scope,
            construct_id,
            role_name=name,
            description=description,
            # Every claim must be there: an operator that an absent claim satisfies would let anybody in.
            assumed_by=iam.WebIdentityPrincipal(
                provider_arn, {"StringEquals": {f"{ISSUER}:{claim}": value for claim, value in claims.items()}}
            ),
        )
        self.add_to_policy(iam.PolicyStatement(actions=["sts:AssumeRole"], resources=list(may_take)))


def subjects(github: GithubSettings, jobs: str) -> list[str]:
    """How GitHub names the repository's jobs: by names alone, and with numbers since July 2026."""
    organization, repository = github.organization, github.repository
    return [
        f"repo:{organization}/{repository}:{jobs}",
        f"repo:{organization}@{github.organization_id}/{repository}@{github.repository_id}:{jobs}",
    ]
