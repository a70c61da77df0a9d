"""What cdk-nag, cfn-lint and checkov may overlook: each finding by itself, each with a reason, none that is gone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.environments import ENVIRONMENTS, environment
from infra.nag import CFN_LINT, CHECKOV, acknowledged
from infra.names import stack_name
from local.assembly import ROOT, node_environment
from tests.infra.stacks import Stacks

if TYPE_CHECKING:
    import aws_cdk

LOCAL = environment("local")


def reports(stacks: Stacks) -> list[dict[str, Any]]:
    report = json.loads((stacks.assembly / "validation-report.json").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = report["pluginReports"]
    return found


def paths(stacks: Stacks) -> dict[str, tuple[str, str]]:
    """Every resource of an environment as infra/nag.py names it → its stack and logical id."""
    found = {}
    for stack in stacks.templates:
        metadata = json.loads((stacks.assembly / f"{stack}.metadata.json").read_text(encoding="utf-8"))
        for path, entries in metadata.items():
            for entry in entries:
                if entry["type"] == "aws:cdk:logicalId":
                    short = path.removeprefix(f"/{stack}/").removesuffix("/Resource")
                    found[f"{stack.rpartition('-')[2]}/{short}"] = (stack, entry["data"])
    return found


def here(stacks: Stacks) -> Iterator[tuple[str, str, str]]:
    """The acknowledgements of resources that this environment has."""
    there = paths(stacks)
    for path, findings in acknowledged(stacks.config).items():
        for finding, reason in findings.items():
            if path in there:
                yield path, finding, reason


def read_in_templates(finding: str) -> bool:
    return bool(CHECKOV.match(finding) or CFN_LINT.match(finding))


def test_nothing_is_found_that_is_not_acknowledged(stacks: Stacks) -> None:
    assert "AwsSolutions" in {plugin["pluginName"] for plugin in reports(stacks)}
    assert [violation for plugin in reports(stacks) for violation in plugin.get("violations", [])] == []


def test_nothing_is_acknowledged_that_is_not_found(stacks: Stacks) -> None:
    """Each finding that was overlooked was so by an entry of its own: as many of one, as many of the other."""
    overlooked: Counter[tuple[str, str, str]] = Counter()
    for plugin in reports(stacks):
        for violation in plugin.get("suppressedViolations", []):
            for construct in violation["violatingConstructs"]:
                stack, _, path = construct["constructPath"].partition("/")
                rule = violation["ruleName"].partition("[")[0]
                resource = f"{stack.rpartition('-')[2]}/{path.removesuffix('/Resource')}"
                overlooked[resource, rule, violation["reason"]] += 1
    entries = Counter(
        (path, finding.removeprefix("CloudFormation-Validate::").partition("[")[0], reason)
        for path, finding, reason in here(stacks)
        if not read_in_templates(finding)
    )
    assert overlooked == entries


def test_whatever_is_acknowledged_is_there_in_some_environment(stacks_of: Callable[[str], Stacks]) -> None:
    there = {path for name in ENVIRONMENTS for path in paths(stacks_of(name))}
    assert {path for name in ENVIRONMENTS for path in acknowledged(environment(name))} - there == set()


def test_each_acknowledgement_gives_a_reason() -> None:
    for name in ENVIRONMENTS:
        for path, findings in acknowledged(environment(name)).items():
            for finding, reason in findings.items():
                assert len(reason.split()) >= 5, (path, finding)
                assert reason.endswith("."), (path, finding)


def test_cfn_lint_and_checkov_overlook_what_is_acknowledged_and_nothing_else(stacks: Stacks) -> None:
    expected: dict[tuple[str, str], dict[str, str]] = {}
    there = paths(stacks)
    for path, finding, reason in here(stacks):
        if read_in_templates(finding):
            expected.setdefault(there[path], {})[finding] = reason
    read: dict[tuple[str, str], dict[str, str]] = {}
    for stack, template in stacks.templates.items():
        assert "Metadata" not in template
        for name, resource in template["Resources"].items():
            metadata = resource.get("Metadata", {})
            skipped = {skip["id"]: skip["comment"] for skip in metadata.get("checkov", {}).get("skip", [])}
            ignored = metadata.get("cfn-lint", {}).get("config", {}).get("ignore_checks", [])
            if skipped or ignored:
                reasons = expected.get((stack, name), {})
                read[stack, name] = skipped | {finding: reasons.get(finding, "") for finding in ignored}
    assert read == expected


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> aws_cdk.Stack:
    """An empty stack in the pipeline's place."""
    for name, value in node_environment().items():
        monkeypatch.setenv(name, value)
    import aws_cdk

    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    app = aws_cdk.App(context=context, outdir=str(tmp_path))
    return aws_cdk.Stack(app, stack_name(LOCAL, "Pipeline"))


def violations(stack: aws_cdk.Stack, folder: Path) -> list[tuple[str, str]]:
    import aws_cdk

    from infra.nag import check_with_nag

    app = stack.node.root
    assert isinstance(app, aws_cdk.App)
    check_with_nag(app, LOCAL)
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    report = json.loads((folder / "validation-report.json").read_text(encoding="utf-8"))
    return [
        (violation["ruleName"], construct["constructPath"].partition("/")[2])
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    ]


def test_a_finding_ends_the_synthesis(pipeline: aws_cdk.Stack, tmp_path: Path) -> None:
    from aws_cdk import aws_sns as sns

    sns.Topic(pipeline, "Unencrypted")
    assert ("AwsSolutions-SNS3", "Unencrypted/Resource") in violations(pipeline, tmp_path)


def test_an_acknowledgement_covers_one_resource_and_not_the_next(pipeline: aws_cdk.Stack, tmp_path: Path) -> None:
    from aws_cdk import aws_secretsmanager as secretsmanager

    for name in ("ServiceNow", "Another"):
        secretsmanager.Secret(pipeline, name)
    assert "AwsSolutions-SMG4" in acknowledged(LOCAL)["Pipeline/ServiceNow"]
    assert violations(pipeline, tmp_path) == [("AwsSolutions-SMG4", "Another/Resource")]
