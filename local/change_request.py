"""``python -m local request-change`` and ``approve-change``: changed rules get the approval that a close asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from functions.check_change.last_closed import last_closed
from functions.check_change.logic import (
    FilesInForce,
    changed_files,
    digest_of,
    files_in_force,
    files_of,
    listing,
)
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.adapters.policy_source import PolicySource
from functions.shared.adapters.servicenow.changes import CHANGE_PATH, ChangeRequest, ChangeRequests
from functions.shared.adapters.servicenow.client import Request
from functions.shared.adapters.servicenow.connection import ServiceNow, open_servicenow
from functions.shared.adapters.servicenow.new_changes import NewChanges
from functions.shared.attaching import FilesAttached, FileToAttach, attach_once
from functions.shared.closed_evidence import ClosedEvidence
from functions.shared.errors import PostingError, RestorationFailed
from functions.shared.periods import BillingPeriod
from functions.shared.sql_catalog import load_statements
from local.close import SAMPLE_POLICY, check_policy, make_folder, make_sample
from local.outcome import CLOSED, UsageError
from local.progress import Show, counted
from local.sample.month import DEFAULT_LINE_ITEMS
from local.servicenow.server import ServiceNowStandIn
from local.what_if import preview_both, write_csv
from local.world import World, open_world

SECONDS_TO_ASK = 300.0
MOST_FILES_NAMED = 50
"""A description takes 4,000 characters; beyond that the attached list has them all."""


class ChangeOptions(NamedTuple):
    """Rules that are to be approved, and the month that shows what they do; without ``cur`` and ``ratified`` the sample
    organisation's.

    ``servicenow`` is a file with the connection to an instance, in the form of the functions' secret; without it the
    stand-in of ``out`` is asked. ``evidence`` is that of the last close; without it the last one of ``out``.
    """

    proposed: Path
    period: BillingPeriod
    out: Path
    cur: Path | None = None
    ratified: Path | None = None
    servicenow: Path | None = None
    evidence: Path | None = None


class Rules(NamedTuple):
    """The files that a close is made with, and which of them differ from the last close's."""

    files: FilesInForce
    changed: tuple[str, ...]

    @property
    def digest(self) -> str:
        """What a change request has to name."""
        return digest_of(self.files)


class Requested(NamedTuple):
    """What came of asking: the change request, whether it was opened just now, and its files."""

    change: ChangeRequest
    opened: bool
    attached: FilesAttached


def request_change(options: ChangeOptions, show: Show) -> int:
    """Opens a change request for the rules in force, or finds the one that is open; returns the exit code."""
    if (options.cur is None) != (options.ratified is None):
        raise UsageError("--cur and --ratified go together: a bill, and the policy in force on it")
    ratified = options.ratified or SAMPLE_POLICY
    for policy in (ratified, options.proposed):
        check_policy(policy, [options.period])
    connection = _connection_in(options.servicenow) if options.servicenow else ""
    last = _files_in(options.evidence) if options.evidence else None
    make_folder(options.out)
    cur = options.cur or make_sample(options.out, [options.period], DEFAULT_LINE_ITEMS, show)
    with open_world(options.out, tell=show) as world:
        rules = rules_of(options.proposed, last if last is not None else last_closed(ObjectStore(world.ledger_bucket)))
        if not rules.changed:
            show(f"nothing to approve: {options.proposed} and the SQL are those of the last close, {rules.digest}")
            return CLOSED
        rows = preview_both(world, cur, options.period, (ratified, options.proposed), show)
        table = write_csv(rows, options.out, options.period, options.proposed)
        servicenow = open_servicenow(connection or _of_stand_in(world), seconds=SECONDS_TO_ASK)
        requested = request_approval(servicenow, rules, options.period, table)
    for line in told(requested, rules, options, servicenow.connection.base_url):
        show(line)
    return CLOSED


def rules_of(policy: Path, last: FilesInForce) -> Rules:
    """The policy with its drivers and the SQL of this checkout, as a close with them would be checked."""
    source = PolicySource.from_folder(policy)
    sql = {name: statement.text for name, statement in load_statements().items()}
    files = files_in_force({source.name: source.text, **source.drivers}, sql)
    return Rules(files, changed_files(files, last))


