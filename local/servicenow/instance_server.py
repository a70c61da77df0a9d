"""HTTP on loopback: checks who calls, and lets a request fail when a test has ordered it."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any

from local.servicenow.access import Access
from local.servicenow.answers import (
    ASLEEP,
    BROKEN,
    CONFLICT,
    NOT_ALLOWED,
    NOT_AUTHENTICATED,
    NOT_FOUND,
    Answer,
    too_many_requests,
)
from local.servicenow.faults import FaultKind, Faults
from local.servicenow.rate_limits import Meter
from local.servicenow.routes import Incoming, Routes
from local.servicenow.users import Caller

_FAULTY_LIMIT = 100
_FAILURES: Mapping[FaultKind, Answer] = {
    "401": NOT_AUTHENTICATED,
    "403": NOT_ALLOWED,
    "404": NOT_FOUND,
    "409": CONFLICT,
    "429": too_many_requests(_FAULTY_LIMIT).with_headers(
        {"Retry-After": "3", "X-RateLimit-Limit": str(_FAULTY_LIMIT), "X-RateLimit-Rule": "Table API per hour"}
    ),
    "429_bare": too_many_requests(_FAULTY_LIMIT),
    "500": BROKEN,
    "malformed": ASLEEP,
}


class InstanceServer(ThreadingHTTPServer):
    """One thread per connection; connections stay open, as an instance's do, until ``hang_up``."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(
        self,
        routes: Routes,
        access: Access,
        faults: Faults,
        meter: Meter,
        *,
        note: Callable[[str], None],
        pause: Callable[[], object],
    ) -> None:
        self.routes = routes
        self.access = access
        self.faults = faults
        self.meter = meter
        self.note = note
        self.pause = pause
        self._open: set[socket.socket] = set()
        self._open_lock = Lock()
        super().__init__(("127.0.0.1", 0), _Conversation)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remembers the connection before its thread starts: ``hang_up`` must miss none."""
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forgets a connection that ended."""
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of a client that went away, and everything of a defect."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """Ends every conversation, so that no thread waits for a client that has nothing more to say."""
        with self._open_lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)

    def answer(self, request: Incoming) -> Answer:
        """What the instance answers when nothing goes wrong."""
        if request.asked.api == "token":
            return self.access.token(request.form)
        user = self.access.user_of(request.headers.get("authorization", ""))
        if user is None:
            return NOT_AUTHENTICATED
        refusal, headers = self.meter.check(user.username, self.access.clock())
        caller = Caller(user, f"http://{request.headers.get('host', '')}")
        return (refusal or self.routes.answer(request, caller)).with_headers(headers)


class _Conversation(BaseHTTPRequestHandler):
    server: InstanceServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the name is http.server's
        """Nothing: a test reads ``requests`` instead."""

    def do_GET(self) -> None:
        self._converse()

    def do_POST(self) -> None:
        self._converse()

    def do_PATCH(self) -> None:
        self._converse()

    def _converse(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Incoming(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        self.server.note(f"{self.command} {request.path}")
        fault = self.server.faults.next_for(request.asked)
        if fault == "reset":
            self._drop()
            return
        answer = (_FAILURES.get(fault) if fault else None) or self.server.answer(request)
        if fault == "reset_after_act":
            self._drop()
            return
        if fault == "slow":
            self.server.pause()
        self._send(answer.cut_short() if fault == "garbled" else answer, in_halves=fault == "slow_body")

    def _send(self, answer: Answer, *, in_halves: bool) -> None:
        try:
            if not in_halves:
                self.wfile.write(answer.head + answer.content)
                return
            half = len(answer.content) // 2
            self.wfile.write(answer.head + answer.content[:half])
            self.wfile.flush()
            self.server.pause()
            self.wfile.write(answer.content[half:])
        except OSError:
            # A client that has stopped waiting is the point of a slow answer.
            self.close_connection = True

    def _drop(self) -> None:
        """Resets the connection instead of closing it politely."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
