"""moto's Athena API, answered by the engine: what moto leaves constant becomes what the query really did."""

from __future__ import annotations

import json
import logging
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from moto.athena.models import AthenaBackend, Execution
from moto.athena.responses import AthenaResponse
from moto.core.exceptions import JsonRESTError, ServiceException

from local.athena.catalog import GlueCatalog
from local.athena.engine import Engine, Outcome
from local.athena.failures import QueryCancelled, QueryFailed
from local.athena.results import ResultSet
from local.athena.statements import is_unload
from local.aws.errors import LocalCloudError
from local.aws.files import ObjectFiles
from local.aws.patching import Patches

WRITTEN_FOR = {"moto": "5.2.5", "duckdb": "2.0.0", "sqlglot": "30.30.0"}
MAX_ROWS_PER_PAGE = 1000

_LOG = logging.getLogger(__name__)
_PATCHES = Patches()


class WrongEngineVersion(LocalCloudError):
    """A library that the local Athena reaches into is not of the version it was written for."""


class LocalExecution(Execution):
    """A query execution that moto keeps, with what the engine found out about it."""

    def __init__(self, query: str, context: dict[str, str], location: str, workgroup: Any, token: str | None) -> None:
        super().__init__(query, "", {}, workgroup, None)
        self.context: Any = context
        self.token = token
        self.location = location if location.endswith("/") else f"{location}/"
        self.config = {"OutputLocation": f"{self.location}{self.id}{'' if is_unload(query) else '.csv'}"}
        self.reason = ""
        self.rows: ResultSet | None = None
        self.manifest = ""
        self.scanned_bytes = 0
        self.queue_millis = 0
        self.engine_millis = 0
        self._state = "QUEUED"

    @property
    def status(self) -> str:
        return self._state

    @status.setter
    def status(self, value: str) -> None:
        self._state = value

    def request(self) -> tuple[Any, ...]:
        """What two requests with the same token must have in common."""
        return self.query, self.context, self.workgroup.name if self.workgroup else None, self.location

    def count_scan(self, scanned: int) -> None:
        self.scanned_bytes = scanned


def install(files: ObjectFiles, *, today: Callable[[], date] = lambda: datetime.now(UTC).date()) -> None:
    """Has moto's Athena run queries over these files; `today` is what NOW means in a partition projection.

    Raises WrongEngineVersion for a version of moto, duckdb or sqlglot that this was not written for.
    """
    require_versions()
    uninstall()
    local = _LocalAthena(files, today)

    def start_query_execution(backend: AthenaBackend, **request: Any) -> str:
        return local.start(backend, **request)

    _PATCHES.replace(AthenaBackend, "start_query_execution", start_query_execution)
    _PATCHES.replace(AthenaBackend, "get_query_execution", _find_execution)
    _PATCHES.replace(AthenaResponse, "start_query_execution", _start_response)
    _PATCHES.wrap(AthenaResponse, "get_query_execution", _execution_response)
    _PATCHES.replace(AthenaResponse, "get_query_results", _results_response)


def uninstall() -> None:
    """Leaves moto's Athena as it was."""
    _PATCHES.undo()


def require_versions() -> None:
    for library, expected in WRITTEN_FOR.items():
        if (installed := version(library)) != expected:
            raise WrongEngineVersion(
                f"The local Athena is written for {library} {expected} and {library} {installed} is installed: install "
                f"requirements.txt, or adapt local/athena and its contract tests to {installed}."
            )


class _LocalAthena:
    """Starts queries; one at a time, because each may use the whole machine."""

    def __init__(self, files: ObjectFiles, today: Callable[[], date]) -> None:
        self._files = files
        self._today = today
        self._lock = threading.Lock()

    def start(
        self,
        backend: AthenaBackend,
        query: str,
        context: dict[str, str] | None,
        config: dict[str, Any] | None,
        workgroup: str | None,
        execution_parameters: list[str] | None,
        client_request_token: str | None = None,
    ) -> str:
        if execution_parameters:
            raise _invalid_request("ExecutionParameters are not supported: send the statement with its values in it.")
        group = backend.work_groups[workgroup or "primary"]
        location = _output_location(group.configuration, config or {})
        execution = LocalExecution(query, context or {}, location, group, client_request_token)
        self._require_bucket(execution)
        asked = time.monotonic()
        with self._lock:
            for earlier in backend.executions.values():
                if client_request_token and getattr(earlier, "token", None) == client_request_token:
                    if earlier.request() != execution.request():  # type: ignore[attr-defined]
                        raise _invalid_request("Idempotent parameters do not match")
                    return str(earlier.id)
            backend.executions[execution.id] = execution
            execution.queue_millis = _millis_since(asked)
            self._run(execution, backend, group.configuration.get("BytesScannedCutoffPerQuery"))
        return str(execution.id)

    def _require_bucket(self, execution: LocalExecution) -> None:
        bucket, _, prefix = execution.location.removeprefix("s3://").partition("/")
        try:
            self._files.objects(bucket, f"{prefix}{execution.id}")
        except (LocalCloudError, ServiceException):
            raise _invalid_request(f"Unable to verify/create output bucket {bucket}") from None

    def _run(self, execution: LocalExecution, backend: AthenaBackend, cutoff: int | None) -> None:
        started = time.monotonic()
        limit = int(cutoff) if cutoff else None
        catalog = GlueCatalog(backend.account_id, backend.region_name)
        engine = Engine(catalog, self._files, self._today(), execution.count_scan, limit)
        try:
            self._keep(execution, engine.run(execution.query, execution.context.get("Database", "default")))
            execution.status = "SUCCEEDED"
        except QueryCancelled as cancelled:
            execution.status, execution.reason = "CANCELLED", str(cancelled)
        except QueryFailed as failed:
            execution.status, execution.reason = "FAILED", str(failed)
        except (LocalCloudError, ServiceException) as error:
            execution.status, execution.reason = "FAILED", f"GENERIC_INTERNAL_ERROR: {error}"
        except Exception as error:
            _LOG.exception("The local Athena failed on query %s", execution.id)
            execution.status, execution.reason = "FAILED", f"GENERIC_INTERNAL_ERROR: {type(error).__name__}: {error}"
        execution.engine_millis = _millis_since(started)
        execution.end_time = time.time()

    def _keep(self, execution: LocalExecution, outcome: Outcome) -> None:
        """Writes the result file of a SELECT, or the data manifest of an UNLOAD."""
        bucket, _, prefix = execution.location.removeprefix("s3://").partition("/")
        execution.rows = outcome.rows
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "result"
            if outcome.rows:
                outcome.rows.write_csv(path)
                self._files.store(bucket, f"{prefix}{execution.id}.csv", path)
            else:
                path.write_text("".join(f"{uri}\n" for uri in outcome.written), encoding="utf-8")
                self._files.store(bucket, f"{prefix}{execution.id}-manifest.csv", path)
                execution.manifest = f"{execution.location}{execution.id}-manifest.csv"


