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
from functions.shared.errors import ChangeNotApproved, PostingRejected
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
        boto3.client("secretsmanager").create_secret(Name=VALUES["SERVICENOW_SECRET"])
        connect(stand_in)
        yield stand_in


def connect(instance: ServiceNowStandIn, mapping: dict[str, object] | None = None) -> None:
    secret = {"base_url": instance.url, "credentials": instance.credentials, "timeout_seconds": 5}
    boto3.client("secretsmanager").put_secret_value(
        SecretId=VALUES["SERVICENOW_SECRET"], SecretString=json.dumps(secret | {"change": mapping or {}})
    )


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


@pytest.mark.parametrize(("state", "label"), [("0", "Review"), ("-1", "Implement")])
def test_a_change_that_is_carried_out_or_reviewed_still_lets_a_close_use_the_rules(
    bench: FunctionBench, instance: ServiceNowStandIn, state: str, label: str
) -> None:
    change = instance.request_change("Policy of June", DIGEST)
    decide(instance, change["sys_id"], "approved")
    instance.change_record("change_request", change["sys_id"], {"state": state})

    assert bench.invoke("check_change", {"run_id": RUN_ID})["number"] == change["number"], label


def test_a_change_that_is_canceled_no_longer_lets_a_close_use_the_rules(
    bench: FunctionBench, instance: ServiceNowStandIn
) -> None:
    change = instance.request_change("Policy of June", DIGEST)
    decide(instance, change["sys_id"], "approved")
    instance.change_record("change_request", change["sys_id"], {"state": "4"})

    with pytest.raises(ChangeNotApproved, match=f"{change['number']} is in state Canceled"):
        bench.invoke("check_change", {"run_id": RUN_ID})


def test_an_approval_by_our_own_user_counts_for_nothing_whoever_requested_the_change(
    bench: FunctionBench, instance: ServiceNowStandIn
) -> None:
    users = {user["user_name"]: user["sys_id"] for user in instance.records("sys_user")}
    fields = {"description": DIGEST, "requested_by": users["finops.analyst"], "approval": "approved", "state": "-2"}
    change = instance.add_record("change_request", fields)
    ours = {"sysapproval": change["sys_id"], "approver": users["chargeback.integration"], "state": "approved"}
    instance.add_record("sysapproval_approver", ours)

    with pytest.raises(ChangeNotApproved, match=r"was approved by nobody but chargeback\.integration, our own user"):
        bench.invoke("check_change", {"run_id": RUN_ID})

    instance.add_record("sysapproval_approver", ours | {"approver": users["cab.approver"]})
    answer = bench.invoke("check_change", {"run_id": RUN_ID})
    assert [each["approver"] for each in answer["approved"]] == ["cab.approver"]


def test_the_approved_change_is_found_behind_a_hundred_that_are_not(
    bench: FunctionBench, instance: ServiceNowStandIn
) -> None:
    changes = [instance.request_change(f"Draft {number}", DIGEST) for number in range(101)]
    *drafts, last = sorted(changes, key=lambda each: each["sys_id"])
    for draft in drafts:
        instance.change_record("change_request", draft["sys_id"], {"state": "4"})
    decide(instance, last["sys_id"], "approved")

    assert bench.invoke("check_change", {"run_id": RUN_ID})["number"] == last["number"]


def test_the_hash_stands_in_the_columns_that_the_connection_names(
    bench: FunctionBench, instance: ServiceNowStandIn
) -> None:
    change = instance.request_change("Policy of June", "as discussed")
    instance.change_record("change_request", change["sys_id"], {"u_policy_hash": DIGEST})
    decide(instance, change["sys_id"], "approved")

    with pytest.raises(ChangeNotApproved, match="none names it"):
        bench.invoke("check_change", {"run_id": RUN_ID})

    connect(instance, {"hash_columns": ["description", "u_policy_hash"]})
    assert bench.invoke("check_change", {"run_id": RUN_ID})["number"] == change["number"]


def test_a_column_that_the_instance_does_not_search_by_is_named(
    bench: FunctionBench, instance: ServiceNowStandIn
) -> None:
    instance.request_change("Another policy", "ab" * 32)
    connect(instance, {"hash_columns": ["description", "u_polcy_hash"]})

    with pytest.raises(PostingRejected, match="change_request is not searched by u_polcy_hash"):
        bench.invoke("check_change", {"run_id": RUN_ID})


def test_a_run_that_is_resumed_keeps_the_change_that_it_was_let_through_with(
    bench: FunctionBench, instance: ServiceNowStandIn
) -> None:
    change = instance.request_change("Policy of June", DIGEST)
    decide(instance, change["sys_id"], "approved")
    began = bench.invoke("check_change", {"run_id": RUN_ID, "action": "close"})
    instance.change_record("change_request", change["sys_id"], {"state": "3"})

    assert bench.invoke("check_change", {"run_id": RUN_ID, "action": "resume"}) == began
    assert bench.work.read_json(run_files.change_key(RUN_ID)) == began
    with pytest.raises(ChangeNotApproved, match=f"{change['number']} is in state Closed"):
        bench.invoke("check_change", {"run_id": RUN_ID, "action": "close"})


@pytest.mark.usefixtures("instance")
def test_a_run_that_began_without_a_gate_is_asked_when_it_is_resumed(bench: FunctionBench) -> None:
    bench.work.write_json(run_files.change_key(RUN_ID), {"gate": "off"})

    with pytest.raises(ChangeNotApproved, match="none names it"):
        bench.invoke("check_change", {"run_id": RUN_ID, "action": "resume"})
