"""The optimised Athena integration of Step Functions, which moto's interpreter lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_factory
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from local.aws.clients import client
from local.aws.patching import Patches

PARAMETERS = {
    "startqueryexecution": {
        "ClientRequestToken",
        "ExecutionParameters",
        "QueryExecutionContext",
        "QueryString",
        "ResultConfiguration",
        "ResultReuseConfiguration",
        "WorkGroup",
    },
    "stopqueryexecution": {"QueryExecutionId"},
    "getqueryexecution": {"QueryExecutionId"},
    "getqueryresults": {"MaxResults", "NextToken", "QueryExecutionId"},
}
"""The parameters that each action takes, by its lower-cased name."""


class AthenaTask(StateTaskServiceCallback):
    """`arn:aws:states:::athena:<action>`, and `startQueryExecution.sync`, whose result is that of GetQueryExecution."""

    def __init__(self) -> None:
        # moto waits for task tokens beside every .sync task, and breaks when the pattern is not supported
        patterns: Any = {ResourceCondition.Sync, ResourceCondition.WaitForTaskToken}
        super().__init__(supported_integration_patterns=patterns)

    def _get_supported_parameters(self) -> set[str] | None:
        return PARAMETERS.get(self.resource.api_action.lower())

    def _eval_service_task(
        self,
        env: Any,
        resource_runtime_part: Any,
        normalised_parameters: dict[str, Any],
        state_credentials: Any,  # noqa: ARG002
    ) -> None:
        call = getattr(client("athena", resource_runtime_part.region), self._get_boto_service_action())
        response = call(**normalised_parameters)
        response.pop("ResponseMetadata", None)
        env.stack.append(response)

    def _build_sync_resolver(
        self,
        env: Any,
        resource_runtime_part: Any,
        normalised_parameters: dict[str, Any],  # noqa: ARG002
        state_credentials: Any,  # noqa: ARG002
    ) -> Callable[[], Any]:
        query_execution_id = env.stack.pop()["QueryExecutionId"]
        athena = client("athena", resource_runtime_part.region)

        def resolve() -> Any:
            response = athena.get_query_execution(QueryExecutionId=query_execution_id)
            state = response["QueryExecution"]["Status"]["State"]
            if state in ("QUEUED", "RUNNING"):
                return None
            response.pop("ResponseMetadata", None)
            self._normalise_response(response, service_action_name="getQueryExecution")
            if state != "SUCCEEDED":
                raise FailureEventException(self._failed(env, "States.TaskFailed", to_json_str(response)))
            return response

        return resolve

    def _from_error(self, env: Any, ex: Exception) -> FailureEvent:
        if isinstance(ex, ClientError):
            code = ex.response["Error"]["Code"]
            return self._failed(env, f"Athena.{code}", f"{ex.response['Error']['Message']} (Service: Athena; {code})")
        return super()._from_error(env=env, ex=ex)

    def _failed(self, env: Any, error: str, cause: str) -> FailureEvent:
        name: ErrorName
        if error == "States.TaskFailed":
            name = StatesErrorName(typ=StatesErrorNameType.StatesTaskFailed)
        else:
            name = CustomErrorName(error)
        details: Any = {
            "taskFailedEventDetails": {
                "error": error,
                "cause": cause,
                "resource": self._get_sfn_resource(),
                "resourceType": self._get_sfn_resource_type(),
            }
        }
        return FailureEvent(
            env=env,
            error_name=name,
            event_type=HistoryEventType.TaskFailed,
            event_details=details,
        )


def install(patches: Patches) -> None:
    original = state_task_service_factory.state_task_service_for

    def task_for(service_name: str) -> Any:
        return AthenaTask() if service_name == "athena" else original(service_name)

    patches.replace_everywhere(original, task_for, "moto.stepfunctions.parser")
