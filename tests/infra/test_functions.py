"""The functions as they are deployed: runtime, environment, layers, and the code that is in their package."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from functions.shared.code_version import code_version
from functions.shared.settings import environment_names
from local.assembly import ROOT
from tests.infra.stacks import Stacks
from tests.infra.test_layers import pins

PACKAGED = ("functions", "sql", "policy")
LAYER_FOLDER = ROOT / "infra" / "layers"
POWERTOOLS_LAYER = {"aws-lambda-powertools", "aws-xray-sdk", "pydantic"}
RUNTIME = {"boto3"}
RENDERER = "RenderStatement"

IMPORT_ALL = """
import importlib, json, pkgutil, sys
package, *names = sys.argv[1:]
sys.path.insert(0, package)
before = set(sys.modules)
for name in names:
    module = importlib.import_module(name)
    if hasattr(module, "__path__"):
        names.extend(found.name for found in pkgutil.iter_modules(module.__path__, name + "."))
loaded = [(name, getattr(sys.modules[name], "__file__", None)) for name in set(sys.modules) - before]
others = [name for name in ("local", "infra", "tests", "app") if importlib.util.find_spec(name)]
print(json.dumps({"loaded": loaded, "others": others}))
"""


def verb_noun(state: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", state).lower()


def package(stacks: Stacks) -> Path:
    """The one folder that every function is deployed from."""
    (key,) = {function.properties["Code"]["S3Key"] for function in stacks.functions.values()}
    return stacks.assembly / f"asset.{key.removesuffix('.zip')}"


def import_from_package(stacks: Stacks, tmp_path: Path, modules: Iterable[str]) -> dict[str, Any]:
    """Imports modules in a process that has the package and the installed distributions, and nothing of this folder."""
    command = [sys.executable, "-I", "-c", IMPORT_ALL, str(package(stacks)), *modules]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def brought_by(roots: Iterable[str]) -> set[str]:
    """Distributions with all they require."""
    known: set[str] = set()
    waiting = [re.sub(r"[-_.]+", "-", root).lower() for root in roots]
    while waiting:
        name = waiting.pop()
        if name in known:
            continue
        known.add(name)
        required = map(Requirement, distribution(name).requires or [])
        waiting += [
            re.sub(r"[-_.]+", "-", r.name).lower() for r in required if not r.marker or r.marker.evaluate({"extra": ""})
        ]
    return known


def third_parties(loaded: list[tuple[str, str | None]]) -> set[str]:
    by_module = packages_distributions()
    tops = {name.partition(".")[0] for name, file in loaded if file and "site-packages" in file}
    return {re.sub(r"[-_.]+", "-", name).lower() for top in tops for name in by_module.get(top, [])}


def test_there_is_a_function_for_every_handler(stacks: Stacks) -> None:
    handlers = {handler.parent.name for handler in (ROOT / "functions").glob("*/handler.py")}
    assert {verb_noun(state) for state in stacks.functions} == handlers


def test_functions_run_on_python_3_12_are_traced_and_log_into_their_own_group(stacks: Stacks) -> None:
    for state, function in stacks.functions.items():
        assert function.properties["Runtime"] == "python3.12", state
        assert function.properties["Handler"] == f"functions.{verb_noun(state)}.handler.handler"
        assert function.properties["TracingConfig"] == {"Mode": "Active"}, state
        assert function.properties["LoggingConfig"] == {"LogGroup": f"<Functions/{state}Logs>"}


def test_the_environment_of_a_function_is_its_settings_and_every_value_is_one_we_know(stacks: Stacks) -> None:
    config = stacks.config
    known = {
        "BILLING_BUCKET": "<Billing>",
        "CODE_VERSION": code_version(),
        "EXPORT_PREFIX": config.export_prefix,
        "FLATTENED_TAGS": json.dumps(config.flattened_tags),
        "LEDGER_BUCKET": "<Ledger>",
        "PERIODS_TABLE": "<Periods>",
        "RATIFIED_POLICY": config.ratified_policy,
        "RETENTION_YEARS": str(config.retention_years),
        "SERVICENOW_SECRET": "<ServiceNow>",  # where the secret is, not what it is
        "STATEMENTS_BUCKET": "<Statements>",
        "WORK_BUCKET": "<Work>",
    }
    for state, function in stacks.functions.items():
        settings = getattr(import_module(f"functions.{verb_noun(state)}.handler"), f"{state}Settings")
        wanted = {name: known[name] for name in environment_names(settings)}
        assert function.properties["Environment"] == {"Variables": wanted}, state


def test_a_templates_text_resolves_no_secret(stacks: Stacks) -> None:
    assert not [name for name, template in stacks.templates.items() if "{{resolve:" in json.dumps(template)]


def test_settings_that_functions_read_are_valid(stacks: Stacks) -> None:
    for state, function in stacks.functions.items():
        settings = getattr(import_module(f"functions.{verb_noun(state)}.handler"), f"{state}Settings")
        given = function.properties["Environment"]["Variables"]
        settings.model_validate({name.lower(): value for name, value in given.items()})


def test_only_the_renderer_carries_the_rendering_packages(stacks: Stacks) -> None:
    region = stacks.config.region
    for state, function in stacks.functions.items():
        ours = [layer for layer in function.properties["Layers"] if not layer.startswith("arn:")]
        (powertools,) = set(function.properties["Layers"]) - set(ours)
        assert powertools.startswith(
            f"arn:aws:lambda:{region}:017000801446:layer:AWSLambdaPowertoolsPythonV3-python312-"
        )
        assert sorted(ours) == (["<Base>", "<Rendering>"] if state == RENDERER else ["<Base>"]), state


def test_the_package_is_the_functions_the_sql_and_the_policy_and_nothing_else(stacks: Stacks) -> None:
    staged = {file.relative_to(package(stacks)) for file in package(stacks).rglob("*") if file.is_file()}
    wanted = {
        file.relative_to(ROOT)
        for folder in PACKAGED
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert staged == wanted


def test_every_handler_imports_from_its_package_and_layers_alone(stacks: Stacks, tmp_path: Path) -> None:
    handlers = [f"functions.{verb_noun(state)}.handler" for state in stacks.functions]
    imported = import_from_package(stacks, tmp_path, handlers)
    assert imported["others"] == []
    ours = [file for name, file in imported["loaded"] if name.partition(".")[0] == "functions" and file]
    assert ours
    assert all(Path(file).is_relative_to(package(stacks)) for file in ours)
    layers = brought_by([*POWERTOOLS_LAYER, *RUNTIME, *pins(LAYER_FOLDER / "base.txt")])
    assert third_parties(imported["loaded"]) <= layers


@pytest.mark.parametrize("state", [RENDERER])
def test_the_renderer_needs_no_package_beside_its_layers(stacks: Stacks, tmp_path: Path, state: str) -> None:
    imported = import_from_package(stacks, tmp_path, [f"functions.{verb_noun(state)}"])
    layers = brought_by(
        [*POWERTOOLS_LAYER, *RUNTIME, *pins(LAYER_FOLDER / "base.txt"), *pins(LAYER_FOLDER / "rendering.txt")]
    )
    used = third_parties(imported["loaded"])
    assert "reportlab" in used
    assert used <= layers
