"""Makes moto's Step Functions interpreter do what the service does, where the two differ."""

from __future__ import annotations

import base64
import datetime
import json
import threading
import time
import uuid
from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from botocore import xform_name

from local.aws import step_functions_athena, step_functions_history, step_functions_map, step_functions_paths
from local.aws.clients import client
from local.aws.errors import StillRunning
from local.aws.patching import Patches

MAX_PAYLOAD_BYTES = 262_144
POLL_SECONDS = 0.02
_PARSER = "moto.stepfunctions.parser"

SDK_SERVICE_NAMES = {
    name.lower(): name
    for name in (
        "Athena",
        "CloudWatch",
        "DynamoDb",
        "EventBridge",
        "Glue",
        "Kms",
        "Lambda",
        "S3",
        "SecretsManager",
        "SesV2",
        "Sfn",
        "Sns",
        "Sqs",
        "Ssm",
    )
}
"""The prefix of aws-sdk error names, by the service's name in the resource ARN."""


def install(patches: Patches) -> None:
    """Installs every extension; `stop_executions` goes with it."""
    _stopping.clear()
    step_functions_athena.install(patches)
    step_functions_history.install(patches)
    step_functions_map.install(patches)
    step_functions_paths.install(patches)
    _convert_parameters_and_responses(patches)
    _name_sdk_errors(patches)
    _accept_what_aws_accepts(patches)
    _name_executions(patches)
    _report_outputs_as_json(patches)
    _limit_payloads(patches)
    _poll_quickly_and_stop_when_told(patches)
    _share_clients(patches)
    _keep_the_cause_of_a_failed_task(patches)


def stop_executions(seconds: float = 30.0) -> None:
    """Aborts what is running and waits for its threads. Raises StillRunning when a handler does not come back."""
    from moto.stepfunctions.parser.utils import TMP_THREADS

    _stopping.set()
    deadline = time.monotonic() + seconds
    while running := _running_executions():
        for execution in running:
            if execution.exec_worker.env is not None:  # its thread has begun
                now = datetime.datetime.now(tz=datetime.UTC)
                execution.stop(stop_date=now, error="LocalCloud.Stopped", cause="The local cloud was stopped.")
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    others = [thread for thread in TMP_THREADS if thread is not threading.current_thread()]
    for thread in others:
        thread.join(max(0.0, deadline - time.monotonic()))
    TMP_THREADS.clear()
    if alive := sum(thread.is_alive() for thread in others):
        raise StillRunning(f"{alive} threads of executions did not end within {seconds:.0f} seconds.")


def _running_executions() -> list[Any]:
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    return [
        execution
        for regions in stepfunctions_parser_backends.values()
        for backend in regions.values()
        for machine in backend.state_machines
        for execution in machine.executions
        if execution.status == "RUNNING"
    ]


_stopping = threading.Event()


