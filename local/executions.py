"""Runs the month-end state machine to its end."""

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
    execution = follow(world.cloud.client("stepfunctions"), world.start_close(request), show)
    if execution["status"] != "SUCCEEDED":
        raise ExecutionFailed(
            execution.get("error", f"Execution{execution['status'].title()}"), execution.get("cause", "no cause given")
        )
    output: dict[str, Any] = json.loads(execution["output"])
    return execution, output
