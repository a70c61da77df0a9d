"""What the workflows of GitHub Actions may do, and that they do it with what is here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.environments import environment
from infra.names import GITHUB_DEPLOY, GITHUB_DIFF, name_of
from local.assembly import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS: dict[str, dict[str, Any]] = {
    file.name: yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506 - makes nothing but text
    for file in sorted((GITHUB / "workflows").glob("*.yml"))
}
PULL_REQUEST, DEPLOY = WORKFLOWS["pull-request.yml"], WORKFLOWS["deploy.yml"]
PRODUCTION = environment("production")
CONFIGURE = "aws-actions/configure-aws-credentials"


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for file, workflow in WORKFLOWS.items():
        for name, job in workflow["jobs"].items():
            yield f"{file}/{name}", job


def steps(job: dict[str, Any]) -> list[dict[str, Any]]:
    return list(job.get("steps", []))


def named(job: dict[str, Any], start: str) -> dict[str, Any]:
    [found] = [step for step in steps(job) if step.get("name", "").startswith(start)]
    return found


ALL_JOBS = dict(jobs())
OWN_JOBS = {name: job for name, job in ALL_JOBS.items() if "steps" in job}
DIFFERENCE, PRODUCTION_JOB = PULL_REQUEST["jobs"]["difference"], DEPLOY["jobs"]["production"]


@pytest.mark.parametrize("name", ALL_JOBS)
def test_every_action_is_pinned_by_a_commit_with_its_version_beside_it(name: str) -> None:
    used = [step["uses"] for step in steps(ALL_JOBS[name]) if "uses" in step]
    for action in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action), action
        lines = [line for line in workflow_text(name).splitlines() if action in line]
        assert all(re.search(r"# v\d+\.\d+\.\d+$", line) for line in lines), action


def test_an_action_is_at_one_version_everywhere() -> None:
    used = {step["uses"] for job in ALL_JOBS.values() for step in steps(job) if "uses" in step}
    assert len({action.partition("@")[0] for action in used}) == len(used)


@pytest.mark.parametrize("name", ALL_JOBS)
def test_a_workflow_that_is_called_is_one_of_these_at_this_commit(name: str) -> None:
    if called := ALL_JOBS[name].get("uses"):
        assert called.startswith("$/.github/workflows/")
        assert called.rpartition("/")[2] in WORKFLOWS


@pytest.mark.parametrize("name", OWN_JOBS)
def test_every_job_ends_and_may_only_what_it_says(name: str) -> None:
    assert 0 < int(OWN_JOBS[name]["timeout-minutes"]) <= 60
    assert OWN_JOBS[name]["permissions"]["contents"] == "read"


def test_nothing_is_permitted_but_reading_and_tokens_where_a_role_is_taken() -> None:
    assert {file for file, workflow in WORKFLOWS.items() if workflow["permissions"] != {}} == set()
    rights = {name: job["permissions"] for name, job in ALL_JOBS.items()}
    for name, right in rights.items():
        assert set(right.items()) <= {("contents", "read"), ("id-token", "write")}, name
    takes_roles = {
        name for name, job in ALL_JOBS.items() if any(step.get("uses", "").startswith(CONFIGURE) for step in steps(job))
    }
    assert {name for name, right in rights.items() if "id-token" in right} == takes_roles
    assert takes_roles == {"pull-request.yml/difference", "deploy.yml/production"}


@pytest.mark.parametrize("name", OWN_JOBS)
def test_a_checkout_leaves_no_credentials_behind(name: str) -> None:
    for step in steps(OWN_JOBS[name]):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"


@pytest.mark.parametrize("name", OWN_JOBS)
def test_what_others_can_choose_is_never_part_of_a_command(name: str) -> None:
    assert not [step["run"] for step in steps(OWN_JOBS[name]) if "${{" in step.get("run", "")]


@pytest.mark.parametrize("file", WORKFLOWS)
def test_a_command_that_fails_before_a_pipe_fails_its_step(file: str) -> None:
    assert WORKFLOWS[file]["defaults"]["run"]["shell"] == "bash"


def test_only_what_make_knows_is_made() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    called = {
        target
        for job in OWN_JOBS.values()
        for step in steps(job)
        for target in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))
    }
    assert called <= targets
    assert called == {"test", "test-slow", "lint", "synth", "scan", "deploy-local"}


@pytest.mark.parametrize("workflow", [PULL_REQUEST, DEPLOY], ids=["pull request", "main"])
def test_both_a_pull_request_and_main_are_tested_and_scanned(workflow: dict[str, Any]) -> None:
    assert workflow["jobs"]["tests"]["uses"].endswith("/tests.yml")
    assert workflow["jobs"]["assembly"]["uses"].endswith("/assembly.yml")


def test_workflows_run_for_pull_requests_to_main_and_for_main() -> None:
    assert PULL_REQUEST["on"] == {"pull_request": {"branches": ["main"]}}
    assert DEPLOY["on"] == {"push": {"branches": ["main"]}}


def test_runs_do_not_get_in_each_others_way() -> None:
    assert PULL_REQUEST["concurrency"]["cancel-in-progress"] == "true"
    assert "github.event.pull_request.number" in PULL_REQUEST["concurrency"]["group"]
    assert DEPLOY["concurrency"] == {"group": "deploy", "cancel-in-progress": "false"}


def test_only_the_protected_environment_deploys_and_only_what_passed() -> None:
    assert PRODUCTION.github
    assert PRODUCTION_JOB["environment"] == PRODUCTION.github.environment
    assert set(PRODUCTION_JOB["needs"]) == {"tests", "assembly"}
    assert [name for name, job in ALL_JOBS.items() if "environment" in job] == ["deploy.yml/production"]


@pytest.mark.parametrize("job", [DIFFERENCE, PRODUCTION_JOB], ids=["difference", "production"])
def test_what_is_compared_and_deployed_is_the_assembly_that_was_scanned(job: dict[str, Any]) -> None:
    made = steps(WORKFLOWS["assembly.yml"]["jobs"]["synthesize"])
    commands = [step.get("run") for step in made]
    assert commands.index("make synth ENV=production") < commands.index("make scan")
    [upload] = [step for step in made if step.get("uses", "").startswith("actions/upload-artifact@")]
    [download] = [step for step in steps(job) if step.get("uses", "").startswith("actions/download-artifact@")]
    assert download["with"] == {"name": upload["with"]["name"]}
    assert not [step for step in steps(job) if re.search(r"\bmake\b|app\.py|cdk synth", step.get("run", ""))]
    # The CLI gets the assembly from this program alone.
    cli = [step["run"] for step in steps(job) if re.search(r"cdk_in_account", step.get("run", ""))]
    assert len(cli) == len(PRODUCTION.accounts)


@pytest.mark.parametrize(
    ("job", "role"), [(DIFFERENCE, GITHUB_DIFF), (PRODUCTION_JOB, GITHUB_DEPLOY)], ids=["difference", "production"]
)
def test_each_account_is_entered_through_the_role_that_is_made_for_it(job: dict[str, Any], role: str) -> None:
    accounts = {"FINOPS_ACCOUNT": PRODUCTION.finops_account, "PAYER_ACCOUNT": PRODUCTION.payer_account}
    assert PULL_REQUEST["env"] == DEPLOY["env"] == accounts
    taken = [step for step in steps(job) if step.get("uses", "").startswith(CONFIGURE)]
    assert [step["with"]["role-to-assume"] for step in taken] == [
        f"arn:aws:iam::${{{{ env.{account} }}}}:role/{name_of(PRODUCTION, role)}" for account in accounts
    ]
    assert [step["with"]["allowed-account-ids"] for step in taken] == [
        f"${{{{ env.{account} }}}}" for account in accounts
    ]
    # In an organisation with one account the second half is skipped.
    assert {step.get("if") for step in steps(job) if "payer account" in step.get("name", "")} == {
        "env.PAYER_ACCOUNT != env.FINOPS_ACCOUNT"
    }


def test_a_pull_request_is_compared_by_reading_alone_and_shown_to_its_reviewers() -> None:
    compared = [step["run"] for step in steps(DIFFERENCE) if "cdk_in_account" in step.get("run", "")]
    assert all(" diff --method=template " in f"{command} " for command in compared)
    assert "GITHUB_STEP_SUMMARY" in named(DIFFERENCE, "Show the difference")["run"]


def test_nothing_is_asked_of_aws_for_a_fork_which_gets_no_token() -> None:
    assert "github.event.pull_request.head.repo.full_name == github.repository" in DIFFERENCE["if"]
    text = workflow_text("pull-request.yml")
    assert "fork" in text
    assert "pull_request_target" not in text


def test_the_scanners_of_an_organisation_run_when_it_has_their_secrets() -> None:
    job = WORKFLOWS["assembly.yml"]["jobs"]["scanners"]
    [known] = [step for step in steps(job) if step.get("id") == "secrets"]
    assert known["env"] == {
        "WIZ": "${{ secrets.WIZ_CLIENT_SECRET != '' }}",
        "FALCON": "${{ secrets.FALCON_CLIENT_SECRET != '' }}",
    }
    assert named(job, "Wiz Code")["if"] == "steps.secrets.outputs.wiz == 'true'"
    assert named(job, "CrowdStrike")["if"] == "steps.secrets.outputs.falcon == 'true'"
    for step in steps(job):
        holds_a_secret = [name for name, value in step.get("env", {}).items() if re.search(r"secrets\.\w+ }}", value)]
        assert not holds_a_secret or "steps.secrets.outputs." in step["if"], step["name"]
    for workflow in (PULL_REQUEST, DEPLOY):
        passed = workflow["jobs"]["assembly"]["secrets"]
        assert set(passed) == set(WORKFLOWS["assembly.yml"]["on"]["workflow_call"]["secrets"])


def test_what_crowdstrike_finds_ends_the_job() -> None:
    job = WORKFLOWS["assembly.yml"]["jobs"]["scanners"]
    scan, end = named(job, "CrowdStrike"), named(job, "End with what CrowdStrike found")
    assert scan["with"]["fail_on"]
    assert end["if"] == f"{scan['if']} && steps.{scan['id']}.outputs.exit-code != '0'"
    assert end["run"] == "exit 1"


def test_the_secrets_that_are_used_are_the_scanners_alone() -> None:
    text = "".join(workflow_text(file) for file in WORKFLOWS)
    assert set(re.findall(r"secrets\.([A-Z]\w+)", text)) == {
        "WIZ_CLIENT_ID",
        "WIZ_CLIENT_SECRET",
        "FALCON_CLIENT_SECRET",
    }


def test_sql_and_policy_have_owners_in_the_organisation() -> None:
    assert PRODUCTION.github
    lines = [
        line.split()
        for line in (GITHUB / "CODEOWNERS").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    owners = {pattern: teams for pattern, *teams in lines}
    for folder in ("/sql/", "/policy/", "/infra/", "/.github/"):
        assert owners[folder]
    for pattern, teams in owners.items():
        assert all(re.fullmatch(rf"@{PRODUCTION.github.organization}/[a-z-]+", team) for team in teams)
        assert pattern == "*" or (ROOT / pattern.strip("/")).exists()


def test_every_pin_is_kept_up() -> None:
    updates = yaml.safe_load((GITHUB / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    places = {
        (update["package-ecosystem"], folder)
        for update in updates
        for folder in update.get("directories", [update.get("directory")])
    }
    assert places == {
        ("github-actions", "/"),
        ("pip", "/"),
        ("pip", "/.ci"),
        ("pip", "/infra/layers"),
        ("npm", "/local/cdk_cli"),
    }
    for _, folder in places:
        assert (ROOT / folder.strip("/")).is_dir()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a job with a role has: an assembly, and in the CLI's place a program that says how it was called."""
    stacks = {
        "Chargeback-production-Data": "aws://222222222222/us-east-1",
        "Chargeback-production-Replica": "aws://222222222222/us-west-2",
        "Chargeback-production-BillingSource": "aws://111111111111/us-east-1",
    }
    artifacts = {name: {"type": "aws:cloudformation:stack", "environment": place} for name, place in stacks.items()}
    artifacts["Chargeback-production-Data.assets"] = {"type": "cdk:asset-manifest", "environment": "unknown"}
    (tmp_path / "cdk.out").mkdir()
    (tmp_path / "cdk.out" / "manifest.json").write_text(json.dumps({"artifacts": artifacts}), encoding="utf-8")
    cli = tmp_path / "local" / "cdk_cli" / "node_modules" / ".bin" / "cdk"
    cli.parent.mkdir(parents=True)
    shutil.copy("/bin/echo", cli)
    return tmp_path


def in_account(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / ".ci" / "cdk_in_account.py"), *words]
    return subprocess.run(command, cwd=checkout, env=os.environ, capture_output=True, text=True, check=False)


def test_the_cli_is_given_the_stacks_of_one_account_and_no_others(checkout: Path) -> None:
    finops = in_account(checkout, "222222222222", "deploy", "--require-approval=never").stdout.split()
    assert finops[:4] == ["deploy", "--app", "cdk.out", "--exclusively"]
    assert "--require-approval=never" in finops
    assert finops[-2:] == ["Chargeback-production-Data", "Chargeback-production-Replica"]
    payer = in_account(checkout, "111111111111", "diff", "--method=template").stdout.split()
    assert [word for word in payer if word.startswith("Chargeback-")] == ["Chargeback-production-BillingSource"]


def test_an_account_without_a_stack_ends_it_for_the_cli_would_take_them_all(checkout: Path) -> None:
    ended = in_account(checkout, "333333333333", "deploy")
    assert ended.returncode == 1
    assert ended.stderr == "cdk.out has no stack for account 333333333333\n"
    assert not ended.stdout


def workflow_text(name: str) -> str:
    return (GITHUB / "workflows" / name.partition("/")[0]).read_text(encoding="utf-8")
