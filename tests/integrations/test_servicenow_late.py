"""An instance that is still at work when we stop waiting: what it makes in the end is there once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from functions.shared.adapters.servicenow.attachments import Attachments
from functions.shared.adapters.servicenow.client import SETTLED_SECONDS
from functions.shared.adapters.servicenow.mappings import IncidentMapping
from functions.shared.adapters.servicenow.tickets import Tickets
from functions.shared.attaching import FileToAttach, attach_once
from functions.shared.errors import BooksUnavailable
from functions.update_ticket.updating import update_ticket
from local.servicenow.server import ServiceNowStandIn
from tests.unit.servicenow_bench import LINES, Desk, OurTime
from tests.unit.update_ticket.drifting import GROUP, RULES, standing

PDF = [FileToAttach("statement.pdf", b"%PDF", "application/pdf")]
TIMEOUT_SECONDS, LIFE_SECONDS = 20.0, 285.0
"""How long we wait for an answer, and how long a function that attaches may ask."""

FIRST_RETRY_SECONDS = 5.0
"""The longest that Step Functions waits before it comes back."""


class LateInstance(httpx.BaseTransport):
    """Takes the first POST to a path, lets our time-out pass, and does it some seconds later, or never."""

    def __init__(self, path: str, seconds: float | None) -> None:
        self._path, self._seconds = path, seconds
        self._instance = httpx.HTTPTransport()
        self._taken: httpx.Request | None = None
        self._is_done = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._taken is None and request.method == "POST" and self._path in request.url.path:
            body = request.read()
            self._taken = httpx.Request("POST", request.url, headers=request.headers.raw, content=body)
            raise httpx.ReadTimeout("no answer", request=request)
        return self._instance.handle_request(request)

    def pass_time(self, seconds: float) -> None:
        """Time of ours that is time of the instance."""
        if self._taken is None or self._seconds is None or self._is_done:
            return
        self._seconds -= seconds
        if self._seconds <= 0:
            self._instance.handle_request(self._taken).read()
            self._is_done = True

    def close(self) -> None:
        self._instance.close()


class SharedTime(OurTime):
    """Our time, which passes for the instance as well."""

    def __init__(self, instance: LateInstance) -> None:
        super().__init__()
        self._late = instance

    def wait(self, seconds: float) -> None:
        super().wait(seconds)
        self._late.pass_time(seconds)


@pytest.fixture
def books(tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    with ServiceNowStandIn(tmp_path) as running:
        running.add_record("sys_user_group", {"name": GROUP})
        yield running


def run_twice(time: SharedTime, act: str, desk: Desk, sys_id: str) -> None:
    """What Step Functions does: an execution's task, and if it fails, the same task a little later."""
    for is_last in (False, True):
        try:
            if act == "ticket":
                update_ticket(standing(0, "0.08"), RULES, Tickets(desk.client, IncidentMapping()))
            else:
                attach_once(Attachments(desk.client, LINES, sys_id), PDF)
        except BooksUnavailable:
            if is_last:
                raise
            time.wait(FIRST_RETRY_SECONDS)


@pytest.mark.parametrize(
    ("act", "path", "table"), [("ticket", "/incident", "incident"), ("file", "/attachment", "sys_attachment")]
)
@pytest.mark.parametrize("seconds", [1.0, 30.0, SETTLED_SECONDS - 1, None])
def test_what_an_instance_does_after_our_time_out_or_never_is_there_once(
    books: ServiceNowStandIn, act: str, path: str, table: str, seconds: float | None
) -> None:
    """What comes late is found and not done again; what was given up is done by the next attempt."""
    late = LateInstance(path, seconds)
    time = SharedTime(late)
    desk = Desk(books, transport=late, time=time)
    line = desk.tables.create_record(LINES, {"amount": "1.00"})

    run_twice(time, act, desk, line["sys_id"])
    time.wait(2 * SETTLED_SECONDS)

    assert len(books.records(table)) == 1


class SlowInstance(httpx.BaseTransport):
    """Needs longer for every POST to a path than we wait: it is done with each some seconds after it took it."""

    def __init__(self, path: str, seconds: float) -> None:
        self._path, self._seconds = path, seconds
        self._instance = httpx.HTTPTransport()
        self._taken: list[tuple[httpx.Request, float]] = []
        self.time: OurTime | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "POST" or self._path not in request.url.path:
            return self._instance.handle_request(request)
        assert self.time
        body = request.read()
        taken = httpx.Request("POST", request.url, headers=request.headers.raw, content=body)
        self._taken.append((taken, self.time.passed + self._seconds))
        self.time.wait(TIMEOUT_SECONDS)
        raise httpx.ReadTimeout("no answer", request=request)

    def catch_up(self, passed: float) -> None:
        """Does what it would have done by then."""
        due = [request for request, at in self._taken if at <= passed]
        self._taken = [(request, at) for request, at in self._taken if at > passed]
        for request in due:
            self._instance.handle_request(request).read()

    def close(self) -> None:
        self._instance.close()


class TimeOfBoth(OurTime):
    """Our time and a slow instance's."""

    def __init__(self, instance: SlowInstance) -> None:
        super().__init__()
        self._slow, instance.time = instance, self

    def wait(self, seconds: float) -> None:
        super().wait(seconds)
        self._slow.catch_up(self.passed)


def test_five_files_on_an_instance_that_is_always_late_are_there_once_each(books: ServiceNowStandIn) -> None:
    """A function that has too little left to see a file arrive late leaves it to the next attempt."""
    slow = SlowInstance("/attachment", 30.0)
    time = TimeOfBoth(slow)
    line = Desk(books).tables.create_record(LINES, {"amount": "1.00"})
    files = [FileToAttach(f"statement.{kind}", kind.encode(), "application/pdf") for kind in "abcde"]

    attempts = 0
    while attempts < 6:
        attempts += 1
        desk = Desk(books, transport=slow, time=time, seconds=LIFE_SECONDS, timeout_seconds=TIMEOUT_SECONDS)
        try:
            attach_once(Attachments(desk.client, LINES, line["sys_id"]), files)
            break
        except BooksUnavailable:
            time.wait(1.0)
    time.wait(2 * SETTLED_SECONDS)

    assert attempts == 3
    assert sorted(str(record["file_name"]) for record in books.records("sys_attachment")) == [f.name for f in files]
