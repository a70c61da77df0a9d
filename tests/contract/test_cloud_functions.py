"""Handlers run in the local cloud as they would on Lambda."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from local.aws.cloud import LocalCloud
from tests.contract.cloud_support import create_function, create_state_machine, write_handler


def invoke(cloud: LocalCloud, function: str, event: Any = None) -> tuple[Any, bool]:
    """The decoded answer of a function, and whether it failed."""
    response = cloud.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    return json.loads(response["Payload"].read()), "FunctionError" in response


def test_a_handler_sees_its_declared_environment_and_nothing_of_ours(
    cloud: LocalCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICENOW_PASSWORD", "ours")
    handler = write_handler(tmp_path, "environment", "import os\ndef handler(event, context): return dict(os.environ)")

    environment, _ = invoke(cloud, create_function(cloud, handler, LEDGER_BUCKET="ledger"))

    assert environment["LEDGER_BUCKET"] == "ledger"
    assert environment["AWS_REGION"] == "us-east-1"
    assert "SERVICENOW_PASSWORD" not in environment
    assert os.environ["SERVICENOW_PASSWORD"] == "ours"
    assert "LEDGER_BUCKET" not in os.environ


def test_what_a_handler_changes_in_the_environment_is_undone(cloud: LocalCloud, tmp_path: Path) -> None:
    source = "import os\ndef handler(event, context): os.environ['LEFT_BEHIND'] = 'x'; raise ValueError"

    invoke(cloud, create_function(cloud, write_handler(tmp_path, "leaving", source)))

    assert "LEFT_BEHIND" not in os.environ


def test_two_functions_of_one_handler_do_not_share_its_globals(cloud: LocalCloud, tmp_path: Path) -> None:
    source = "import os\nTABLE = os.environ['TABLE']\ndef handler(event, context): return TABLE"
    handler = write_handler(tmp_path, "globals", source)
    first = create_function(cloud, handler, name="first", TABLE="periods")
    second = create_function(cloud, handler, name="second", TABLE="tags")

    answers = [invoke(cloud, function)[0] for function in (first, second, first)]

    assert answers == ["periods", "tags", "periods"]


def test_a_function_stays_warm(cloud: LocalCloud, tmp_path: Path) -> None:
    source = "calls = []\ndef handler(event, context): calls.append(1); return len(calls)"
    function = create_function(cloud, write_handler(tmp_path, "warm", source))

    assert [invoke(cloud, function)[0] for _ in range(3)] == [1, 2, 3]


def test_an_exception_becomes_an_error_of_its_class_name(cloud: LocalCloud, tmp_path: Path) -> None:
    source = """
        class InvalidManifest(Exception):
            pass

        def handler(event, context):
            raise InvalidManifest("no dataFiles")
        """

    answer, failed = invoke(cloud, create_function(cloud, write_handler(tmp_path, "failing", source)))

    assert failed
    assert (answer["errorType"], answer["errorMessage"]) == ("InvalidManifest", "no dataFiles")
    assert any("failing/handler.py" in line for line in answer["stackTrace"])


def test_a_module_that_cannot_be_imported_fails_the_function(cloud: LocalCloud, tmp_path: Path) -> None:
    handler = write_handler(tmp_path, "broken", "import no_such_library")

    answer, failed = invoke(cloud, create_function(cloud, handler))

    assert failed
    assert "no_such_library" in answer["errorMessage"]


@pytest.mark.parametrize(("size", "failed"), [(6_291_554, False), (6_291_555, True)])
def test_a_response_may_have_six_megabytes(cloud: LocalCloud, tmp_path: Path, size: int, failed: bool) -> None:
    handler = write_handler(tmp_path, "large", "def handler(event, context): return 'x' * event")

    answer, has_failed = invoke(cloud, create_function(cloud, handler), size)

    assert has_failed is failed, answer
    assert not failed or answer["errorType"] == "Function.ResponseSizeTooLarge"


def test_a_result_that_is_not_json_fails_the_function(cloud: LocalCloud, tmp_path: Path) -> None:
    source = "from decimal import Decimal\ndef handler(event, context): return {'cost': Decimal('1.10')}"

    answer, failed = invoke(cloud, create_function(cloud, write_handler(tmp_path, "decimal", source)))

    assert failed
    assert answer["errorType"] == "Runtime.MarshalError"


def test_what_a_handler_prints_is_in_its_log_and_not_on_the_console(
    cloud: LocalCloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = """
        import sys
        from threading import Thread

        def handler(event, context):
            print("reading the manifest")
            thread = Thread(target=print, args=("in a thread of the handler",))
            thread.start()
            thread.join()
            print("late delivery", file=sys.stderr)
        """

    invoke(cloud, create_function(cloud, write_handler(tmp_path, "talking", source)))
    print("progress")

    log = (cloud.log_dir / "talking.log").read_text()
    for line in ("reading the manifest", "in a thread of the handler", "late delivery"):
        assert line in log
    assert capsys.readouterr().out == "progress\n"


def test_a_logger_outlives_its_cloud_and_writes_to_the_log_of_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    source = """
        import logging
        import sys

        logger = logging.getLogger("kept by the process")
        if not logger.handlers:
            logger.addHandler(logging.StreamHandler(sys.stdout))

        def handler(event, context):
            logger.warning("said")
    """
    handler = write_handler(tmp_path, "saying", source)
    for state in ("first", "second"):
        with LocalCloud(tmp_path / state) as cloud:
            invoke(cloud, create_function(cloud, handler))

            assert "said" in (cloud.log_dir / "saying.log").read_text()
    assert "said" not in capsys.readouterr().out


def test_no_handler_begins_once_the_cloud_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    begun, may_end = tmp_path / "begun", tmp_path / "may_end"
    source = f"""
        import time
        from pathlib import Path

        def handler(event, context):
            Path({str(begun)!r}).touch()
            while not Path({str(may_end)!r}).exists():
                time.sleep(0.01)
        """
    with LocalCloud(tmp_path / "state") as cloud:
        function = create_function(cloud, write_handler(tmp_path, "posting", source))
        post = {"Type": "Task", "Resource": function, "End": True}
        processor = {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Post", "States": {"Post": post}}
        machine = create_state_machine(cloud, {"All": {"Type": "Map", "ItemProcessor": processor, "End": True}})
        cloud.client("stepfunctions").start_execution(stateMachineArn=machine, input=json.dumps([1, 2, 3]))
        deadline = time.monotonic() + 60
        while not begun.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        threading.Timer(0.2, may_end.touch).start()

    assert (cloud.log_dir / "posting.log").read_text().count("START") == 1


def test_the_context_tells_a_handler_who_it_is_and_how_long_it_has(cloud: LocalCloud, tmp_path: Path) -> None:
    source = """
        def handler(event, context):
            remaining = context.get_remaining_time_in_millis()
            return [context.function_name, context.invoked_function_arn, context.memory_limit_in_mb, remaining]
        """

    function = create_function(cloud, write_handler(tmp_path, "context", source))
    name, arn, memory, remaining = invoke(cloud, function)[0]

    assert (name, arn, memory) == ("context", function, 128)
    assert 20_000 < remaining <= 30_000


def test_a_handler_may_invoke_another_function(cloud: LocalCloud, tmp_path: Path) -> None:
    inner = create_function(cloud, write_handler(tmp_path, "inner", "def handler(event, context): return event + 1"))
    source = """
        import boto3, json, os

        def handler(event, context):
            response = boto3.client("lambda").invoke(FunctionName=os.environ["INNER"], Payload=json.dumps(event))
            return json.loads(response["Payload"].read()) * 10
        """
    outer = create_function(cloud, write_handler(tmp_path, "outer", source), INNER=inner)

    assert invoke(cloud, outer, 1)[0] == 20
