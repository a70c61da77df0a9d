"""Where a changed policy needs an approved change request, no month is closed with rules that nobody approved."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.statemachines.harness import Close, Execution

pytestmark = pytest.mark.slow


@pytest.fixture
def gated_close(close: Close) -> Iterator[Close]:
    """The deployed close as an environment with the gate has it."""
    lambdas = close.world.cloud.client("lambda")
    names = [function["FunctionName"] for function in lambdas.list_functions()["Functions"]]
    [function] = [name for name in names if name.endswith("CheckChange")]
    deployed = lambdas.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    gated = {"Variables": deployed | {"CHANGE_GATE": "true"}}
    lambdas.update_function_configuration(FunctionName=function, Environment=gated)
    yield close
    lambdas.update_function_configuration(FunctionName=function, Environment={"Variables": deployed})


def approve(close: Close, change: str) -> None:
    who = close.books.approver_credentials
    path = f"{close.books.url}/api/sn_chg_rest/change/{change}/approvals"
    answer = httpx.patch(path, json={"state": "approved"}, auth=(who["username"], who["password"]), trust_env=False)
    assert answer.status_code == 200


def put_policy(close: Close, remark: str) -> str:
    """The key of a policy whose text no other close was made with."""
    policy = close.world.out / "gated" / "policy.yaml"
    policy.parent.mkdir(exist_ok=True)
    small = (close.world.out / "small" / "policy.yaml").read_text(encoding="utf-8")
    policy.write_text(f"{small}\n# {remark}\n", encoding="utf-8")
    return close.world.put_policy(policy)


def digest_in(refused: Execution) -> str:
    found = re.search(r"names ([0-9a-f]{64})", refused.cause)
    assert found
    return found[1]


def change_of(close: Close, period: str) -> dict[str, Any]:
    evidence = json.loads(close.ledger.read(f"periods/{period}/revision-0001/evidence.json"))
    change: dict[str, Any] = evidence["run"]["change"]
    return change


def test_a_month_is_closed_once_a_change_request_with_the_hash_of_its_rules_is_approved(gated_close: Close) -> None:
    close = gated_close
    close.deliver("2021-01")
    policy = put_policy(close, "ratified in 2021")

    refused = close.run("2021-01", policy_key=policy)
    assert refused.error == "ChangeNotApproved"
    assert not {"SealBillingData", "FoldLineItems"} & set(refused.states)
    assert close.published("2021-01") == []

    digest = digest_in(refused)
    change = close.books.request_change("Chargeback policy of 2021", f"SHA-256 {digest}")
    waiting = close.run("2021-01", policy_key=policy)
    assert (waiting.error, change["number"] in waiting.cause) == ("ChangeNotApproved", True)

    approve(close, change["sys_id"])
    closed = close.run("2021-01", policy_key=policy)
    assert closed.status == "SUCCEEDED"
    recorded = change_of(close, "2021-01")
    assert (recorded["gate"], recorded["number"], recorded["digest"]) == ("on", change["number"], digest)
    assert [each["approver"] for each in recorded["approved"]] == ["cab.approver"]

    close.deliver("2021-02")
    assert close.run("2021-02", policy_key=policy).status == "SUCCEEDED"
    assert change_of(close, "2021-02") == recorded | {"changed": [], "number": "", "sys_id": "", "approved": []}


def test_a_policy_that_is_changed_after_its_approval_needs_another(gated_close: Close) -> None:
    close = gated_close
    close.deliver("2021-05")
    refused = close.run("2021-05", policy_key=put_policy(close, "as it was approved"))
    change = close.books.request_change("Chargeback policy", digest_in(refused))
    approve(close, change["sys_id"])

    changed = close.run("2021-05", policy_key=put_policy(close, "and changed since"))

    assert changed.error == "ChangeNotApproved"
    assert digest_in(changed) != digest_in(refused)
    assert "policy policy.yaml" in changed.cause


def test_a_preview_is_not_asked_for_a_change_request(gated_close: Close) -> None:
    gated_close.deliver("2021-03")

    preview = gated_close.run("2021-03", preview=True)

    assert preview.status == "SUCCEEDED"
    assert "CheckChange" not in preview.states


def test_where_there_is_no_gate_the_evidence_says_so(close: Close) -> None:
    close.deliver("2021-04")

    assert close.run("2021-04").status == "SUCCEEDED"
    assert change_of(close, "2021-04")["gate"] == "off"
