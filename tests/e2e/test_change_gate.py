"""Changed rules, from the close that refuses them to the close that is made with them, as a user meets it."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from local.servicenow.server import ServiceNowStandIn
from tests.e2e.bills import Bill
from tests.e2e.command import close, run

pytestmark = pytest.mark.slow

MONTH = "2026-05"


@pytest.fixture(scope="module")
def cur(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Bill.write(tmp_path_factory.mktemp("gated") / "cur", MONTH).folder


def digest_in(text: str) -> str:
    found = re.search(r"[0-9a-f]{64}", text)
    assert found
    return found[0]


def test_a_month_is_closed_with_changed_rules_once_they_were_asked_for_and_approved(
    tmp_path: Path, cur: Path, policy: Path
) -> None:
    out = tmp_path / "out"
    refused = close(cur, policy, MONTH, out, "--change-gate")
    [complaint] = refused.err
    assert (refused.code, complaint.partition(":")[0]) == (2, "ChangeNotApproved")
    digest = digest_in(complaint)

    asking = ("request-change", "--policy", policy, "--ratified", policy, "--cur", cur, "--period", MONTH, "--out", out)
    first, again = run(*asking), run(*asking)
    assert (first.code, again.code) == (0, 0), first.err + again.err
    assert "CHG0010001  opened, in state Assess, approval requested" in first.out
    assert "CHG0010001  is open already, in state Assess, approval requested" in again.out
    assert f"  digest     {digest}" in first.out
    assert "  files      2 attached now, 0 before" in first.out
    assert "  files      0 attached now, 2 before" in again.out
    [step] = [line for line in first.out if line.startswith("  approver ")]
    assert step.endswith(f"python -m local approve-change CHG0010001 --out {out}")

    assert run("approve-change", "CHG0010001", "--out", out).code == 0
    closed = close(cur, policy, MONTH, out, "--change-gate")

    assert closed.code == 0, closed.err
    change = json.loads((out / MONTH / "evidence.json").read_text())["run"]["change"]
    assert (change["number"], change["digest"]) == ("CHG0010001", digest)
    assert [each["approver"] for each in change["approved"]] == ["cab.approver"]
    nothing = run(*asking)
    assert any(line.startswith("nothing to approve: ") for line in nothing.out)


def test_an_approval_is_asked_for_on_the_instance_that_the_connection_names(
    tmp_path: Path, cur: Path, policy: Path
) -> None:
    connection, out = tmp_path / "connection.json", tmp_path / "out"
    with ServiceNowStandIn(tmp_path) as instance:
        connection.write_text(json.dumps({"base_url": instance.url, "credentials": instance.requester_credentials}))

        asked = run(
            *("request-change", "--policy", policy, "--ratified", policy, "--cur", cur, "--period", MONTH),
            *("--servicenow", connection, "--out", out),
        )

        assert asked.code == 0, asked.err
        [change] = instance.records("change_request")
        assert any(f"{instance.url}/nav_to.do?uri=change_request.do?sys_id={change['sys_id']}" in e for e in asked.out)
        [rules] = [file for file in instance.records("sys_attachment") if file["file_name"].startswith("rules-")]
        digest = hashlib.sha256(instance.file(rules["sys_id"])).hexdigest()
    assert digest in change["description"]
    assert f"  digest     {digest}" in asked.out
