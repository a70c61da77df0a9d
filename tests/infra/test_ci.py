"""Whom the roles of GitHub Actions let in, by the claims of the tokens that GitHub makes, and what they may do."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from infra.environments import environment
from infra.names import GITHUB_DEPLOY, GITHUB_DIFF, name_of
from local.assembly import ROOT, node_environment
from tests.infra.other_environments import synthesized
from tests.infra.policies import holds
from tests.infra.stacks import Resource, Stacks, as_list

PRODUCTION = environment("production")
ISSUER = "token.actions.githubusercontent.com"
NAMES = "meridian-health/chargeback"
NUMBERS = "meridian-health@10001/chargeback@20002"
HERE = {"aud": "sts.amazonaws.com", "repository_id": "20002", "ref": "refs/heads/main"}
DEPLOYMENT = HERE | {"sub": f"repo:{NAMES}:environment:production"}
PULL_REQUEST = HERE | {"sub": f"repo:{NAMES}:pull_request", "ref": "refs/pull/7/merge"}


@pytest.fixture(scope="module")
def production(stacks_of: Callable[[str], Stacks]) -> Stacks:
    return stacks_of("production")


@pytest.fixture(params=["Ci", "PayerCi"])
def deploy(request: pytest.FixtureRequest, production: Stacks) -> Resource:
    """The role that deploys, of each account."""
    return production.resources[f"{request.param}/Deploy"]


@pytest.fixture(params=["Ci", "PayerCi"])
def diff(request: pytest.FixtureRequest, production: Stacks) -> Resource:
    """The role that compares, of each account."""
    return production.resources[f"{request.param}/Diff"]


def lets_in(role: Resource, token: Mapping[str, str]) -> bool:
    """What AWS decides when a job shows its token."""
    [statement] = role.properties["AssumeRolePolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRoleWithWebIdentity")
    assert statement["Principal"] == {"Federated": f"<{role.name.partition('/')[0]}/Github>"}
    return all(
        holds(operator, as_list(values), token.get(key.removeprefix(f"{ISSUER}:")))
        for operator, test in statement["Condition"].items()
        for key, values in test.items()
    )


@pytest.mark.parametrize("repository", [NAMES, NUMBERS])
def test_a_job_of_the_protected_environment_deploys_whichever_way_github_names_it(
    deploy: Resource, repository: str
) -> None:
    assert lets_in(deploy, DEPLOYMENT | {"sub": f"repo:{repository}:environment:production"})


@pytest.mark.parametrize(
    "changed",
    [
        {"sub": "repo:meridian-health/other:environment:production"},
        {"sub": "repo:somebody/chargeback:environment:production"},
        {"sub": "repo:meridian-health@10001/chargeback@99999:environment:production"},
        {"sub": "repo:meridian-health@99999/chargeback@20002:environment:production"},
        {"sub": f"repo:{NAMES}:environment:staging"},
        {"sub": f"repo:{NAMES}:environment:production-eu"},
        {"sub": f"repo:{NAMES}:ref:refs/heads/main"},
        {"sub": f"repo:{NUMBERS}:ref:refs/heads/main"},
        {"sub": f"repo:{NAMES}:ref:refs/tags/v1"},
        {"sub": f"repo:{NAMES}:pull_request"},
        {"sub": f"repo:{NAMES}:*"},
        {"sub": f"REPO:{NAMES}:environment:production"},
        {"repository_id": "99999"},
        {"ref": "refs/heads/feature"},
        {"ref": "refs/pull/7/merge"},
        {"ref": "refs/tags/main"},
        {"aud": "https://github.com/meridian-health"},
    ],
    ids=str,
)
def test_no_other_job_deploys(deploy: Resource, changed: dict[str, str]) -> None:
    assert not lets_in(deploy, DEPLOYMENT | changed)


@pytest.mark.parametrize("claim", DEPLOYMENT)
def test_a_token_that_leaves_a_claim_out_opens_nothing(deploy: Resource, diff: Resource, claim: str) -> None:
    assert not lets_in(deploy, {key: value for key, value in DEPLOYMENT.items() if key != claim})
    if claim != "ref":
        assert not lets_in(diff, {key: value for key, value in PULL_REQUEST.items() if key != claim})


@pytest.mark.parametrize("repository", [NAMES, NUMBERS])
def test_a_pull_request_compares_whichever_way_github_names_it(diff: Resource, repository: str) -> None:
    assert lets_in(diff, PULL_REQUEST | {"sub": f"repo:{repository}:pull_request"})


@pytest.mark.parametrize(
    "changed",
    [
        {"sub": "repo:somebody/chargeback:pull_request"},
        {"sub": "repo:somebody@30003/chargeback@40004:pull_request"},
        {"sub": f"repo:{NAMES}:ref:refs/heads/feature"},
        {"sub": f"repo:{NAMES}:environment:production"},
        {"sub": f"repo:{NAMES}:pull_request_target"},
        {"repository_id": "40004"},
        {"aud": "sigstore"},
    ],
    ids=str,
)
def test_no_fork_and_no_other_job_compares(diff: Resource, changed: dict[str, str]) -> None:
    assert not lets_in(diff, PULL_REQUEST | changed)


def test_the_roles_do_nothing_but_take_the_bootstraps_roles_where_something_is_deployed(production: Stacks) -> None:
    finops, payer = "arn:aws:iam::222222222222:role/cdk-hnb659fds", "arn:aws:iam::111111111111:role/cdk-hnb659fds"
    regions = ("us-east-1", "us-west-2")
    lookups = {f"sts:AssumeRole {finops}-lookup-role-222222222222-{region}" for region in regions}
    assert production.roles["Ci/Diff"] == lookups
    assert production.roles["Ci/Deploy"] == lookups | {
        f"sts:AssumeRole {finops}-{role}-role-222222222222-{region}"
        for role in ("deploy", "file-publishing")
        for region in regions
    }
    payer_lookup = {f"sts:AssumeRole {payer}-lookup-role-111111111111-us-east-1"}
    assert production.roles["PayerCi/Diff"] == payer_lookup
    assert production.roles["PayerCi/Deploy"] == payer_lookup | {
        f"sts:AssumeRole {payer}-{role}-role-111111111111-us-east-1" for role in ("deploy", "file-publishing")
    }


def test_the_roles_bear_the_names_that_the_workflows_know(production: Stacks) -> None:
    for stack in ("Ci", "PayerCi"):
        assert production.properties(f"{stack}/Deploy")["RoleName"] == name_of(PRODUCTION, GITHUB_DEPLOY)
        assert production.properties(f"{stack}/Diff")["RoleName"] == name_of(PRODUCTION, GITHUB_DIFF)


def test_each_account_trusts_github_for_tokens_made_for_aws(production: Stacks) -> None:
    providers = production.of("AWS::IAM::OIDCProvider")
    assert set(providers) == {"Ci/Github", "PayerCi/Github"}
    for provider in providers.values():
        assert provider.properties["Url"] == f"https://{ISSUER}"
        assert provider.properties["ClientIdList"] == ["sts.amazonaws.com"]


def test_a_provider_that_the_account_has_already_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in node_environment().items():
        monkeypatch.setenv(name, value)
    import aws_cdk as cdk

    from infra.stacks.ci_stack import CiStack

    assert PRODUCTION.github
    github = PRODUCTION.github.model_copy(update={"makes_provider": False})
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    app = cdk.App(context=context, outdir=str(tmp_path))
    place = cdk.Environment(account=PRODUCTION.finops_account, region=PRODUCTION.region)
    CiStack(app, "Ci", config=PRODUCTION, github=github, env=place)
    resources = json.loads((Path(app.synth().directory) / "Ci.template.json").read_text())["Resources"].values()
    assert not [resource for resource in resources if resource["Type"] == "AWS::IAM::OIDCProvider"]
    trusts = [
        resource["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Federated"]
        for resource in resources
        if resource["Type"] == "AWS::IAM::Role"
    ]
    assert trusts == [f"arn:aws:iam::222222222222:oidc-provider/{ISSUER}"] * 2


def test_without_github_there_are_no_such_roles(stacks_of: Callable[[str], Stacks]) -> None:
    assert not [name for name in stacks_of("startup").templates if name.endswith("Ci")]


def test_records_may_be_in_another_region_than_the_payers_bill(tmp_path: Path) -> None:
    elsewhere = PRODUCTION.model_copy(update={"region": "eu-west-1", "replica_region": None})

    assert_deployed_where_said(synthesized(elsewhere, tmp_path / "assembly"))


def test_every_place_of_a_stack_is_one_that_an_environment_says_it_deploys_to(stacks: Stacks) -> None:
    assert_deployed_where_said(stacks)


def assert_deployed_where_said(stacks: Stacks) -> None:
    manifest = json.loads((stacks.assembly / "manifest.json").read_text(encoding="utf-8"))
    used = {
        artifact["environment"].removeprefix("aws://")
        for artifact in manifest["artifacts"].values()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    config = stacks.config
    assert used == {f"{account}/{region}" for account in config.accounts for region in config.regions(account)}


def test_the_finops_account_can_be_deployed_before_the_payers(stacks: Stacks) -> None:
    artifacts = json.loads((stacks.assembly / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
    payers = {name for name in artifacts if name.endswith(("-BillingSource", "-PayerCi", "-TagPolicies"))}
    for name in set(stacks.templates) - payers:
        assert not payers & set(artifacts[name].get("dependencies", []))
