"""The fault matrix: every call of the integration, with everything that can go wrong with it.

Each case goes wrong once, and the outcome is either that nobody notices or a named error; then it goes wrong for good,
and then it is over and the same work is done again. In the end the books hold everything exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from functions.shared import errors
from functions.shared.errors import ChargebackError
from local.servicenow.faults import FaultKind, FaultyRequests
from local.servicenow.server import ServiceNowStandIn
from tests.integrations import scenario
from tests.integrations.detours import RefusedConnections
from tests.unit.servicenow_bench import JUNE_4_2026, LINES, Desk

Act = Callable[[Desk], object]
Check = Callable[[ServiceNowStandIn], None]
Kind = Literal["token", "read", "write"]
Fault = FaultKind | Literal["refused"]
FOR_GOOD = 1000
TIMEOUT_SECONDS = 0.5


@dataclass(frozen=True)
class Call:
    """One request of the integration: the ``after``-th of its sort that ``act`` makes. ``before`` is done undisturbed,
    and ``check`` looks at the books in the end. ``asks`` is done as somebody who may ask for changes."""

    name: str
    kind: Kind
    act: Act
    on: FaultyRequests
    check: Check
    table: str = ""
    after: int = 0
    before: tuple[Act, ...] = ()
    signs: bool = False
    asks: bool = False


def ticket(state: str, *notes: str) -> Check:
    return lambda instance: scenario.assert_one_ticket(instance, state=state, notes=list(notes))


def change(state: str, approvers: int) -> Check:
    return lambda instance: scenario.assert_one_change(instance, state=state, approvers=approvers)


def unchanged(_: ServiceNowStandIn) -> None:
    """Reading leaves nothing behind."""


def by_reference(desk: Desk) -> object:
    return scenario.post(desk, scenario.BY_REFERENCE)


def imported(desk: Desk) -> object:
    return scenario.post(desk, scenario.IMPORTED)


POSTED, ATTACHED = scenario.assert_posted_once, scenario.assert_attached_once
OPENED = (scenario.open_ticket,)
ENTERED = (scenario.enter_tickets,)
RESOLVED = (scenario.open_ticket, scenario.resolve_ticket)
CALLS = (
    Call("get a token with a secret", "token", scenario.post, "token", POSTED),
    Call("get a token with a signature", "token", scenario.post, "token", POSTED, signs=True),
    Call("look for a line", "read", scenario.post, "GET", POSTED, LINES),
    Call("look for a later line", "read", scenario.post, "GET", POSTED, LINES, after=2),
    Call("look for a cost center", "read", by_reference, "GET", POSTED, "cmn_cost_center"),
    Call("create a line", "write", scenario.post, "POST", POSTED, LINES),
    Call("create a later line", "write", scenario.post, "POST", POSTED, LINES, after=2),
    Call("import a line", "write", imported, "import", POSTED),
    Call("look for an imported line", "read", imported, "GET", POSTED, LINES, after=1),
    Call("read back the first page", "read", scenario.read_back, "GET", POSTED, LINES, before=(scenario.post,)),
    Call("read back a later page", "read", scenario.read_back, "GET", POSTED, LINES, 1, before=(scenario.post,)),
    Call("list attachments", "read", scenario.attach, "attachments", ATTACHED, before=(scenario.post,)),
    Call("upload a file", "write", scenario.attach, "upload", ATTACHED, before=(scenario.post,)),
    Call("upload a later file", "write", scenario.attach, "upload", ATTACHED, after=2, before=(scenario.post,)),
    Call("list what was uploaded", "read", scenario.attach, "attachments", ATTACHED, "", 1, (scenario.post,)),
    Call("read a file", "read", scenario.attach, "download", ATTACHED, before=(scenario.post, scenario.attach)),
    Call("read a change request", "read", scenario.read_change, "change", unchanged),
    Call("read who approved it", "read", scenario.read_change, "GET", unchanged, "sysapproval_approver"),
    Call("read who requested it", "read", scenario.read_change, "GET", unchanged, "sys_user"),
    Call("look for changes that name the rules", "read", scenario.find_changes, "change", unchanged),
    Call("look for more of them", "read", scenario.find_changes, "change", unchanged, after=1),
    Call("read who approved one of them", "read", scenario.find_changes, "GET", unchanged, "sysapproval_approver"),
    Call("read who requested one of them", "read", scenario.find_changes, "GET", unchanged, "sys_user"),
    Call("ask who we are", "read", scenario.ask_who_we_are, "GET", unchanged, "sys_user"),
    Call("open a change request", "write", scenario.open_change, "new_change", change("-5", 0), asks=True),
    Call(
        "put it before its approvers",
        "write",
        scenario.submit_change,
        "PATCH change",
        change("-4", 1),
        before=(scenario.open_change,),
        asks=True,
    ),
    Call("look for a ticket", "read", scenario.open_ticket, "GET", ticket("1"), "incident"),
    Call("look for its group", "read", scenario.open_ticket, "GET", ticket("1"), "sys_user_group"),
    Call("open a ticket", "write", scenario.open_ticket, "POST", ticket("1"), "incident"),
    Call(
        "add a note",
        "write",
        scenario.note_ticket,
        "PATCH",
        ticket("1", "still 1,300.00 USD"),
        "incident",
        before=OPENED,
    ),
    Call(
        "escalate a ticket",
        "write",
        scenario.escalate_ticket,
        "PATCH",
        ticket("1", "past due"),
        "incident",
        before=OPENED,
    ),
    Call("look at an account's tickets", "read", scenario.look_at_tickets, "GET", unchanged, "incident", 0, ENTERED),
    Call("resolve a ticket", "write", scenario.resolve_ticket, "PATCH", ticket("6"), "incident", before=OPENED),
    Call(
        "reopen a ticket",
        "write",
        scenario.reopen_ticket,
        "PATCH",
        ticket("2", "it is back"),
        "incident",
        before=RESOLVED,
    ),
)

RECOVERED = ""
PASSES: dict[Fault, str] = {
    "refused": "BooksUnavailable",
    "reset": "BooksUnavailable",
    "reset_after_act": "BooksUnavailable",
    "500": "BooksUnavailable",
    "429": "BooksRateLimited",
    "429_bare": "BooksRateLimited",
    "malformed": "BooksAnswerUnreadable",
    "garbled": "BooksAnswerUnreadable",
}
"""What may pass, and what it is called when it does not."""
TAKES_TIME: dict[Fault, str] = {"slow": "BooksUnavailable", "slow_body": "BooksUnavailable"}
STAYS: dict[Fault, str] = {
    "401": "PostingUnauthorized",
    "403": "PostingForbidden",
    "404": "BooksRecordNotFound",
    "409": "PostingConflict",
}
ACTED = {"reset_after_act", "slow", "slow_body", "garbled"}
NOT_TAKEN = {"refused", "429", "429_bare"}


def outcome_once(call: Call, fault: Fault) -> str:
    """What comes of a fault that happens once: nothing, or the error's name."""
    if fault in STAYS:
        if call.kind == "token":
            return "PostingUnauthorized"
        # A token is asked for anew; for a password there is no other.
        return RECOVERED if fault == "401" and not call.asks else STAYS[fault]
    if call.kind == "write" and fault not in ACTED | NOT_TAKEN:
        return (PASSES | TAKES_TIME)[fault]
    return RECOVERED


