"""Small assemblies, functions and state machines for the contract tests of the local cloud."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

from local.aws.accounts import ACCOUNT_ID
from local.aws.clients import client
from local.aws.cloud import LocalCloud

Template = dict[str, Any]


def write_assembly(
    directory: Path, stacks: dict[str, Template], depends_on: dict[str, list[str]] | None = None
) -> Path:
    """Writes templates as `cdk synth` would, without assets."""
    directory.mkdir(parents=True, exist_ok=True)
    artifacts = {
        name: {
            "type": "aws:cloudformation:stack",
            "environment": "aws://123456789012/us-east-1",
            "properties": {"templateFile": f"{name}.template.json"},
            "dependencies": (depends_on or {}).get(name, []),
        }
        for name in stacks
    }
    for name, template in stacks.items():
        (directory / f"{name}.template.json").write_text(json.dumps(template))
    (directory / "manifest.json").write_text(json.dumps({"version": "48.0.0", "artifacts": artifacts}))
    return directory


def deploy(cloud: LocalCloud, directory: Path, **resources: Any) -> dict[str, str]:
    """Deploys one stack called `chargeback` of these resources, whose outputs are all their references."""
    outputs = {f"{name}Ref": {"Value": {"Ref": name}} for name in resources}
    template = {"Resources": resources, "Outputs": outputs}
    return cloud.deploy(write_assembly(directory, {"chargeback": template}))["chargeback"]


def write_handler(directory: Path, name: str, source: str) -> str:
    """Writes `billing_functions/<name>/handler.py` and returns the handler string of its function `handler`."""
    package = directory / "billing_functions"
    (package / name).mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    (package / name / "__init__.py").touch()
    (package / name / "handler.py").write_text(dedent(source))
    return f"billing_functions.{name}.handler.handler"


def create_function(
    cloud: LocalCloud, handler: str, name: str | None = None, *, account_id: str = ACCOUNT_ID, **environment: str
) -> str:
    """Creates a function and returns its ARN."""
    iam, role_name = client("iam", cloud.region, account_id), "functions"
    if role_name not in [role["RoleName"] for role in iam.list_roles()["Roles"]]:
        iam.create_role(RoleName=role_name, AssumeRolePolicyDocument="{}")
    created = client("lambda", cloud.region, account_id).create_function(
        FunctionName=name or handler.split(".")[1],
        Runtime="python3.11",
        Role=f"arn:aws:iam::{account_id}:role/{role_name}",
        Handler=handler,
        Code={"ZipFile": b"PK\x05\x06" + bytes(18)},
        Environment={"Variables": environment},
        Timeout=30,
    )
    arn: str = created["FunctionArn"]
    return arn


def create_state_machine(cloud: LocalCloud, states: dict[str, Any], name: str = "close") -> str:
    """Creates a state machine that starts with the first of the states, and returns its ARN."""
    definition = json.dumps({"StartAt": next(iter(states)), "States": states})
    created = cloud.client("stepfunctions").create_state_machine(
        name=name, definition=definition, roleArn="arn:aws:iam::123456789012:role/machine"
    )
    arn: str = created["stateMachineArn"]
    return arn


def execute(cloud: LocalCloud, states: dict[str, Any], payload: Any = None) -> dict[str, Any]:
    """Runs the states once, and returns the description of the ended execution; its output is decoded."""
    number = len(cloud.client("stepfunctions").list_state_machines()["stateMachines"])
    arn = create_state_machine(cloud, states, name=f"machine-{number}")
    started = cloud.client("stepfunctions").start_execution(
        stateMachineArn=arn, input=json.dumps(payload or {}, ensure_ascii=False)
    )
    description = cloud.wait(started["executionArn"], seconds=20)
    if "output" in description:
        description["output"] = json.loads(description["output"])
    return description
