"""What the product does with ServiceNow in a close and in a day, and what the books must hold afterwards."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from functions.post_charge.logic import PostedCharge, post_charge
from functions.shared.adapters.servicenow.attachments import Attachments
from functions.shared.adapters.servicenow.changes import ChangeRequest, ChangeRequests
from functions.shared.adapters.servicenow.mappings import ChangeMapping, ExpenseLineMapping, IncidentMapping
from functions.shared.adapters.servicenow.new_changes import NewChanges
from functions.shared.adapters.servicenow.tickets import NewTicket, Tickets
from functions.shared.attaching import FilesAttached, FileToAttach, attach_once
from local.servicenow.server import ServiceNowStandIn
from tests.unit.servicenow_bench import LINES, Desk, charge_of

CHARGES = (
    charge_of("1234.50", cost_center="CC-1001"),
    charge_of("-87.10", cost_center="CC-1002"),
    charge_of("0.01", cost_center="CC-1003"),
)
FILES = (
    FileToAttach("claims-2026-05-r1.pdf", b"%PDF-1.7 claims", "application/pdf"),
    FileToAttach("claims-2026-05-r1.csv", b"cost_center,amount\r\n", "text/csv"),
    FileToAttach("claims-2026-05-r1.SHA256SUMS.p7s", b"\x30\x82\x00", "application/pkcs7-signature"),
)
BY_REFERENCE = ExpenseLineMapping(cost_center_column="cost_center", cost_center_table="cmn_cost_center")
IMPORTED = ExpenseLineMapping(staging_table="u_chargeback_import")
CONCERN = "tag-hygiene/111122223333"
GROUP = "Claims Cloud"
RULES, NEW_RULES = "ab" * 32, "cd" * 32


def set_up(instance: ServiceNowStandIn) -> None:
    """What an administrator has entered before anything is posted."""
    for charge in CHARGES:
        instance.add_record("cmn_cost_center", {"code": charge.cost_center})
    instance.add_record("sys_user_group", {"name": GROUP})
    change = instance.request_change("Drivers of June", "policy sha256 abc")
    instance.change_record("change_request", change["sys_id"], {"approval": "approved", "state": "-2"})
    approval = instance.records("sysapproval_approver")[0]
    instance.change_record("sysapproval_approver", approval["sys_id"], {"state": "approved"})
    for attempt in ("first", "second"):
        instance.request_change(f"Policy of June, {attempt} attempt", RULES)


def post(desk: Desk, mapping: ExpenseLineMapping | None = None) -> list[PostedCharge]:
    """Posts every charge."""
    return [post_charge(charge, desk.book(mapping)) for charge in CHARGES]


def read_back(desk: Desk) -> dict[str, Decimal]:
    """What the books hold of the batch, by cost center."""
    held = desk.book().read_batch(CHARGES[0].batch.prefix)
    assert held.hidden == 0
    assert len({line.key for line in held.lines}) == len(held.lines)
    return {line.cost_center: line.amount for line in held.lines}


def attach(desk: Desk) -> FilesAttached:
    """Attaches the statement to the first line."""
    return attach_once(Attachments(desk.client, LINES, first_line(desk)), FILES)


def first_line(desk: Desk) -> str:
    """The line that carries the statement."""
    [line] = desk.stand_in.records(LINES)[:1]
    return line["sys_id"]


def read_change(desk: Desk) -> ChangeRequest:
    """Reads the change request, which is approved."""
    change = ChangeRequests(desk.client).read("CHG0010001")
    assert change.is_approved
    assert change.requested_by == "chargeback.integration"
    return change


def find_changes(desk: Desk) -> object:
    """Reads the change requests that name the rules, one a page."""
    found = ChangeRequests(desk.client, page_size=1).naming(RULES)
    assert sorted(change.number for change in found) == ["CHG0010002", "CHG0010003"]
    assert {change.requested_by for change in found} == {"chargeback.integration"}
    return found


def ask_who_we_are(desk: Desk) -> object:
    """Asks the instance whom it takes us for."""
    assert ChangeRequests(desk.client).our_user() == "chargeback.integration"
    return None


def open_change(desk: Desk) -> ChangeRequest:
    """Opens a change request for new rules."""
    return NewChanges(desk.client, ChangeMapping()).open(NEW_RULES, "New rules", f"Please approve {NEW_RULES}")[0]


def submit_change(desk: Desk) -> object:
    """Puts it before its approvers."""
    change = NewChanges(desk.client, ChangeMapping()).submit(open_change(desk))
    assert (change.state, change.approval) == ("Assess", "requested")
    return change


def tickets(desk: Desk) -> Tickets:
    """The tickets."""
    return Tickets(desk.client, IncidentMapping())


def open_ticket(desk: Desk) -> object:
    """Opens the ticket of the concern."""
    return tickets(desk).open(CONCERN, NewTicket("Untagged cost", "1,234.00 USD", GROUP, date(2026, 6, 18)))


def note_ticket(desk: Desk) -> object:
    """Adds a note to it."""
    return tickets(desk).note(CONCERN, "2026-06-05", "still 1,300.00 USD")


def escalate_ticket(desk: Desk) -> object:
    """Makes it more urgent."""
    return tickets(desk).escalate(CONCERN, "2026-06-05 3-escalate", "past due")


def look_at_tickets(desk: Desk) -> object:
    """Reads every ticket of the account, as each day's decision begins."""
    found = Tickets(desk.client, IncidentMapping()).all_of(CONCERN)
    assert [ticket.correlation_id for ticket in found] == [CONCERN, f"{CONCERN}/0002", f"{CONCERN}/0003"]
    return found


