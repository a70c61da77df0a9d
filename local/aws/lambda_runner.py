"""Runs the repository's real Lambda handlers in this process, behind moto's Lambda API.

A function sees what it would see on AWS: its own declared environment, credentials of its role in everything that
boto3 makes for it, its own copy of the repository's modules (as its own process would have), an event and a result that
went through JSON, and its output in its own log. Handlers run one at a time, because the environment belongs to the
process. A function's timeout is told to it, not enforced.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, TextIO

import boto3
import botocore.session
from botocore.loaders import create_loader

from local.aws.environment import NO_CONFIGURATION
from local.aws.lambda_output import OutputRouting
from local.aws.patching import Patches
from local.aws.role_credentials import IssuedCredentials, RoleCredentials

MAX_PAYLOAD_BYTES = 6_291_556
"""What the service calls six megabytes."""

_INHERITED = ("PATH", "TMPDIR")
Invocation = tuple[str, bool, str]
"""What moto expects of an invocation: the JSON payload, whether it is an error, and the log."""


class LambdaContext:
    """The second argument of a handler."""

    def __init__(self, function: Any, request_id: str) -> None:
        self.function_name: str = function.function_name
        self.function_version = "$LATEST"
        self.invoked_function_arn: str = function.function_arn
        self.memory_limit_in_mb = int(function.memory_size)
        self.aws_request_id = request_id
        self.log_group_name: str = function.logs_group_name
        self.log_stream_name = f"[$LATEST]{request_id.replace('-', '')}"
        self.identity = None
        self.client_context = None
        self._deadline = time.monotonic() + int(function.timeout)

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.monotonic()) * 1000))


class _Tee:
    """Writes to a function's log file, and keeps the text for the caller who asked for the log's tail."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.kept = StringIO()

    def write(self, text: str) -> int:
        self.kept.write(text)
        return self._file.write(text)

    def flush(self) -> None:
        self._file.flush()


class LambdaRunner:
    """Invokes functions; the modules it imported for them live as long as it does."""

    def __init__(self, log_dir: Path) -> None:
        self.log_dir = log_dir
        self.credentials = IssuedCredentials()
        self._routing = OutputRouting()
        self._lock = threading.RLock()
        self._refuses = False
        self._modules: dict[str, dict[str, ModuleType]] = {}
        self._sessions: dict[str, boto3.session.Session] = {}
        self._descriptions = create_loader()

    def install(self, patches: Patches) -> None:
        from moto.awslambda import responses
        from moto.awslambda.models import LambdaFunction

        def invoke(function: Any, event: Any = None) -> Invocation:
            return self.invoke(function, {} if event == "{}" else event)

        patches.replace(LambdaFunction, "_invoke_lambda", invoke)
        # moto refuses a response of 6,000,000 bytes already; `_marshal` has the limit
        patches.replace(responses, "sys", SimpleNamespace(getsizeof=lambda _: 0))

    def refuse(self) -> None:
        """Lets the running handler end, and no other begin."""
        self._refuses = True

    def close(self) -> None:
        self._routing.undo()

    def invoke(self, function: Any, event: Any) -> Invocation:
        event = json.loads(json.dumps(event))
        request_id = str(uuid.uuid4())
        self.log_dir.mkdir(parents=True, exist_ok=True)
        with (
            self._lock,
            (self.log_dir / f"{function.function_name}.log").open("a", encoding="utf-8") as file,
            self._routing.to(log := _Tee(file)),  # type: ignore[arg-type]
            _environment(_environment_of(function, self.credentials.of(function.role))),
        ):
            if self._refuses:
                return _error("LocalCloud.Stopped", "The local cloud was stopped."), True, ""
            print(f"START RequestId: {request_id}")
            try:
                result = self._run(function, event, LambdaContext(function, request_id))
                payload, failed = _marshal(result)
            except Exception as error:  # whatever a handler raises is its answer
                payload, failed = _error_payload(error), True
                traceback.print_exc()
            except SystemExit as error:
                payload, failed = _error("Runtime.ExitError", f"The handler left the process: exit {error.code}"), True
            print(f"END RequestId: {request_id}")
        function.logs_backend.ensure_log_group(function.logs_group_name)
        function.save_logs(log.kept.getvalue())
        return payload, failed, log.kept.getvalue()

    def _run(self, function: Any, event: Any, context: LambdaContext) -> Any:
        with self._own_session(function.role), self._own_modules(function):
            return _handler(function.handler)(event, context)

    @contextmanager
    def _own_session(self, role_arn: str) -> Iterator[None]:
        """boto3's default session keeps the credentials that it found first: each role has one of its own."""
        if role_arn not in self._sessions:
            session = botocore.session.Session()
            # Reading the services' descriptions is slow, and they are everybody's.
            session.register_component("data_loader", self._descriptions)
            self._sessions[role_arn] = boto3.session.Session(botocore_session=session)
        outside, boto3.DEFAULT_SESSION = boto3.DEFAULT_SESSION, self._sessions[role_arn]
        try:
            yield
        finally:
            boto3.DEFAULT_SESSION = outside

    @contextmanager
    def _own_modules(self, function: Any) -> Iterator[None]:
        """The package of the handler is imported anew for each function, so that none sees another's globals."""
        package = function.handler.split(".", 1)[0].split("/", 1)[0]
        identity = json.dumps([function.function_arn, function.handler, function.environment_vars], sort_keys=True)
        outside = _take_modules(package)
        sys.modules.update(self._modules.get(identity, {}))
        try:
            yield
        finally:
            self._modules[identity] = _take_modules(package)
            sys.modules.update(outside)


def _take_modules(package: str) -> dict[str, ModuleType]:
    """Removes a package's modules from the interpreter's table, and returns them."""
    names = [name for name in sys.modules if name == package or name.startswith(package + ".")]
    return {name: sys.modules.pop(name) for name in names}


def _handler(path: str) -> Callable[[Any, LambdaContext], Any]:
    module_name, _, attribute = path.rpartition(".")
    handler: Callable[[Any, LambdaContext], Any] = getattr(importlib.import_module(module_name), attribute)
    return handler


def _environment_of(function: Any, credentials: RoleCredentials) -> dict[str, str]:
    declared = {name: str(value) for name, value in (function.environment_vars or {}).items()}
    return {
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
        "AWS_LAMBDA_LOG_GROUP_NAME": function.logs_group_name,
        "_HANDLER": function.handler,
        "POWERTOOLS_TRACE_DISABLED": "true",
        "AWS_XRAY_CONTEXT_MISSING": "IGNORE_ERROR",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        **declared,
        # every process needs to find its programs and its temporary files, and none the operator's AWS configuration
        **{name: os.environ[name] for name in (*_INHERITED, *NO_CONFIGURATION) if name in os.environ},
    }


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    outside = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(outside)


def _marshal(result: Any) -> tuple[str, bool]:
    try:
        payload = json.dumps(result, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        return _error("Runtime.MarshalError", f"Unable to marshal response: {error}"), True
    size = len(payload.encode())
    if size > MAX_PAYLOAD_BYTES:
        message = (
            f"Response payload size ({size} bytes) exceeded maximum allowed payload size ({MAX_PAYLOAD_BYTES} bytes)."
        )
        return _error("Function.ResponseSizeTooLarge", message), True
    return payload, False


def _error_payload(error: Exception) -> str:
    return _error(type(error).__name__, str(error), traceback.format_tb(error.__traceback__))


def _error(error_type: str, message: str, stack_trace: list[str] | None = None) -> str:
    return json.dumps({"errorMessage": message, "errorType": error_type, "stackTrace": stack_trace or []})
