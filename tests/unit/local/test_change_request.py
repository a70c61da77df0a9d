"""Changed rules are put before an approver once, with everything that an approver has to see."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.shared.adapters.servicenow.connection import ServiceNow, open_servicenow
from functions.shared.attaching import FilesAttached
from functions.shared.errors import AttachmentMismatch, ChangeRequestNotFound, PostingForbidden, PostingMismatch
from functions.shared.periods import BillingPeriod
from local.change_request import (
    MOST_FILES_NAMED,
    SECONDS_TO_ASK,
    Requested,
    Rules,
    approve_change,
    request_approval,
    rules_of,
)
from local.outcome import UsageError
from local.servicenow.server import ServiceNowStandIn
from tests.unit.local.test_cli import POLICY, refusal

MAY = BillingPeriod(2026, 5)
TABLE = "cost_center,difference\nCC-1001,12.00\n"


@pytest.fixture
def books(tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    (tmp_path / ".cloud").mkdir()
    with ServiceNowStandIn(tmp_path / ".cloud") as stand_in:
        yield stand_in


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "2026-05-meridian.csv"
    file.write_text(TABLE)
    return file


def as_analyst(books: ServiceNowStandIn, **mapping: object) -> ServiceNow:
    connection = {"base_url": books.url, "credentials": books.requester_credentials, "change": mapping}
    return open_servicenow(json.dumps(connection), seconds=SECONDS_TO_ASK)


def rules(changed: int = 1) -> Rules:
    """Rules with so many files that are not those of the last close."""
    files = {("sql", f"a{number:03d}_shares"): f"{number:064x}" for number in range(changed)}
    return Rules(files, tuple(f"{kind} {name}" for kind, name in sorted(files)))


def ask(books: ServiceNowStandIn, table: Path, of: Rules | None = None, **mapping: object) -> Requested:
    return request_approval(as_analyst(books, **mapping), of or rules(), MAY, table)


def files_in(books: ServiceNowStandIn) -> dict[str, bytes]:
    return {each["file_name"]: books.file(each["sys_id"]) for each in books.records("sys_attachment")}


def test_the_request_names_the_digest_and_what_changed_and_waits_for_its_approver(
    books: ServiceNowStandIn, table: Path
) -> None:
    requested = ask(books, table)

    [change] = books.records("change_request")
    assert (requested.opened, requested.change.number) == (True, change["number"])
    assert rules().digest in change["description"]
    assert "\nsql a000_shares\n" in change["description"]
    assert (change["state"], change["approval"]) == ("-4", "requested")
    assert requested.change.requested_by == "finops.analyst"


def test_the_list_of_files_that_is_attached_has_the_digest_as_its_hash(books: ServiceNowStandIn, table: Path) -> None:
    ask(books, table)

    digest = rules().digest
    attached = files_in(books)
    assert attached.keys() == {f"rules-{digest[:12]}.txt", "what-if-2026-05-meridian.csv"}
    assert hashlib.sha256(attached[f"rules-{digest[:12]}.txt"]).hexdigest() == digest
    assert attached["what-if-2026-05-meridian.csv"].decode() == TABLE


def test_asked_again_the_open_request_is_found_and_nothing_is_attached_twice(
    books: ServiceNowStandIn, table: Path
) -> None:
    first, again = ask(books, table), ask(books, table)

    assert (again.opened, again.change.number) == (False, first.change.number)
    assert (first.attached, again.attached) == (FilesAttached(2, 0), FilesAttached(0, 2))
    assert len(books.records("change_request")) == len(books.records("sysapproval_approver")) == 1
    assert len(books.records("sys_attachment")) == 2


@pytest.mark.parametrize("over", [{"state": "4"}, {"state": "3"}, {"approval": "rejected"}])
def test_a_request_that_is_over_is_not_asked_for_again(
    books: ServiceNowStandIn, table: Path, over: dict[str, str]
) -> None:
    first = ask(books, table)
    books.change_record("change_request", first.change.sys_id, over)

    again = ask(books, table)

    assert again.opened
    assert again.change.number != first.change.number


def test_an_interrupted_request_is_completed(books: ServiceNowStandIn, table: Path) -> None:
    books.fail_next(1, "403", on="upload", after=1)
    with pytest.raises(PostingForbidden):
        ask(books, table)
    [change] = books.records("change_request")
    assert change["state"] == "-5"

    completed = ask(books, table)

    assert (completed.opened, completed.attached) == (False, FilesAttached(1, 1))
    assert (completed.change.state, completed.change.approval) == ("Assess", "requested")


def test_another_table_for_the_same_month_is_not_passed_off_as_the_one_that_was_attached(
    books: ServiceNowStandIn, table: Path
) -> None:
    ask(books, table)
    table.write_text(TABLE.replace("12.00", "13.00"))

    with pytest.raises(AttachmentMismatch, match=r"called what-if-2026-05-meridian\.csv"):
        ask(books, table)


def test_an_instance_has_the_hash_in_a_column_of_its_own_and_further_columns_as_it_needs_them(
    books: ServiceNowStandIn, table: Path
) -> None:
    ask(books, table, hash_columns=["u_policy_hash"], constants={"type": "normal"}, submitted_state="")

    [change] = books.records("change_request")
    assert change["u_policy_hash"] == rules().digest
    assert change["state"] == "-5"
    assert not ask(books, table, hash_columns=["u_policy_hash"], submitted_state="").opened


def test_a_hash_that_does_not_arrive_in_its_column_is_noticed(books: ServiceNowStandIn, table: Path) -> None:
    with pytest.raises(PostingMismatch, match="let our user read and write type, which hold 64 characters"):
        ask(books, table, hash_columns=["type"])


def test_a_long_list_of_files_does_not_push_anything_out_of_the_description(
    books: ServiceNowStandIn, table: Path
) -> None:
    many = rules(MOST_FILES_NAMED + 7)

    ask(books, table, many)

    description = books.records("change_request")[0]["description"]
    assert "\nand 7 more\n" in description
    assert "what each cost center would pay for 2026-05" in description


def test_the_digest_is_that_of_the_policy_its_drivers_and_the_sql_and_of_nothing_else(tmp_path: Path) -> None:
    policy = tmp_path / POLICY.name
    for file in POLICY.parent.rglob("*"):
        if file.is_file():
            copy = tmp_path / file.relative_to(POLICY.parent)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    (tmp_path / "notes.txt").write_text("not a rule")
    original = rules_of(POLICY, {})
    assert rules_of(policy, original.files) == Rules(original.files, ())

    policy.write_text(policy.read_text() + "\n# ratified\n")
    assert rules_of(policy, original.files).changed == (f"policy {POLICY.name}",)
    assert rules_of(policy, original.files).digest != original.digest


def test_the_approver_of_the_stand_in_approves_once_and_the_next_run_finds_it(tmp_path: Path, table: Path) -> None:
    (tmp_path / ".cloud").mkdir()
    with ServiceNowStandIn(tmp_path / ".cloud") as books:
        number = ask(books, table).change.number
    said: list[str] = []

    for _ in range(2):
        assert approve_change(number, tmp_path, said.append) == 0

    assert all(line.startswith(f"{number}  approved by cab.approver at ") for line in said)
    with ServiceNowStandIn(tmp_path / ".cloud") as books:
        again = ask(books, table)
        assert again.change.is_approved
        assert books.records("sysapproval_approver")[0]["sys_updated_by"] == "cab.approver"


def test_a_change_request_that_is_not_there_cannot_be_approved(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no books are kept there"):
        approve_change("CHG0010001", tmp_path / "nowhere", print)
    (tmp_path / ".cloud").mkdir()
    with ServiceNowStandIn(tmp_path / ".cloud"):
        pass
    with pytest.raises(ChangeRequestNotFound, match="CHG0010001"):
        approve_change("CHG0010001", tmp_path, print)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--ratified", POLICY], "UsageError: --cur and --ratified go together: a bill, and the policy in force on it"),
        (["--servicenow", "nowhere.json"], "UsageError: --servicenow nowhere.json: cannot be read: "),
        (["--evidence", "nowhere.json"], "UsageError: --evidence nowhere.json: cannot be read: "),
        (["--servicenow", POLICY], f"UsageError: --servicenow {POLICY}: the stored ServiceNow connection is unusable"),
        (["--evidence", POLICY], f"UsageError: --evidence {POLICY} cannot be read as chargeback evidence 1"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_started(
    tmp_path: Path, arguments: list[str | Path], complaint: str
) -> None:
    line = refusal("request-change", "--policy", POLICY, "--period", "2026-05", "--out", tmp_path / "out", *arguments)

    assert line.startswith(complaint)
    assert not (tmp_path / "out").exists()


def test_an_address_that_cannot_be_an_instance_is_refused_by_the_name_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "connection.json"
    unsaid = "what nobody else knows"
    credentials = {"kind": "basic", "username": "requester", "password": unsaid}
    file.write_text(json.dumps({"base_url": "acme.service-now.com", "credentials": credentials}), encoding="utf-8")

    line = refusal("request-change", "--policy", POLICY, "--period", "2026-05", "--servicenow", file)

    assert line.startswith(f"UsageError: --servicenow {file}: ")
    assert unsaid not in line