def outcome_for_good(call: Call, fault: Fault) -> str:
    """What comes of a fault that does not end. A write that was done is found, though it is never answered."""
    if fault in STAYS:
        return "PostingUnauthorized" if call.kind == "token" else STAYS[fault]
    return RECOVERED if call.kind == "write" and fault in ACTED else (PASSES | TAKES_TIME)[fault]


@cache
def our_key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def sign(message: bytes) -> bytes:
    return our_key().sign(message, PKCS1v15(), SHA256())


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    with ServiceNowStandIn(tmp_path, slow_seconds=60, clock=lambda: JUNE_4_2026) as stand_in:
        scenario.set_up(stand_in)
        yield stand_in


def open_desk(
    instance: ServiceNowStandIn, call: Call, *, hurried: bool = False, network: RefusedConnections | None = None
) -> Desk:
    """A desk as a fresh process has it; with the token already, unless that is what the call is about."""
    credentials = instance.requester_credentials if call.asks else instance.credentials
    if call.signs:
        public = our_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        credentials = instance.trust(public, "chargeback-1", "arn:aws:kms:us-east-1:1:key/1")
    desk = Desk(
        instance,
        credentials,
        attempts=3,
        timeout_seconds=TIMEOUT_SECONDS if hurried else 10.0,
        page_size=2,
        sign=sign if call.signs else None,
        transport=network,
    )
    if call.kind != "token" and not call.asks:
        desk.tables.find_records("cmn_cost_center", "", ["sys_id"])
    return desk