def _convert_parameters_and_responses(patches: Patches) -> None:
    """moto does not convert between the service's casing and boto's, and lets datetimes and streams through."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (
        StateTaskService,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
        StateTaskServiceSfn,
    )

    def shape(task: Any, kind: str, service: str | None, action: str | None) -> Any:
        return _shape(task._get_boto_service_name(service), task._get_boto_service_action(action), kind)

    def to_boto(task: Any, parameters: Any, boto_service_name: Any = None, service_action_name: Any = None) -> None:
        if (input_shape := shape(task, "input", boto_service_name, service_action_name)) is not None:
            task._to_boto_request(parameters, input_shape)

    def from_boto(task: Any, response: Any, boto_service_name: Any = None, service_action_name: Any = None) -> None:
        if isinstance(response, dict):
            if (output_shape := shape(task, "output", boto_service_name, service_action_name)) is not None:
                task._from_boto_response(response, output_shape)
            response.update({name: to_json_value(value) for name, value in response.items()})

    def start_execution(task: Any, env: Any, resource_runtime_part: Any, normalised_parameters: Any, **_: Any) -> None:
        call = getattr(client("stepfunctions", resource_runtime_part.region), task._get_boto_service_action())
        response = call(**normalised_parameters)
        response.pop("ResponseMetadata", None)
        from_boto(task, response)
        env.stack.append(response)

    patches.replace(StateTaskService, "_normalise_parameters", to_boto)
    patches.replace(StateTaskService, "_normalise_response", from_boto)
    patches.replace(StateTaskServiceSfn, "_eval_service_task", start_execution)


@lru_cache(maxsize=256)
def _shape(service: str, action: str, kind: str) -> Any:
    model = client(service, "us-east-1").meta.service_model
    name = next((name for name in model.operation_names if xform_name(name) == action), None)
    return getattr(model.operation_model(name), f"{kind}_shape") if name else None


def to_json_value(value: Any) -> Any:
    """A boto response as Step Functions shows it: times in ISO 8601, bytes in base 64."""
    if isinstance(value, dict):
        return {name: to_json_value(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [to_json_value(member) for member in value]
    if isinstance(value, datetime.datetime):
        return iso_time(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def iso_time(value: datetime.datetime) -> str:
    utc = value.astimezone(datetime.UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def _name_sdk_errors(patches: Patches) -> None:
    """On AWS `s3:headObject` fails as `S3.NoSuchKeyException`; moto says `s3.…` where it does not know the service."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_aws_sdk

    patches.replace(state_task_service_aws_sdk, "_SERVICE_ERROR_NAMES", SDK_SERVICE_NAMES)


def _accept_what_aws_accepts(patches: Patches) -> None:
    """moto's grammar wants a fraction as ToleratedFailurePercentage, and knows no EXPRESS child executions."""
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    original = AmazonStateLanguageParser.parse
    patches.replace(AmazonStateLanguageParser, "parse", lambda definition: _parse(original, definition))


@lru_cache(maxsize=64)
def _parse(original: Callable[[str], Any], definition: str) -> Any:
    """Parsing takes seconds, and a definition means the same in the next cloud of this process."""
    try:
        normalised = json.dumps(_normalise(json.loads(definition)))
    except ValueError:
        normalised = definition  # moto's parser words the complaint
    return original(normalised)


def _normalise(node: Any) -> Any:
    if isinstance(node, list):
        return [_normalise(member) for member in node]
    if not isinstance(node, dict):
        return node
    node = {name: _normalise(member) for name, member in node.items()}
    if isinstance(node.get("ToleratedFailurePercentage"), int):
        node["ToleratedFailurePercentage"] = float(node["ToleratedFailurePercentage"])
    if isinstance(config := node.get("ProcessorConfig"), dict) and config.get("ExecutionType") == "EXPRESS":
        config["ExecutionType"] = "STANDARD"
    return node


def _name_executions(patches: Patches) -> None:
    """An execution without a name gets one of its own, and `$$.Execution.StartTime` is text."""
    from moto.stepfunctions.parser.backend.execution import Execution
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend

    def start(original: Any, backend: Any, state_machine_arn: str, name: Any = None, *args: Any, **kwargs: Any) -> Any:
        return original(backend, state_machine_arn, name or str(uuid.uuid4()), *args, **kwargs)

    def details(original: Any, execution: Any) -> Any:
        details = original(execution)
        details.start_time = iso_time(details.start_time)
        return details

    patches.wrap(StepFunctionsParserBackend, "start_execution", start)
    patches.wrap(Execution, "get_start_execution_details", details)