def _output_location(configuration: dict[str, Any], config: dict[str, Any]) -> str:
    of_workgroup = (configuration.get("ResultConfiguration") or {}).get("OutputLocation")
    enforced = configuration.get("EnforceWorkGroupConfiguration") and of_workgroup
    location = of_workgroup if enforced else config.get("OutputLocation") or of_workgroup
    if not location:
        raise _invalid_request(
            "No output location provided. An output location is required either through the Workgroup result "
            "configuration setting or as an API input."
        )
    return str(location)


def _find_execution(backend: AthenaBackend, exec_id: str) -> Execution:
    try:
        return backend.executions[exec_id]
    except KeyError:
        raise _invalid_request(f"QueryExecution {exec_id} was not found") from None


def _start_response(response: AthenaResponse) -> Any:
    workgroup = response._get_param("WorkGroup")
    if workgroup and not response.athena_backend.get_work_group(workgroup):
        raise _invalid_request(f"WorkGroup {workgroup} is not found.")
    start: Callable[..., str] = response.athena_backend.start_query_execution
    execution_id = start(
        query=response._get_param("QueryString"),
        context=response._get_param("QueryExecutionContext"),
        config=response._get_param("ResultConfiguration"),
        workgroup=workgroup,
        execution_parameters=response._get_param("ExecutionParameters"),
        client_request_token=response._get_param("ClientRequestToken"),
    )
    return json.dumps({"QueryExecutionId": execution_id})


def _execution_response(original: Callable[[AthenaResponse], str], response: AthenaResponse) -> str:
    body = json.loads(original(response))
    described = body["QueryExecution"]
    execution = _find_execution(response.athena_backend, described["QueryExecutionId"])
    if not isinstance(execution, LocalExecution):
        return json.dumps(body)
    described["Statistics"] |= {
        "DataScannedInBytes": execution.scanned_bytes,
        "EngineExecutionTimeInMillis": execution.engine_millis,
        "QueryQueueTimeInMillis": execution.queue_millis,
        "TotalExecutionTimeInMillis": execution.queue_millis + execution.engine_millis,
    }
    if execution.manifest:
        described["Statistics"]["DataManifestLocation"] = execution.manifest
    if execution.reason:
        described["Status"]["StateChangeReason"] = execution.reason
    if execution.status == "FAILED":
        is_internal = execution.reason.startswith("GENERIC_INTERNAL_ERROR")
        described["Status"]["AthenaError"] = {
            "ErrorCategory": 1 if is_internal else 2,
            "Retryable": False,
            "ErrorMessage": execution.reason,
        }
    described["EngineVersion"] = {
        "SelectedEngineVersion": "AUTO",
        "EffectiveEngineVersion": "Athena engine version 3",
    }
    return json.dumps(body)


def _results_response(response: AthenaResponse) -> str:
    execution = _find_execution(response.athena_backend, response._get_param("QueryExecutionId"))
    if execution.status != "SUCCEEDED":
        raise _invalid_request(f"Query did not finish successfully. Final query state: {execution.status}")
    rows = getattr(execution, "rows", None)
    if rows is None:
        return json.dumps({"UpdateCount": 0, "ResultSet": {"Rows": [], "ResultSetMetadata": {"ColumnInfo": []}}})
    page_size = int(response._get_param("MaxResults") or MAX_ROWS_PER_PAGE)
    if not 1 <= page_size <= MAX_ROWS_PER_PAGE:
        raise _invalid_request(f"MaxResults is more than maximum allowed length {MAX_ROWS_PER_PAGE}")
    start = int(response._get_param("NextToken") or 0)
    page = rows.page(start, page_size)
    body: dict[str, Any] = {
        "UpdateCount": 0,
        "ResultSet": {
            "Rows": [{"Data": [{} if v is None else {"VarCharValue": v} for v in row]} for row in page],
            "ResultSetMetadata": {"ColumnInfo": [column.metadata() for column in rows.columns]},
        },
    }
    if start + page_size < rows.length:
        body["NextToken"] = str(start + page_size)
    return json.dumps(body)


def _invalid_request(message: str) -> JsonRESTError:
    return JsonRESTError("InvalidRequestException", message)


def _millis_since(moment: float) -> int:
    return round((time.monotonic() - moment) * 1000)