def enter_tickets(desk: Desk) -> object:
    """Opens the ticket, and two more of the account."""
    for concern in (CONCERN, f"{CONCERN}/0002", f"{CONCERN}/0003"):
        tickets(desk).open(concern, NewTicket("Untagged cost", "1,234.00 USD", GROUP, date(2026, 6, 18)))
    return None


def resolve_ticket(desk: Desk) -> object:
    """Resolves it."""
    return tickets(desk).resolve(CONCERN, "2026-06-06", "everything is tagged")


def reopen_ticket(desk: Desk) -> object:
    """Takes it up again."""
    return tickets(desk).reopen(CONCERN, "2026-06-20", "it is back")


def assert_posted_once(instance: ServiceNowStandIn) -> None:
    """Each charge is one line with its amount, and there are no others."""
    assert [charge.cost_center for charge in CHARGES] == sorted(charge.cost_center for charge in CHARGES)
    held = sorted((line["u_chargeback_key"], line["amount"]) for line in instance.records(LINES))
    assert held == sorted((charge.key, f"{charge.amount:f}") for charge in CHARGES)


def assert_attached_once(instance: ServiceNowStandIn) -> None:
    """Each file hangs on the first line, once and whole."""
    records = instance.records("sys_attachment")
    assert {record["table_sys_id"] for record in records} == {instance.records(LINES)[0]["sys_id"]}
    held = sorted((record["file_name"], instance.file(record["sys_id"])) for record in records)
    assert held == sorted((file.name, file.content) for file in FILES)


def assert_one_change(instance: ServiceNowStandIn, *, state: str, approvers: int) -> None:
    """One change request names the new rules, in this state, and so many were asked to approve it, each once."""
    [change] = [each for each in instance.records("change_request") if NEW_RULES in each["description"]]
    assert change["state"] == state
    asked = [each for each in instance.records("sysapproval_approver") if each["sysapproval"] == change["sys_id"]]
    assert len(asked) == approvers


def assert_one_ticket(instance: ServiceNowStandIn, *, state: str, notes: list[str]) -> None:
    """There is one ticket in this state, with these notes."""
    [incident] = instance.records("incident")
    assert (incident["correlation_id"], incident["state"]) == (CONCERN, state)
    assert [entry["value"] for entry in instance.records("sys_journal_field")] == notes
