"""Lambda, Step Functions, and the schedules that start them."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from typing import Any

from local.aws.resources import Created, Handler, Request, applies, camel, tag_map

_ON_ONE_MACHINE = "handlers run in this process"


@applies(
    "Architectures",
    "Code",
    "DeadLetterConfig",
    "Description",
    "Environment",
    "EphemeralStorage",
    "FunctionName",
    "Handler",
    "Layers",
    "MemorySize",
    "ReservedConcurrentExecutions",
    "Role",
    "Runtime",
    "Tags",
    "Timeout",
    "TracingConfig",
    leaves_out={
        "LoggingConfig": "a function's log is a file of its name",
        "RuntimeManagementConfig": _ON_ONE_MACHINE,
        "VpcConfig": _ON_ONE_MACHINE,
        "RecursiveLoop": _ON_ONE_MACHINE,
        "SnapStart": _ON_ONE_MACHINE,
    },
)
def function(request: Request) -> Created:
    properties, lambda_ = request.properties, request.client("lambda")
    environment = (properties.get("Environment") or {}).get("Variables") or {}
    created = lambda_.create_function(
        FunctionName=properties.get("FunctionName", request.name),
        Code=_code(properties["Code"]),
        Environment={"Variables": {name: str(value) for name, value in environment.items()}},
        Tags=tag_map(properties.get("Tags")),
        Timeout=int(properties.get("Timeout", 3)),
        MemorySize=int(properties.get("MemorySize", 128)),
        Layers=[arn for arn in properties.get("Layers", ()) if f":{request.account_id}:layer:" in arn],
        **request.pick(
            "Architectures",
            "DeadLetterConfig",
            "Description",
            "EphemeralStorage",
            "Handler",
            "Role",
            "Runtime",
            "TracingConfig",
        ),
    )
    # A layer that another account publishes cannot be here; its packages are those that are installed.
    name = created["FunctionName"]
    if "ReservedConcurrentExecutions" in properties:
        reserved = int(properties["ReservedConcurrentExecutions"])
        lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
    return Created(name, {"Arn": created["FunctionArn"]})


def _code(code: Mapping[str, Any]) -> dict[str, Any]:
    if "ZipFile" not in code:
        return {name: code[name] for name in ("S3Bucket", "S3Key", "S3ObjectVersion") if name in code}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index", code["ZipFile"])
    return {"ZipFile": archive.getvalue()}


@applies("CompatibleArchitectures", "CompatibleRuntimes", "Content", "Description", "LayerName", "LicenseInfo")
def layer_version(request: Request) -> Created:
    created = request.client("lambda").publish_layer_version(
        LayerName=request.properties.get("LayerName", request.name),
        Content=request.properties["Content"],
        **request.pick("CompatibleRuntimes", "Description", "LicenseInfo"),
    )
    return Created(created["LayerVersionArn"], {"LayerVersionArn": created["LayerVersionArn"]})


@applies("DestinationConfig", "FunctionName", "MaximumEventAgeInSeconds", "MaximumRetryAttempts", "Qualifier")
def event_invoke_config(request: Request) -> Created:
    settings = request.pick("DestinationConfig", "FunctionName")
    for name in ("MaximumEventAgeInSeconds", "MaximumRetryAttempts"):
        if name in request.properties:
            settings[name] = int(request.properties[name])
    request.client("lambda").put_function_event_invoke_config(**settings)
    return Created(request.name)


@applies(
    "Definition",
    "DefinitionS3Location",
    "DefinitionString",
    "DefinitionSubstitutions",
    "RoleArn",
    "StateMachineName",
    "StateMachineType",
    "Tags",
    leaves_out={
        "EncryptionConfiguration": "nothing is encrypted on one machine",
        "LoggingConfiguration": "histories are read through the API",
        "TracingConfiguration": "there is no X-Ray on one machine",
    },
)
def state_machine(request: Request) -> Created:
    properties = request.properties
    name = properties.get("StateMachineName", request.name)
    created = request.client("stepfunctions").create_state_machine(
        name=name,
        definition=_substitute(_definition(request), properties.get("DefinitionSubstitutions") or {}),
        roleArn=properties["RoleArn"],
        type=properties.get("StateMachineType", "STANDARD"),
        tags=camel(list(properties.get("Tags") or [])),
    )
    arn = created["stateMachineArn"]
    return Created(arn, {"Arn": arn, "Name": name, "StateMachineRevisionId": "INITIAL"})


def _definition(request: Request) -> str:
    properties = request.properties
    if location := properties.get("DefinitionS3Location"):
        response = request.client("s3").get_object(Bucket=location["Bucket"], Key=location["Key"])
        return str(response["Body"].read().decode())
    return str(properties.get("DefinitionString") or json.dumps(properties["Definition"]))


def _substitute(definition: str, substitutions: Mapping[str, Any]) -> str:
    """Replaces `${Name}`. Raises when one has no value, or a value has no place."""
    placeholder = re.compile(r"\$\{([A-Za-z0-9_-]+)\}")
    used = set(placeholder.findall(definition))
    if unbound := sorted(used - substitutions.keys()):
        raise ValueError(f"no DefinitionSubstitutions for {', '.join('${' + name + '}' for name in unbound)}.")
    if useless := sorted(substitutions.keys() - used):
        raise ValueError(f"DefinitionSubstitutions {', '.join(useless)} appear nowhere in the definition.")

    def value(match: re.Match[str]) -> str:
        return json.dumps(str(substitutions[match[1]]), ensure_ascii=False)[1:-1]

    return placeholder.sub(value, definition)


@applies(
    "Description",
    "EndDate",
    "FlexibleTimeWindow",
    "GroupName",
    "Name",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "State",
    "Target",
    leaves_out={"KmsKeyArn": "nothing is encrypted on one machine"},
)
def schedule(request: Request) -> Created:
    """Recorded, and never due: on one machine the operator starts executions."""
    name = request.properties.get("Name", request.name)
    settings = {key: value for key, value in request.properties.items() if key != "Name"}
    created = request.client("scheduler").create_schedule(Name=name, **settings)
    return Created(name, {"Arn": created["ScheduleArn"]})


@applies("Name", "Tags")
def schedule_group(request: Request) -> Created:
    name = request.properties.get("Name", request.name)
    created = request.client("scheduler").create_schedule_group(Name=name, **request.pick("Tags"))
    return Created(name, {"Arn": created["ScheduleGroupArn"]})


HANDLERS: dict[str, Handler] = {
    "AWS::Lambda::EventInvokeConfig": event_invoke_config,
    "AWS::Lambda::Function": function,
    "AWS::Lambda::LayerVersion": layer_version,
    "AWS::Scheduler::Schedule": schedule,
    "AWS::Scheduler::ScheduleGroup": schedule_group,
    "AWS::StepFunctions::StateMachine": state_machine,
}
