"""Rules that changed are used only under an approved change request that names them."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from functions.check_change.logic import (
    CLOSE_STATEMENTS,
    ChangeRecord,
    approved_change,
    changed_files,
    digest_of,
    files_in_force,
    listing,
    stands,
)
from functions.shared.adapters.servicenow.changes import Approval, ChangeRequest
from functions.shared.errors import ChangeNotApproved
from functions.shared.sql_catalog import load_statements

POLICY = {"policy.yaml": "pools: []", "drivers/headcount.csv": "CC-1001,5"}
SQL = {"f010_charges": "select 1", "h010_hygiene": "select 2"}
FILES = files_in_force(POLICY, SQL)
DIGEST = digest_of(FILES)
CHANGED = ("policy drivers/headcount.csv",)
US = "chargeback.integration"


def change(number: str = "CHG1", **other: Any) -> ChangeRequest:
    """A change request that lets a close use the files."""
    fields: dict[str, Any] = {
        "number": number,
        "sys_id": f"id of {number}",
        "state": "Scheduled",
        "approval": "approved",
        "requested_by": "finops.analyst",
        "text": f"New headcount\n{DIGEST}",
        "approvals": (Approval("controller", "2026-06-01 09:00:00"),),
    }
    return ChangeRequest(**(fields | other))


def test_the_digest_is_that_of_one_line_a_file_and_leaves_out_sql_that_no_close_runs() -> None:
    def sha256(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    lines = [
        f"policy {sha256('CC-1001,5')} drivers/headcount.csv\n",
        f"policy {sha256('pools: []')} policy.yaml\n",
        f"sql {sha256('select 1')} f010_charges\n",
    ]
    assert listing(FILES) == "".join(lines)
    assert sha256("".join(lines)) == DIGEST


def test_every_statement_of_a_close_is_a_file_that_there_is() -> None:
    assert load_statements().keys() >= CLOSE_STATEMENTS


@pytest.mark.parametrize(
    ("policy", "sql", "changed"),
    [
        (POLICY, SQL, ()),
        (POLICY | {"drivers/headcount.csv": "CC-1001,6"}, SQL, ("policy drivers/headcount.csv",)),
        (POLICY, SQL | {"f010_charges": "select 3"}, ("sql f010_charges",)),
        (POLICY, SQL | {"h010_hygiene": "select 3"}, ()),
        ({"policy.yaml": "pools: []"}, SQL, ("policy drivers/headcount.csv",)),
        ({"other.yaml": "pools: []"} | POLICY, SQL, ("policy other.yaml",)),
    ],
    ids=["nothing", "a driver", "a query", "a query of the validation", "a file gone", "a file added"],
)
def test_what_changed_is_told_file_by_file(
    policy: dict[str, str], sql: dict[str, str], changed: tuple[str, ...]
) -> None:
    assert changed_files(files_in_force(policy, sql), FILES) == changed
    assert (digest_of(files_in_force(policy, sql)) == DIGEST) == (not changed)


def test_before_the_first_close_everything_is_new() -> None:
    assert len(changed_files(FILES, {})) == 3


def test_the_approved_change_is_recorded_with_who_approved_it_and_when() -> None:
    record = approved_change(DIGEST, CHANGED, [change("CHG2"), change("CHG1")], US).model_dump()

    assert (record["gate"], record["number"], record["sys_id"]) == ("on", "CHG1", "id of CHG1")
    assert (record["digest"], record["changed"]) == (DIGEST, CHANGED)
    assert record["approved"] == ({"approver": "controller", "at": "2026-06-01 09:00:00"},)


def test_one_request_that_is_not_approved_does_not_stand_in_the_way_of_another_that_is() -> None:
    rejected = change("CHG1", approval="rejected", approvals=())

    assert approved_change(DIGEST, CHANGED, [rejected, change("CHG2")], US).number == "CHG2"


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"state": "Assess", "approval": "requested", "approvals": ()}, "is in state Assess"),
        ({"approval": "requested", "approvals": ()}, "is requested"),
        ({"approval": "rejected"}, "is rejected"),
        ({"approvals": ()}, "is approved by nobody"),
        ({"text": "another driver table"}, "does not name it"),
        ({"state": "Canceled"}, "is in state Canceled"),
        ({"state": "Closed"}, "is in state Closed"),
        (
            {"approvals": (Approval("finops.analyst", "x"),)},
            "was approved by nobody but finops.analyst, who requested it",
        ),
        ({"approvals": (Approval(US, "x"),)}, f"was approved by nobody but {US}, our own user"),
        (
            {"approvals": (Approval(US, "x"), Approval("finops.analyst", "y"))},
            f"was approved by nobody but finops.analyst, who requested it, and {US}, our own user",
        ),
        ({"approvals": (Approval(US, "x"),), "requested_by": US}, f"was approved by nobody but {US}, our own user"),
        ({"approvals": (Approval("", "x"),)}, "was approved by nobody but users without a name"),
    ],
    ids=[
        "waiting",
        "requested",
        "rejected",
        "by nobody",
        "another's",
        "canceled",
        "closed",
        "by its requester",
        "by ourselves",
        "by its requester and ourselves",
        "by ourselves who requested it",
        "by an unknown user",
    ],
)
def test_a_change_request_that_is_not_enough_is_refused_with_the_reason(other: dict[str, Any], reason: str) -> None:
    with pytest.raises(ChangeNotApproved) as refused:
        approved_change(DIGEST, CHANGED, [change(**other)], US)

    message = str(refused.value)
    assert f"CHG1 {reason}" in message
    assert DIGEST in message
    assert "policy drivers/headcount.csv" in message
    assert "\n" not in message


def test_where_there_is_no_change_request_the_message_says_what_to_do() -> None:
    with pytest.raises(ChangeNotApproved, match=r"none names it\); open a change request with this hash"):
        approved_change(DIGEST, CHANGED, [], US)


@pytest.mark.parametrize("state", ["Scheduled", "Implement", "Review"])
def test_an_approval_holds_until_the_change_is_over(state: str) -> None:
    assert approved_change(DIGEST, CHANGED, [change(state=state)], US).number == "CHG1"


def test_a_hash_in_capitals_is_the_same_hash() -> None:
    assert approved_change(DIGEST, CHANGED, [change(text=f"SHA-256 {DIGEST.upper()}")], US).number == "CHG1"


def test_of_several_approvals_those_of_others_are_recorded() -> None:
    approvals = (Approval(US, "1"), Approval("finops.analyst", "2"), Approval("controller", "3"))

    record = approved_change(DIGEST, CHANGED, [change(approvals=approvals)], US)

    assert [each.approver for each in record.approved] == ["controller"]


@pytest.mark.parametrize(
    ("kept", "still"),
    [
        (ChangeRecord(gate="on", digest=DIGEST, number="CHG1"), True),
        (ChangeRecord(gate="on", digest=DIGEST), True),
        (ChangeRecord(gate="on", digest="ab" * 32, number="CHG1"), False),
        (ChangeRecord(gate="off"), False),
    ],
    ids=["approved", "nothing had changed", "other files", "no gate"],
)
def test_what_a_run_was_let_through_with_stands_for_those_files_alone(kept: ChangeRecord, still: bool) -> None:
    assert stands(kept, DIGEST) == still
