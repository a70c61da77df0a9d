"""Where a changed policy needs an approved change request, no month is closed with rules that nobody approved."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions.check_change.last_closed import last_closed
from functions.shared.adapters.servicenow.connection import open_servicenow
from functions.shared.attaching import FilesAttached
from functions.shared.periods import BillingPeriod
from local.change_request import SECONDS_TO_ASK, Requested, Rules, request_approval, rules_of
from local.what_if import preview_both, write_csv
from tests.statemachines.harness import Close, Execution

pytestmark = pytest.mark.slow


@contextmanager
def gate_of(close: Close, **variables: str) -> Iterator[None]:
    """The gate as an environment has it whose setting is on."""
    lambdas = close.world.cloud.client("lambda")
    names = [function["FunctionName"] for function in lambdas.list_functions()["Functions"]]
    [function] = [name for name in names if name.endswith("CheckChange")]
    deployed = lambdas.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    gated = {"Variables": deployed | {"CHANGE_GATE": "true"} | variables}
    lambdas.update_function_configuration(FunctionName=function, Environment=gated)
    try:
        yield
    finally:
        lambdas.update_function_configuration(FunctionName=function, Environment={"Variables": deployed})


@contextmanager
def other_sql_deployed(close: Close, file: str) -> Iterator[None]:
    """The gate as a deployment has it in which a SQL file has one more line."""
    read_text = Path.read_text

    def read(path: Path, *arguments: Any, **named: Any) -> str:
        text = read_text(path, *arguments, **named)
        return f"{text}-- as it was deployed since\n" if path.name == f"{file}.sql" else text

    with pytest.MonkeyPatch.context() as patches, gate_of(close, DEPLOYMENT="with another statement"):
        patches.setattr(Path, "read_text", read)
        yield


@pytest.fixture
def gated_close(close: Close) -> Iterator[Close]:
    """The deployed close as an environment with the gate has it."""
    with gate_of(close):
        yield close


def approve(close: Close, change: str) -> None:
    assert decided_by(close, close.books.approver_credentials, change) == 200


def decided_by(close: Close, who: dict[str, str], change: str) -> int:
    """The status with which the books answer a user who approves a change request."""
    path = f"{close.books.url}/api/sn_chg_rest/change/{change}/approvals"
    auth = (who["username"], who["password"])
    return httpx.patch(path, json={"state": "approved"}, auth=auth, trust_env=False).status_code


def what_if(close: Close, period: str) -> Path:
    """The table of a month that was delivered: the small policy, and the one that was put last."""
    small, gated = (close.world.out / folder / "policy.yaml" for folder in ("small", "gated"))
    cur, month = close.world.out / f"cur-{period}-7-True", BillingPeriod.parse(period)
    rows = preview_both(close.world, cur, month, (small, gated), lambda _: None)
    return write_csv(rows, close.world.out, month, gated)


def request(close: Close, rules: Rules, period: str, table: Path) -> Requested:
    """Asks for the approval of rules as the command does."""
    connection = {"base_url": close.books.url, "credentials": close.books.requester_credentials}
    return request_approval(
        open_servicenow(json.dumps(connection), seconds=SECONDS_TO_ASK), rules, BillingPeriod.parse(period), table
    )


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


def test_the_approval_of_a_changed_policy_is_asked_for_once_and_given_by_somebody_else(gated_close: Close) -> None:
    close = gated_close
    close.deliver("2018-03")
    policy = put_policy(close, "ratified in 2018")
    refused = close.run("2018-03", policy_key=policy)
    rules = rules_of(close.world.out / "gated" / "policy.yaml", last_closed(close.ledger))
    assert rules.digest == digest_in(refused)

    table = what_if(close, "2018-03")
    first, again = (request(close, rules, "2018-03", table) for _ in range(2))
    change = first.change
    assert (first.opened, again.opened, again.change.number) == (True, False, change.number)
    assert (first.attached, again.attached) == (FilesAttached(2, 0), FilesAttached(0, 2))
    attached = [file for file in close.books.records("sys_attachment") if file["table_sys_id"] == change.sys_id]
    assert sorted(file["file_name"] for file in attached) == [
        f"rules-{rules.digest[:12]}.txt",
        "what-if-2018-03-policy.csv",
    ]
    assert table.read_bytes() in [close.books.file(file["sys_id"]) for file in attached]

    assert decided_by(close, close.books.basic_credentials, change.sys_id) == 400
    assert decided_by(close, close.books.requester_credentials, change.sys_id) == 400
    waiting = close.run("2018-03", policy_key=policy)
    assert f"{change.number} is in state Assess" in waiting.cause

    approve(close, change.sys_id)
    assert close.run("2018-03", policy_key=policy).status == "SUCCEEDED"
    recorded = change_of(close, "2018-03")
    assert (recorded["number"], recorded["digest"]) == (change.number, rules.digest)
    assert [each["approver"] for each in recorded["approved"]] == ["cab.approver"]


def test_a_month_that_was_published_before_there_was_a_gate_is_asked_when_it_is_resumed(close: Close) -> None:
    close.deliver("2018-01")
    policy = put_policy(close, "of 2018, before the gate")
    close.books.fail_next(1, "403", on="POST")
    assert close.run("2018-01", policy_key=policy).error == "PostingForbidden"

    with gate_of(close):
        refused = close.run("2018-01", policy_key=policy)
        assert (refused.error, refused.states[-4:-2]) == ("ChangeNotApproved", ["HowToProceed", "CheckChange"])
        held = close.period("2018-01")
        assert held is not None
        assert (held.status, held.failure_error) == ("PUBLISHED", "ChangeNotApproved")

        change = close.books.request_change("Chargeback policy of 2018", digest_in(refused))
        approve(close, change["sys_id"])
        resumed = close.run("2018-01", policy_key=policy)

    assert (resumed.status, resumed.output["period"]["action"]) == ("SUCCEEDED", "resume")
    assert not {"SealBillingData", "FoldLineItems"} & set(resumed.states)
    assert change_of(close, "2018-01")["number"] == change["number"]


def test_a_resumed_run_stands_under_its_approval_until_other_sql_is_deployed(gated_close: Close) -> None:
    close = gated_close
    close.deliver("2018-02")
    policy = put_policy(close, "of 2018, approved")
    digest = digest_in(close.run("2018-02", policy_key=policy))
    change = close.books.request_change("Chargeback policy of 2018", digest)
    approve(close, change["sys_id"])
    close.books.fail_next(1, "403", on="POST")
    assert close.run("2018-02", policy_key=policy).error == "PostingForbidden"
    close.books.change_record("change_request", change["sys_id"], {"state": "3"})

    with other_sql_deployed(close, "s010_ledger_entries"):
        refused = close.run("2018-02", policy_key=policy)
    assert refused.error == "ChangeNotApproved"
    assert "sql s010_ledger_entries" in refused.cause
    assert digest_in(refused) != digest

    assert close.run("2018-02", policy_key=policy).status == "SUCCEEDED"
    recorded = change_of(close, "2018-02")
    assert (recorded["number"], recorded["digest"]) == (change["number"], digest)


def test_a_preview_is_not_asked_for_a_change_request(gated_close: Close) -> None:
    gated_close.deliver("2021-03")

    preview = gated_close.run("2021-03", preview=True)

    assert preview.status == "SUCCEEDED"
    assert "CheckChange" not in preview.states


def test_where_there_is_no_gate_the_evidence_says_so(close: Close) -> None:
    close.deliver("2021-04")

    assert close.run("2021-04").status == "SUCCEEDED"
    assert change_of(close, "2021-04")["gate"] == "off"
