"""Environments: those there are, and those that are refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from pydantic import ValidationError

from infra.config import EnvironmentConfig
from infra.environments import ENVIRONMENTS, UnknownEnvironment, environment
from local.assembly import ROOT, node_environment

PRODUCTION = environment("production")


def test_an_unknown_environment_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownEnvironment) as refused:
        environment("staging")
    assert "'staging'" in str(refused.value)
    assert all(name in str(refused.value) for name in ENVIRONMENTS)


def test_synthesis_of_an_unknown_environment_ends_with_one_line() -> None:
    context = json.dumps({"env": "staging"})
    ended = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**os.environ, **node_environment(), "CDK_CONTEXT_JSON": context, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert (
        ended.stderr.strip()
        == "no environment 'staging'; infra/environments.py has local, localvault, rehearsal, startup, production"
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("finops_account", "12345678901"),
        ("finops_account", "1234-5678-9012"),
        ("payer_account", ""),
        ("region", "Frankfurt"),
        ("region", "us-east"),
        ("export_prefix", "cur2/chargeback"),
        ("export_prefix", "/cur2/chargeback/"),
        ("export_prefix", "cur2//chargeback/"),
        ("export_prefix", "cur2/*/"),
        ("export_prefix", ""),
        ("name", "Production!"),
        ("name", "pre-production"),
        ("retention_years", 0),
        ("retention_years", 31),
        ("scan_limit_gib", 0),
        ("freshness_hours", 6),
        ("freshness_hours", 25),
        ("hygiene_days", 61),
        ("hygiene_days", 0),
        ("owners", ()),
        ("owners", ("somebody",)),
        ("tags", {"cost-center": "all*"}),
        ("bill_readers", ("arn:aws:iam::222222222222:role/*",)),
        ("replica_region", "the moon"),
        ("github", {"organization": "meridian health"}),
        ("tag_policies", {"targets": ()}),
        ("tag_policies", {"targets": ("the root",)}),
        ("tag_policies", {"targets": ("r-ab12",), "enforced_for": ("everything",)}),
        ("vault", {"address": "https://vault.example", "role": "chargeback", "server_id": "vault.example"}),
        ("vault", {"address": "http://vault.example", "role": "c", "server_id": "v", "pki_role": "pki/c"}),
        ("vault", {"address": "https://v.example", "role": "c", "server_id": "v", "signing_key": "transit/c"}),
        ("datadog", {"external_id": "x"}),
        ("wiz", {"trusted_role": "arn:aws:iam::999999999999:role/wiz", "external_id": ""}),
        ("owner", "somebody"),
    ],
)
def test_a_setting_that_cannot_be_right_is_refused_by_its_name(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        EnvironmentConfig.model_validate(PRODUCTION.model_dump() | {field: value})
    assert {error["loc"][0] for error in refused.value.errors()} == {field}


def test_a_replica_in_the_region_of_the_records_is_refused() -> None:
    with pytest.raises(ValidationError, match="choose another region"):
        EnvironmentConfig.model_validate(PRODUCTION.model_dump() | {"replica_region": PRODUCTION.region})


def test_two_authorities_for_one_key_are_refused() -> None:
    given = PRODUCTION.model_dump()
    given["vault"]["pki_role"] = "pki/chargeback"
    with pytest.raises(
        ValidationError, match=r"signing\.private_ca and vault\.pki_role: one authority certifies the key"
    ):
        EnvironmentConfig.model_validate(given)


def test_a_small_organisation_can_leave_every_integration_out() -> None:
    startup = environment("startup")
    assert (startup.replica_region, startup.github, startup.datadog, startup.wiz) == (None, None, None, None)
    assert startup.tag_policies is None
    assert startup.vault is None
    assert startup.accounts == (startup.payer_account,)


def test_an_environment_cannot_be_changed_once_it_is_chosen() -> None:
    with pytest.raises(ValidationError):
        PRODUCTION.region = "eu-west-1"  # type: ignore[misc]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_environment_names_a_policy_that_is_there(name: str) -> None:
    assert (ROOT / "policy" / environment(name).ratified_policy).is_file()


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_is_found_by_the_name_it_has(name: str) -> None:
    assert environment(name).name == name
