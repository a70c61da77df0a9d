"""The gate asks ServiceNow, over HTTP, and writes down which change request lets the run go on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx
import pytest

from functions.check_change.logic import digest_of, files_in_force
from functions.shared import run_files
from functions.shared.errors import ChangeNotApproved
from functions.shared.sql_catalog import load_statements
from local.servicenow.server import ServiceNowStandIn
from tests.unit.function_bench import VALUES, FunctionBench
from tests.unit.run_samples import RUN_ID

POLICY = "pools: []\n"
DIGEST = digest_of(
    files_in_force({"policy.yaml": POLICY}, {name: each.text for name, each in load_statements().items()})
)


@pytest.fixture
def instance(bench: FunctionBench, tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    """An instance that the function's secret names, and a run with a policy that was never closed with."""
    bench.work.write(f"{run_files.policy_source_prefix(RUN_ID)}policy.yaml", POLICY.encode(), "text/yaml")
    with ServiceNowStandIn(tmp_path / "books") as stand_in:
        secret = json.dumps({"base_url": stand_in.url, "credentials": stand_in.credentials, "timeout_seconds": 5})
        boto3.client("secretsmanager").create_secret(Name=VALUES["SERVICENOW_SECRET"], SecretString=secret)
        yield stand_in


def decide(instance: ServiceNowStandIn, change: str, state: str) -> int:
    who = instance.approver_credentials
    path = f"{instance.url}/api/sn_chg_rest/change/{change}/approvals"
    return httpx.patch(
        path, json={"state": state}, auth=(who["username"], who["password"]), trust_env=False
    ).status_code


def test_an_approved_change_is_written_down_in_the_run(bench: FunctionBench, instance: ServiceNowStandIn) -> None:
    instance.request_change("Another driver", "ab" * 32)
    change = instance.request_change("Policy of June", f"The policy and SQL with SHA-256 {DIGEST}")
    assert decide(instance, change["sys_id"], "approved") == 200

    answer = bench.invoke("check_change", {"run_id": RUN_ID})

    assert (answer["number"], answer["digest"]) == (change["number"], DIGEST)
    assert [each["approver"] for each in answer["approved"]] == ["cab.approver"]
    assert bench.work.read_json(run_files.change_key(RUN_ID)) == answer


@pytest.mark.parametrize("decision", ["", "rejected"])
def test_a_change_that_nobody_approved_is_not_enough(
    bench: FunctionBench, instance: ServiceNowStandIn, decision: str
) -> None:
    change = instance.request_change("Policy of June", DIGEST)
    if decision:
        decide(instance, change["sys_id"], decision)

    with pytest.raises(ChangeNotApproved, match=f"{change['number']} is "):
        bench.invoke("check_change", {"run_id": RUN_ID})
    assert not bench.work.latest_versions(run_files.change_prefix(RUN_ID))


def test_an_approved_change_of_something_else_names_nothing(bench: FunctionBench, instance: ServiceNowStandIn) -> None:
    change = instance.request_change("Another policy", "ab" * 32)
    decide(instance, change["sys_id"], "approved")

    with pytest.raises(ChangeNotApproved, match="none names it"):
        bench.invoke("check_change", {"run_id": RUN_ID})


def test_a_change_that_is_closed_no_longer_lets_a_close_use_the_rules(
    bench: FunctionBench, instance: ServiceNowStandIn
) -> None:
    change = instance.request_change("Policy of June", DIGEST)
    decide(instance, change["sys_id"], "approved")
    instance.change_record("change_request", change["sys_id"], {"state": "3"})

    with pytest.raises(ChangeNotApproved, match=f"{change['number']} is in state Closed"):
        bench.invoke("check_change", {"run_id": RUN_ID})
