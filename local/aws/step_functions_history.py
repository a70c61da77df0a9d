"""GetExecutionHistory in pages, and backwards when asked; moto gives all events at every call."""

from __future__ import annotations

from typing import Any

from local.aws.patching import Patches

PAGE = 100
LARGEST_PAGE = 1000


def install(patches: Patches) -> None:
    from moto.stepfunctions.responses import StepFunctionResponse

    patches.replace(StepFunctionResponse, "get_execution_history", _respond)


def _respond(response: Any) -> Any:
    from moto.core.responses import ActionResult

    execution = response.stepfunction_backend.describe_execution(execution_arn=response._get_param("executionArn"))
    backwards = bool(response._get_param("reverseOrder"))
    # the token is the id of the last event given, as events are added while somebody reads backwards
    events = _after(_events(execution), response._get_param("nextToken"), backwards=backwards)
    size = min(int(response._get_param("maxResults") or PAGE), LARGEST_PAGE)
    page = {"events": events[:size]}
    return ActionResult(page | {"nextToken": str(events[size - 1]["id"])} if len(events) > size else page)


def _events(execution: Any) -> list[Any]:
    """The events so far; nobody changes one that is in the list, so they need not be copied."""
    environment = execution.exec_worker.env if execution.exec_worker else None
    if environment is None:  # its thread has not begun
        return []
    manager = environment.event_manager
    with manager._mutex:
        return list(manager._history_event_list)


def _after(events: list[Any], token: str | None, *, backwards: bool) -> list[Any]:
    """The events in the order asked for, after the one that the token names."""
    if token is not None:
        given = int(token)
        events = [event for event in events if (event["id"] < given if backwards else event["id"] > given)]
    return events[::-1] if backwards else events
