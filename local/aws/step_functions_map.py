"""Map states as the service runs them: a failing item fails a distributed Map, beyond what the Map tolerates."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval.resource_eval_s3 import (
    ResourceEvalS3,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import iteration_worker
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.inline_iteration_component import (
    InlineIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor.distributed_item_processor_worker import (  # noqa: E501
    DistributedItemProcessorWorker,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.iteration_worker import IterationWorker
from moto.stepfunctions.parser.asl.eval.program_state import ProgramError, ProgramStopped, ProgramTimedOut
from moto.stepfunctions.parser.asl.eval.states import ItemData, MapData
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from local.aws.patching import Patches

MAX_CONCURRENCY = 16
"""What an unlimited Map gets here: its handlers run one at a time in this process anyway."""


@dataclass(frozen=True)
class FailedItem:
    """An item of a distributed Map whose child workflow failed."""

    index: int
    error: str
    cause: str


def install(patches: Patches) -> None:
    patches.wrap(DistributedIterationComponent, "_map_run", _map_run)
    patches.replace(DistributedItemProcessorWorker, "_eval_job", _run_item)
    patches.replace(DistributedItemProcessorWorker, "_eval_pool", _work_distributed)
    patches.wrap(InlineIterationComponent, "_eval_body", _inline_map)
    patches.replace(IterationWorker, "_eval_pool", _work_inline)
    patches.replace(iteration_worker, "CustomErrorName", _error_name)
    patches.wrap(ResourceEvalS3, "_handle_list_objects_v2", _list_objects)


def _map_run(original: Any, component: Any, env: Any, eval_input: Any) -> None:
    record = eval_input.map_run_record
    record.max_concurrency = record.max_concurrency or MAX_CONCURRENCY
    record.failed_items = []
    original(component, env, eval_input)


def _inline_map(original: Any, component: Any, env: Any) -> None:
    eval_input = env.stack[-1]
    eval_input.max_concurrency = eval_input.max_concurrency or MAX_CONCURRENCY
    original(component, env)


def _run_item(worker: Any, env: Any, job: Any) -> None:
    """Runs one child workflow; beyond the tolerated failures its output is the Map's own error, which ends the Map."""
    record = worker._map_run_record
    counters = (record.item_counter, record.execution_counter)
    for counter in counters:
        counter.total.count()
        counter.running.count()
    outcome, failure = _run_child(worker, env, job)
    for counter in counters:
        counter.running.offset(-1)
        getattr(counter, outcome).count()
        if outcome == "succeeded":
            counter.results_written.count()
    if failure is not None:
        record.failed_items.append(failure)
        if _exceeds(record, total=worker._job_pool._jobs_number):
            job.job_output = FailureEventException(_threshold_exceeded(env, record, worker._job_pool._jobs_number))


def _run_child(worker: Any, env: Any, job: Any) -> tuple[str, FailedItem | None]:
    job.job_output = None
    try:
        item = ItemData(Index=job.job_index, Value=job.job_input)
        env.states.context_object.context_object_data["Map"] = MapData(Item=item)
        env.states.reset(job.job_input)
        env.stack.append(env.states.get_input())
        worker._eval_input(env_frame=env)
        job.job_program.eval(env)
    except FailureEventException as exception:
        error, cause = exception.extract_error_cause_pair() or ("", "")
        return "failed", FailedItem(job.job_index, error or "", cause or "")
    except Exception as exception:  # what an item's program throws is the item's failure
        return "failed", FailedItem(job.job_index, "States.Runtime", str(exception))
    state = env.program_state()
    if isinstance(state, ProgramError):
        details = state.error or {}
        return "failed", FailedItem(job.job_index, str(details.get("error", "")), str(details.get("cause", "")))
    if isinstance(state, ProgramTimedOut):
        return "timed_out", FailedItem(job.job_index, "States.Timeout", "the child workflow took too long")
    if isinstance(state, ProgramStopped):
        return "aborted", None
    job.job_output = env.states.get_input()
    return "succeeded", None


def _exceeds(record: Any, total: int) -> bool:
    failed = len(record.failed_items)
    count, percentage = record.tolerated_failure_count, record.tolerated_failure_percentage
    if not count and not percentage:
        return True
    return bool((count and failed > count) or (percentage and 100.0 * failed / total > percentage))


def _threshold_exceeded(env: Any, record: Any, total: int) -> FailureEvent:
    """The service names the threshold only; as no child executions can be looked up here, the last failure is added."""
    item = record.failed_items[-1]
    error = StatesErrorNameType.StatesExceedToleratedFailureThreshold
    cause = (
        f"The specified tolerated failure threshold was exceeded: {len(record.failed_items)} of {total} items failed, "
        f"item {item.index} with {item.error}: {item.cause}"
    )
    details: Any = {"taskFailedEventDetails": {"error": error.to_name(), "cause": cause}}
    return FailureEvent(
        env=env,
        error_name=StatesErrorName(typ=error),
        event_type=HistoryEventType.TaskFailed,
        event_details=details,
    )


def _work_distributed(worker: Any, job: Any, worker_frame: Any) -> None:
    """moto's own loop is a recursion, which a long list of items exhausts."""
    while job is not None:
        job_frame = worker_frame.open_inner_frame()
        worker._eval_job(env=job_frame, job=job)
        worker_frame.delete_frame(job_frame)
        ended = isinstance(job.job_output, Exception) or worker.stopped()
        following = None if ended else worker._job_pool.next_job()
        if following is None:
            break
        worker._job_pool.close_job(job)
        job = following
    worker._env.delete_frame(worker_frame)
    if job is not None:
        worker._job_pool.close_job(job)


def _work_inline(worker: Any, job: Any, worker_frame: Any) -> None:
    while job is not None:
        job_frame = worker_frame.open_inner_frame()
        worker._eval_job(env=job_frame, job=job)
        worker_frame.close_frame(job_frame)
        ended = isinstance(job.job_output, Exception) or worker.stopped()
        following = None if ended else worker._job_pool.next_job()
        if following is None:
            if not ended:
                last_event = job_frame.event_history_context.last_published_event_id
                worker_frame.event_history_context.source_event_id = last_event
            break
        worker._job_pool.close_job(job)
        job = following
    # the frame closes before the job: the Map waits for jobs, and then reads the frame's events
    worker._env.close_frame(worker_frame)
    if job is not None:
        worker._job_pool.close_job(job)


def _list_objects(original: Any, env: Any, resource_runtime_part: Any, state_credentials: Any) -> None:
    """moto lets the listing's datetimes into the items."""
    original(env, resource_runtime_part, state_credentials)
    env.stack.append(json.loads(to_json_str(env.stack.pop())))


def _error_name(error_name: str | None) -> ErrorName:
    """An item may fail with an error of the service's own; moto cannot carry those out of a Map."""
    if error_name is not None and error_name.startswith("States."):
        return StatesErrorName.from_name(error_name)
    return CustomErrorName(error_name)
