"""The functions as they are deployed: runtime, environment, layers, and the code that is in their package."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

from functions.shared.settings import environment_names
from infra.code_version import PYTHON, code_version
from infra.constructs.vault_access import vault_setting
from infra.layer_packages import RUNTIME, brought_by, plain
from infra.names import SIGNERS, invoice_reader, name_of, signing_alias
from local.assembly import ROOT
from tests.infra.stacks import Stacks
from tests.infra.test_layers import packages_of
from tests.statemachines.definition import states

PACKAGED = ("functions", "sql", "policy")
OF_EVERY_FUNCTION = ("powertools", "base")
RENDERER = "RenderStatement"
OF_THE_PAYER = "ActivateTags"

IMPORT = """
import importlib, importlib.abc, json, pkgutil, sys
package, absent, *names = sys.argv[1:]

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent.split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
sys.path.insert(0, package)
for name in names:
    module = importlib.import_module(name)
    if hasattr(module, "__path__"):
        names.extend(found.name for found in pkgutil.iter_modules(module.__path__, name + "."))
files = [getattr(module, "__file__", None) for name, module in sys.modules.items() if name.startswith("functions")]
print(json.dumps({"files": files, "modules": sorted(sys.modules)}))
"""
"""Imports modules, packages whole, where only the given package and not the absent packages are to be found."""


def verb_noun(state: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", state).lower()


def package(stacks: Stacks) -> Path:
    """The one folder that every function is deployed from."""
    (key,) = {function.properties["Code"]["S3Key"] for function in stacks.functions.values()}
    return stacks.assembly / f"asset.{key.removesuffix('.zip')}"


def import_as_deployed(stacks: Stacks, folder: Path, layers: Iterable[str], modules: Iterable[str]) -> set[str]:
    """Imports modules in a process that has the package, these layers and boto3; returns every module it then has."""
    there = packages_of(layers) | brought_by(RUNTIME)
    absent = [module for module, names in packages_distributions().items() if not {plain(n) for n in names} & there]
    assert "moto" in absent
    command = [sys.executable, "-I", "-B", "-c", IMPORT, str(package(stacks)), ",".join(absent), *modules]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert all(Path(file).is_relative_to(package(stacks)) for file in found["files"])
    return set(found["modules"])


def test_there_is_a_function_for_every_handler(stacks: Stacks) -> None:
    handlers = {handler.parent.name for handler in (ROOT / "functions").glob("*/handler.py")}
    assert {verb_noun(state) for state in stacks.functions} == handlers


def test_functions_run_on_the_python_of_their_packages_are_traced_and_log_into_their_own_group(stacks: Stacks) -> None:
    for name, function in stacks.of("AWS::Lambda::Function").items():
        assert function.properties["Runtime"] == f"python{PYTHON}", name
        handler = verb_noun(name.rpartition("/")[2])
        assert function.properties["Handler"] == f"functions.{handler}.handler.handler"
        assert function.properties["TracingConfig"] == {"Mode": "Active"}, name
        assert function.properties["LoggingConfig"] == {"LogGroup": f"<{name}Logs>"}


def test_a_function_is_found_by_the_name_of_its_state(stacks: Stacks) -> None:
    for state, function in stacks.functions.items():
        assert function.properties["FunctionName"] == name_of(stacks.config, state)
        assert len(name_of(stacks.config, state)) <= 64, "AWS takes no longer names"


def test_the_environment_of_a_function_is_its_settings_and_every_value_is_one_we_know(stacks: Stacks) -> None:
    config, vault = stacks.config, stacks.config.vault
    (tags,) = stacks.of("Custom::CostAllocationTags").values()
    known = {
        "ATHENA_USD_PER_TB": str(config.athena_usd_per_tb),
        "BACKFILL_MONTHS": str(config.backfill_months),
        "BILLING_BUCKET": "<Billing>",
        "CERTIFICATE_DAYS": "1095",
        "CHANGE_GATE": "true" if config.change_gate else "false",
        "CODE_VERSION": code_version(),
        "DATADOG_METRICS": "true" if config.datadog and config.datadog.reads_logs else "false",
        "EXPORT_PREFIX": config.export_prefix,
        "FLATTENED_TAGS": json.dumps(config.flattened_tags),
        "FRESHNESS_HOURS": str(config.freshness_hours),
        "HYGIENE_DAYS": str(config.hygiene_days),
        "HYGIENE_TABLE": "<Validation/TagHygiene>",
        "IDENTITY_PARAMETER": f"/chargeback/{config.name}/signing-identity",
        "INVOICE_READER_ROLE": invoice_reader(config) if config.ties_to_invoices else "none",
        "LEDGER_BUCKET": "<Ledger>",
        "PERIODS_TABLE": "<Periods>",
        "RESPONSES_TABLE": "<Responses>",
        "PRIVATE_CA_ARN": config.signing.private_ca or "none",
        "RATIFIED_POLICY": config.ratified_policy,
        "RETENTION_YEARS": str(config.retention_years),
        # Where the secret is, not what it is.
        "SERVICENOW_SECRET": (vault and vault.servicenow_secret) or "<ServiceNow>",
        "SIGNING_KEY": (vault and vault.signing_key) or signing_alias(config, config.signing.keys),
        "STATEMENTS_BUCKET": "<Statements>",
        "TAG_KEYS": json.dumps(tags.properties["TagKeys"]),
        "TIMESTAMP_URL": config.signing.timestamp_url or "none",
        "VAULT_PKI_ROLE": (vault and vault.pki_role) or "none",
        "WORK_BUCKET": "<Work>",
    }
    for state, function in stacks.functions.items():
        settings = getattr(import_module(f"functions.{verb_noun(state)}.handler"), f"{state}Settings")
        known["VAULT"] = vault_setting(config, "signing" if state in SIGNERS else "books")
        wanted = {name: known[name] for name in environment_names(settings)}
        assert function.properties["Environment"] == {"Variables": wanted}, state


def test_a_templates_text_resolves_no_secret(stacks: Stacks) -> None:
    assert not [name for name, template in stacks.templates.items() if "{{resolve:" in json.dumps(template)]


def test_settings_that_functions_read_are_valid(stacks: Stacks) -> None:
    for state, function in stacks.functions.items():
        settings = getattr(import_module(f"functions.{verb_noun(state)}.handler"), f"{state}Settings")
        given = function.properties["Environment"]["Variables"]
        assert settings.model_validate({name.lower(): value for name, value in given.items()})


def test_only_the_renderer_carries_the_rendering_packages(stacks: Stacks) -> None:
    others = {RENDERER: {"<Powertools>", "<Base>", "<Rendering>"}, OF_THE_PAYER: {"<BillingSource/Powertools>"}}
    for state, function in stacks.functions.items():
        assert set(function.properties["Layers"]) == others.get(state, {"<Powertools>", "<Base>"}), state


def side_by_side() -> dict[str, int]:
    """How many runs of each function the close has at the same time, as the state machine says."""
    machine = states()
    found: dict[str, int] = {}
    for state in machine.values():
        if state.function:
            runs = machine[state.map_name].body["MaxConcurrency"] if state.map_name else 1
            found[state.function] = max(runs, found.get(state.function, 0))
    return found


def test_concurrency_is_reserved_for_every_run_of_every_month_that_may_close_at_once_and_no_more(
    stacks: Stacks,
) -> None:
    # Those that a backfill delivers anew, the one that is due, and one that somebody asks for.
    months = stacks.config.backfill_months + 2
    runs = side_by_side()
    assert max(runs.values()) > 1, "no function is run in a Map any more"
    for state, at_once in runs.items():
        reserved = stacks.functions[state].properties.get("ReservedConcurrentExecutions")
        assert reserved == (months * at_once if stacks.config.reserves_concurrency else None), state


def test_what_is_reserved_leaves_an_account_enough_for_everything_else(stacks: Stacks) -> None:
    reserved = [f.properties.get("ReservedConcurrentExecutions") for f in stacks.functions.values()]
    if not stacks.config.reserves_concurrency:
        assert set(reserved) == {None}
        return
    assert None not in reserved
    assert sum(reserved) <= 1000 - 100, "of the thousand that AWS gives an account it lends no more"


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
    handlers = {state: f"functions.{verb_noun(state)}.handler" for state in stacks.functions if state != RENDERER}
    modules = import_as_deployed(stacks, tmp_path, OF_EVERY_FUNCTION, handlers.values())
    assert set(handlers.values()) <= modules
    assert not {"local", "infra", "tests", "reportlab", "pyhanko"} & modules


def test_the_whole_renderer_imports_from_its_package_and_layers_alone(stacks: Stacks, tmp_path: Path) -> None:
    modules = import_as_deployed(
        stacks, tmp_path, [*OF_EVERY_FUNCTION, "rendering"], [f"functions.{verb_noun(RENDERER)}"]
    )
    assert {"functions.render_statement.handler", "reportlab", "pyhanko"} <= modules
    assert not {"local", "infra", "tests"} & modules