def request_approval(servicenow: ServiceNow, rules: Rules, period: BillingPeriod, table: Path) -> Requested:
    """Has one open change request name the rules, with the table and the list of files attached once, and puts it
    before its approvers. Asked again, it finds what is there. Raises the PostingError family."""
    digest, changes = rules.digest, NewChanges.of(servicenow)
    files = (
        FileToAttach(f"rules-{digest[:12]}.txt", listing(rules.files).encode(), "text/plain"),
        FileToAttach(f"what-if-{table.name}", table.read_bytes(), "text/csv"),
    )
    summary = f"Chargeback rules {digest[:12]}: {counted(len(rules.changed), 'file')} changed"
    change, opened = changes.open(digest, summary, description_of(rules, period, files))
    attached = attach_once(changes.files_of(change), files)
    return Requested(changes.submit(change), opened, attached)


def description_of(rules: Rules, period: BillingPeriod, files: tuple[FileToAttach, FileToAttach]) -> str:
    """What an approver reads: the digest, what changed, and what the attached files are."""
    named, more = rules.changed[:MOST_FILES_NAMED], rules.changed[MOST_FILES_NAMED:]
    rest = [f"and {len(more)} more"] if more else []
    listed, table = files
    return "\n".join(
        [
            "The policy, driver and SQL files that the chargeback is closed with. The SHA-256 of their list is",
            rules.digest,
            "",
            "Other than at the last close:",
            *named,
            *rest,
            "",
            f"{listed.name} is that list, every file with its SHA-256: sha256sum {listed.name}",
            f"{table.name} is what each cost center would pay for {period} with the policy in force and with this one; "
            "both are computed by the SQL of the list, so that what other SQL does is not in it.",
        ]
    )


def told(requested: Requested, rules: Rules, options: ChangeOptions, base_url: str) -> list[str]:
    """What came of it, and what is to be done next."""
    change = requested.change
    state = "opened" if requested.opened else "is open already"
    uploaded = f"{requested.attached.uploaded} attached now, {requested.attached.found} before"
    record = f"{base_url.rstrip('/')}/nav_to.do?uri=change_request.do?sys_id={change.sys_id}"
    where = record if options.servicenow else f"python -m local approve-change {change.number} --out {options.out}"
    step = f"neither {change.requested_by} nor the user whom closes work as: {where}"
    others = [each.approver for each in change.approvals if each.approver != change.requested_by]
    if change.is_approved and others:
        step = f"nothing to do any more: approved by {', '.join(others)}"
    return [
        f"\n{change.number}  {state}, in state {change.state}, approval {change.approval}",
        f"  digest     {rules.digest}",
        f"  changed    {', '.join(rules.changed)}",
        f"  files      {uploaded}",
        f"  approver   {step}",
        "  then       close the month; before it is approved, a close with these rules fails as ChangeNotApproved",
    ]


def approve_change(number: str, out: Path, show: Show) -> int:
    """Approves a change request of the stand-in as its approver, who is neither the requester nor our user."""
    if not (out / ".cloud" / "servicenow.sqlite").is_file():
        raise UsageError(f"--out {out}: no books are kept there; python -m local request-change opens a change request")
    with ServiceNowStandIn(out / ".cloud") as books:
        servicenow = open_servicenow(_connection(books, books.approver_credentials), seconds=SECONDS_TO_ASK)
        changes = ChangeRequests.of(servicenow)
        change = changes.read(number)
        if not change.is_approved:
            path = f"{CHANGE_PATH}/{change.sys_id}/approvals"
            servicenow.client.ask_json(Request("PATCH", path, "approval", record={"state": "approved"}))
            change = changes.read(number)
    approvers = ", ".join(f"{each.approver} at {each.at}" for each in change.approvals)
    show(f"{number}  {change.approval} by {approvers}, in state {change.state}")
    return CLOSED


def _of_stand_in(world: World) -> str:
    """The connection of somebody who may open change requests in the stand-in's books: not the functions' own."""
    if world.books is None:
        raise UsageError("the local cloud is not connected to any books")
    return _connection(world.books, world.books.requester_credentials)


def _connection(books: ServiceNowStandIn, credentials: dict[str, str]) -> str:
    return json.dumps({"base_url": books.url, "credentials": credentials})


def _connection_in(path: Path) -> str:
    """The connection that a file holds, refused before anything is started if it cannot be used."""
    text = _read("--servicenow", path)
    try:
        open_servicenow(text, seconds=SECONDS_TO_ASK)
    except PostingError as error:
        raise UsageError(f"--servicenow {path}: {error}") from error
    return text


def _files_in(path: Path) -> FilesInForce:
    """What the evidence in a file says its close was made with."""
    text = _read("--evidence", path)
    try:
        return files_of(ClosedEvidence.read(str(path), text.encode()))
    except RestorationFailed as error:
        raise UsageError(f"--evidence {error}") from error


def _read(option: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{option} {path}: cannot be read: {error}") from error
