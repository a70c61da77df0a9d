"""Runs a state machine to its end."""

from __future__ import annotations

import json
from typing import Any

from local.outcome import ExecutionFailed
from local.progress import Show, follow
from local.world import World


def run_close(world: World, request: dict[str, Any], show: Show) -> tuple[dict[str, Any], dict[str, Any]]:
    """Starts a close, shows it state by state, and returns the execution and its output.

    Raises ExecutionFailed with the error and cause that the state machine reports.
    """
    execution = _followed(world, world.start_close(request), show)
    output: dict[str, Any] = json.loads(execution["output"])
    return execution, output


def _followed(world: World, arn: str, show: Show) -> dict[str, Any]:
    execution = follow(world.cloud.client("stepfunctions"), arn, show)
    if execution["status"] != "SUCCEEDED":
        raise ExecutionFailed(
            execution.get("error", f"Execution{execution['status'].title()}"), execution.get("cause", "no cause given")
        )
    return execution


def run_validation(world: World, request: dict[str, Any], show: Show) -> dict[str, Any]:
    """Starts a validation, shows it state by state, and returns its output; raises ExecutionFailed as ``run_close``."""
    output: dict[str, Any] = json.loads(_followed(world, world.start_validation(request), show)["output"])
    return output


def run_replay(world: World, arn: str, show: Show) -> None:
    """Shows a replay that was started, state by state; raises ExecutionFailed as ``run_close`` does."""
    _followed(world, arn, show)