def _report_outputs_as_json(patches: Patches) -> None:
    """moto shows an output that is text without its quotes, and an execution as ended before its output is there."""
    from moto.stepfunctions.parser.api import ExecutionStatus
    from moto.stepfunctions.parser.asl.eval import program_state
    from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication

    statuses: dict[Any, ExecutionStatus] = {
        program_state.ProgramEnded: ExecutionStatus.SUCCEEDED,
        program_state.ProgramStopped: ExecutionStatus.ABORTED,
        program_state.ProgramError: ExecutionStatus.FAILED,
        program_state.ProgramTimedOut: ExecutionStatus.TIMED_OUT,
    }

    def reflect(communication: Any) -> None:
        execution: Any = communication.execution
        env = execution.exec_worker.env
        state: Any = env.program_state()
        execution.stop_date = datetime.datetime.now(tz=datetime.UTC)
        if isinstance(state, program_state.ProgramEnded):
            execution.output = json.dumps(env.states.get_input(), ensure_ascii=False, separators=(",", ":"))
        elif isinstance(state, program_state.ProgramError):
            failure: Any = state.error or {}
            execution.error, execution.cause = failure.get("error"), failure.get("cause")
        elif isinstance(state, program_state.ProgramStopped):
            execution.error, execution.cause = state.error, state.cause
        execution.exec_status = statuses[type(state)]  # last, for those who poll it

    patches.replace(BaseExecutionWorkerCommunication, "_reflect_execution_status", reflect)


def _limit_payloads(patches: Patches) -> None:
    """The service allows 262,144 UTF-8 bytes of compact JSON, for an execution's input too."""
    from moto.stepfunctions.exceptions import InvalidExecutionInput
    from moto.stepfunctions.parser import quotas
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda import StateTaskLambda
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend

    def is_within(value: Any) -> bool:
        text = (
            value
            if isinstance(value, str)
            else json.dumps(value, default=str, ensure_ascii=False, separators=(",", ":"))
        )
        return len(text.encode()) <= MAX_PAYLOAD_BYTES

    def start(original: Any, backend: Any, machine_arn: str, name: Any, execution_input: Any = None, *args: Any) -> Any:
        if execution_input is not None and len(execution_input.encode()) > MAX_PAYLOAD_BYTES:
            raise InvalidExecutionInput(f"The input is longer than {MAX_PAYLOAD_BYTES} bytes.")
        return original(backend, machine_arn, name, execution_input, *args)

    def verify_function(original: Any, task: Any, env: Any, value: Any) -> None:
        is_response = isinstance(value, dict) and {"ExecutedVersion", "Payload"} <= value.keys()
        original(task, env, value["Payload"] if is_response else value)  # not what Lambda said beside it

    patches.wrap(StateTaskLambda, "_verify_size_quota", verify_function)
    patches.replace_everywhere(quotas.is_within_size_quota, is_within, _PARSER)
    patches.wrap(StepFunctionsParserBackend, "start_execution", start)


def _poll_quickly_and_stop_when_told(patches: Patches) -> None:
    from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_callback

    interruptible = SimpleNamespace(sleep=_stopping.wait, time=time.time)
    patches.replace(retrier_decl, "time", interruptible)
    patches.replace(state_task_service_callback, "time", interruptible)
    patches.replace(state_task_service_callback, "_DELAY_SECONDS_SYNC_CONDITION_CHECK", POLL_SECONDS)


def _share_clients(patches: Patches) -> None:
    """moto creates a client for each state; a hundred parallel items then race to create clients of one session."""
    from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for

    def shared(region: str, service: str, state_credentials: Any = None) -> Any:  # noqa: ARG001
        return client(service, region)

    patches.replace_everywhere(boto_client_for, shared, _PARSER)


def _keep_the_cause_of_a_failed_task(patches: Patches) -> None:
    """moto drops the cause that comes with SendTaskFailure."""
    from moto.core.responses import ActionResult, EmptyResult
    from moto.stepfunctions.responses import StepFunctionResponse

    def send_task_failure(response: Any) -> ActionResult:
        error, cause = response._get_param("error"), response._get_param("cause")
        response.stepfunction_backend.send_task_failure(response._get_param("taskToken"), error=error, cause=cause)
        return EmptyResult()

    patches.replace(StepFunctionResponse, "send_task_failure", send_task_failure)
