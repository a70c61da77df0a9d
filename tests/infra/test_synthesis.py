"""Mistakes that synthesis itself refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.assembly import ROOT, node_environment
from tests.infra.stacks import Stacks

if TYPE_CHECKING:
    import aws_cdk

CONTEXT: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> aws_cdk.App:
    """An empty app with the settings of cdk.json, whose Node is the one that pip installed."""
    for name, value in node_environment().items():
        monkeypatch.setenv(name, value)
    import aws_cdk

    return aws_cdk.App(context=CONTEXT, outdir=str(tmp_path))


def test_templates_are_validated_and_none_has_an_error(stacks: Stacks) -> None:
    assert CONTEXT["@aws-cdk/core:validateAgainstDefaultRules"] is True
    report = json.loads((stacks.assembly / "validation-report.json").read_text(encoding="utf-8"))
    assert [violation for plugin in report["pluginReports"] for violation in plugin.get("violations", [])] == []


def test_a_state_machine_with_a_placeholder_that_nothing_binds_does_not_synthesize(app: aws_cdk.App) -> None:
    from aws_cdk import Stack
    from aws_cdk import aws_stepfunctions as sfn

    states = {"Start": {"Type": "Task", "Resource": "${Unbound}", "End": True}}
    sfn.CfnStateMachine(
        Stack(app, "Broken"),
        "Machine",
        role_arn="arn:aws:iam::123456789012:role/any",
        definition_string=json.dumps({"StartAt": "Start", "States": states}),
        definition_substitutions={"Other": "bound"},
    )
    with pytest.raises(RuntimeError, match="Unbound"):
        app.synth()


def test_bindings_must_be_those_that_the_state_machine_names(app: aws_cdk.App) -> None:
    from aws_cdk import Stack
    from aws_cdk import aws_kms as kms

    from infra.constructs.asl_state_machine import AslStateMachine, UnboundPlaceholder

    stack = Stack(app, "Broken")
    with pytest.raises(UnboundPlaceholder, match="'ReadManifest'"):
        AslStateMachine(
            stack,
            "Machine",
            name="month_end_close",
            state_machine_name="month_end_close",
            bindings={"Other": "bound"},
            log_key=kms.Key(stack, "Key"),
        )


def test_a_function_that_is_not_given_its_settings_does_not_synthesize(app: aws_cdk.App) -> None:
    from aws_cdk import Stack
    from aws_cdk import aws_kms as kms

    from infra.constructs.python_function import PythonFunction, SettingsMismatch, function_code

    stack = Stack(app, "Broken")
    said = r"reconcile_ledger reads \['WORK_BUCKET'\] but is given \['WORK_BUKET'\]"
    with pytest.raises(SettingsMismatch, match=said):
        PythonFunction(
            stack,
            "reconcile_ledger",
            code=function_code(),
            layers=[],
            settings={"work_buket": "runs"},
            log_key=kms.Key(stack, "Key"),
            function_name="ReconcileLedger",
        )