def disturb(instance: ServiceNowStandIn, call: Call, fault: Fault, times: int) -> str:
    """Does the work while a fault happens; the name of the error that came of it."""
    network = RefusedConnections(call.on, call.table)
    desk = open_desk(instance, call, hurried=fault in TAKES_TIME, network=network)
    if fault == "refused":
        network.refuse(times, after=call.after)
    else:
        instance.fail_next(times, fault, on=call.on, table=call.table, after=call.after)
    failure = attempt(call.act, desk)
    still_to_come = network.still_to_refuse if fault == "refused" else instance.stop_failing()
    assert still_to_come < times, "the fault did not happen: the case would prove nothing"
    desk.instance.close()
    if failure is None:
        return RECOVERED
    assert "\n" not in str(failure)
    assert ";" in str(failure), f"it does not say what to do: {failure}"
    return type(failure).__name__


def attempt(act: Act, desk: Desk) -> ChargebackError | None:
    try:
        act(desk)
    except ChargebackError as error:
        return error
    return None


def run_case(instance: ServiceNowStandIn, call: Call, fault: Fault) -> None:
    undisturbed = open_desk(instance, call)
    for act in call.before:
        act(undisturbed)

    assert disturb(instance, call, fault, times=1) == outcome_once(call, fault)
    call.act(open_desk(instance, call))
    call.check(instance)


def run_lasting_case(instance: ServiceNowStandIn, call: Call, fault: Fault) -> None:
    undisturbed = open_desk(instance, call)
    for act in call.before:
        act(undisturbed)

    assert disturb(instance, call, fault, times=FOR_GOOD) == outcome_for_good(call, fault)
    call.act(open_desk(instance, call))
    call.check(instance)


each_call = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)


@each_call
@pytest.mark.parametrize("fault", [*PASSES, *STAYS])
def test_a_fault_that_happens_once(instance: ServiceNowStandIn, call: Call, fault: Fault) -> None:
    run_case(instance, call, fault)


@pytest.mark.slow
@each_call
@pytest.mark.parametrize("fault", [*PASSES, *STAYS])
def test_a_fault_that_stays_until_somebody_ends_it(instance: ServiceNowStandIn, call: Call, fault: Fault) -> None:
    run_lasting_case(instance, call, fault)


@pytest.mark.slow
@each_call
@pytest.mark.parametrize("fault", list(TAKES_TIME))
def test_an_instance_that_is_slow_once(instance: ServiceNowStandIn, call: Call, fault: Fault) -> None:
    run_case(instance, call, fault)


@pytest.mark.slow
@each_call
@pytest.mark.parametrize("fault", list(TAKES_TIME))
def test_an_instance_that_is_slow_until_somebody_helps(instance: ServiceNowStandIn, call: Call, fault: Fault) -> None:
    run_lasting_case(instance, call, fault)


def test_every_error_of_the_matrix_has_a_name_that_a_state_machine_can_catch() -> None:
    for name in {*PASSES.values(), *TAKES_TIME.values(), *STAYS.values()}:
        assert issubclass(getattr(errors, name), ChargebackError)
