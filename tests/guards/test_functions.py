"""Rules of functions/ that no type checker knows: thin handlers, pure logic, exact money, names that fit."""

from __future__ import annotations

import ast
import inspect
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from functions.shared import errors
from functions.shared.errors import ChargebackError
from functions.shared.settings import Settings
from infra.names import state_of

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted(file.parent.name for file in (ROOT / "functions").glob("*/handler.py"))
LOGIC = sorted((ROOT / "functions").glob("*/logic.py"))
MACHINES = sorted((ROOT / "statemachines").glob("*.asl.json"))
CODE = sorted((ROOT / "functions").rglob("*.py"))

LONGEST_HANDLER = 30
IMPURE_MODULES = {"boto3", "botocore", "os", "random", "secrets", "socket", "time", "uuid"}
CLOCKS = {"now", "utcnow", "today", "time", "monotonic", "perf_counter"}
AWS_ERRORS = re.compile(r"(States|StepFunctions|Lambda|Athena|Dynamo(DB|Db)|S3|SNS)\.[A-Z]\w+")

NO_MONEY = {
    "functions/render_statement/pdf_text.py": "widths on a page",
    "functions/shared/observability.py": "what is plotted",
}
"""Where a float is made once, and what of."""

RENDERERS = {"render_statement"}
"""The functions that have the layer with reportlab and pyHanko."""

NO_STATES = {"activate_tags", "decide_approval", "issue_certificate", "record_response"}
"""The functions that no state calls: one is a custom resource, three are invoked by people."""

Errors = dict[str, type[ChargebackError]]


def named_errors() -> Errors:
    return {
        name: member
        for name, member in vars(errors).items()
        if inspect.isclass(member) and issubclass(member, ChargebackError)
    }


def relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), relative(file))


def imported_modules(module: ast.Module) -> set[str]:
    names = [alias.name for node in ast.walk(module) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in ast.walk(module) if isinstance(node, ast.ImportFrom) and node.module]
    return {name.split(".")[0] for name in names}


def states_of(definition: object) -> Iterator[dict[str, object]]:
    """Every state of a state machine, those inside of Maps too."""
    if isinstance(definition, list):
        for member in definition:
            yield from states_of(member)
    if isinstance(definition, dict):
        states = definition.get("States")
        if isinstance(states, dict):
            yield from states.values()
        for member in definition.values():
            yield from states_of(member)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_handler_is_short_enough_to_be_seen_at_a_glance(function: str) -> None:
    module = tree(ROOT / "functions" / function / "handler.py")
    [handler] = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == "handler"]

    length = (handler.end_lineno or 0) - handler.body[0].lineno + 1
    assert length <= LONGEST_HANDLER, f"{function}: {length} lines; wiring only, the rest belongs to logic.py"


@pytest.mark.parametrize("file", LOGIC, ids=relative)
def test_logic_reads_no_environment_no_clock_and_no_account(file: Path) -> None:
    module = tree(file)
    clocks = [
        f"{node.func.attr}() in line {node.lineno}"
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
    ]

    assert not imported_modules(module) & IMPURE_MODULES
    assert not clocks, "time is an argument"


@pytest.mark.parametrize("file", CODE, ids=relative)
def test_no_number_becomes_a_float(file: Path) -> None:
    calls = [
        node.lineno
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
    ]

    assert len(calls) == (relative(file) in NO_MONEY), f"{relative(file)}: float() in lines {calls}"


def test_what_may_be_a_float_is_in_files_that_are_there() -> None:
    assert NO_MONEY.keys() <= {relative(file) for file in CODE}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_log_line_overwrites_nothing_that_the_logger_keeps_itself(function: str) -> None:
    """The standard library raises KeyError for such a name, after the work is done: on AWS only."""
    reserved = {*vars(logging.makeLogRecord({})), "message", "asctime"}
    names = {
        keyword.arg
        for node in ast.walk(tree(ROOT / "functions" / function / "handler.py"))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "logger"
        for keyword in node.keywords
    }

    assert names, "a function says what it has done"
    assert not names & reserved


@pytest.mark.parametrize("machine", MACHINES, ids=relative)
def test_a_state_machine_catches_and_retries_only_errors_that_exist(machine: Path) -> None:
    definition = json.loads(machine.read_text(encoding="utf-8"))
    named = {
        error
        for state in states_of(definition)
        for field in ("Retry", "Catch")
        for rule in state.get(field, [])  # type: ignore[attr-defined]
        for error in rule["ErrorEquals"]
    }

    unknown = {error for error in named if error not in named_errors() and not AWS_ERRORS.fullmatch(error)}
    assert named
    assert not unknown


@pytest.mark.parametrize("name", named_errors())
def test_an_error_says_what_it_means(name: str) -> None:
    documentation = vars(named_errors()[name]).get("__doc__") or ""

    assert documentation.strip().endswith("."), f"{name} has no docstring of its own"


def leaves() -> list[str]:
    return [name for name, error in named_errors().items() if not error.__subclasses__()]


@pytest.mark.parametrize("name", leaves())
def test_an_error_that_has_a_name_is_raised_somewhere(name: str) -> None:
    users = [
        file
        for file in (ROOT / "functions").rglob("*.py")
        if file.name != "errors.py" and re.search(rf"\b{name}\b", file.read_text(encoding="utf-8"))
    ]

    assert users, f"nothing raises {name}"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_folder_handler_settings_state_and_tests_have_one_name(function: str) -> None:
    module = import_module(f"functions.{function}.handler")
    definitions = "".join(machine.read_text(encoding="utf-8") for machine in MACHINES)
    settings = [
        name
        for name, member in vars(module).items()
        if inspect.isclass(member) and issubclass(member, Settings) and member.__module__ == module.__name__
    ]

    assert state_of(function) in re.findall(r"\w+", module.__doc__ or "")
    assert settings == [f"{state_of(function)}Settings"]
    assert (module.__doc__ or "").startswith(("State ", "States ")) == (function not in NO_STATES)
    if function not in NO_STATES:
        assert f'"Resource": "${{{state_of(function)}}}"' in definitions
        assert f'"{state_of(function)}": {{' in definitions, "the state that calls it first is named as it is"
    assert list((ROOT / "tests" / "unit" / function).glob("test_*.py"))


def test_every_handler_hands_over_to_logic_beside_it() -> None:
    for function in FUNCTIONS:
        assert (ROOT / "functions" / function / "logic.py").is_file()


def test_every_test_folder_is_about_a_function_or_what_they_share() -> None:
    folders = {folder.parent.name for folder in (ROOT / "tests" / "unit").glob("*/__init__.py")}

    assert folders <= {*FUNCTIONS, "shared", "local"}


def modules_after_importing(handler: str) -> set[str]:
    """The top-level packages in a fresh interpreter that has imported a handler and nothing else."""
    script = f"import sys, {handler}; print(' '.join({{name.split('.')[0] for name in sys.modules}}))"
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT), "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_only_the_renderer_draws() -> None:
    """reportlab and pyHanko are in a layer that only the renderer has: others that import them do not start on AWS."""
    others = ", ".join(f"functions.{function}.handler" for function in FUNCTIONS if function not in RENDERERS)

    loaded = modules_after_importing(others)
    assert "functions" in loaded
    assert not loaded & {"reportlab", "pyhanko"}


def test_no_function_needs_the_local_cloud_the_infrastructure_or_a_test() -> None:
    loaded = modules_after_importing(", ".join(f"functions.{function}.handler" for function in FUNCTIONS))

    assert not loaded & {"local", "infra", "tests", "moto", "duckdb", "pyarrow", "aws_cdk"}
