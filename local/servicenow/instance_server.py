"""HTTP on loopback: routes requests, checks who calls, and lets a request fail when a test has ordered it."""

from __future__ import annotations

import re
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from local.servicenow.access import Access
from local.servicenow.answers import (
    ASLEEP,
    BROKEN,
    NOT_ALLOWED,
    NOT_AUTHENTICATED,
    NOT_FOUND,
    TOO_MANY_REQUESTS,
    Answer,
    failure,
)
from local.servicenow.faults import FaultKind, Faults
from local.servicenow.table_api import TableApi

_TABLE_PATH = re.compile(r"/api/now/(?:v[12]/)?table/([A-Za-z0-9_]+)(?:/([0-9a-f]{32}))?")
_NO_RESOURCE = failure(400, "Requested URI does not represent any resource", None)
_FAILURES: dict[FaultKind, Answer] = {
    "401": NOT_AUTHENTICATED,
    "403": NOT_ALLOWED,
    "404": NOT_FOUND,
    "429": TOO_MANY_REQUESTS,
    "500": BROKEN,
    "malformed": ASLEEP,
}


class InstanceServer(ThreadingHTTPServer):
    """One thread per connection; connections stay open, as an instance's do, until ``hang_up``."""

    daemon_threads = False

    def __init__(
        self, api: TableApi, access: Access, faults: Faults, *, note: Callable[[str], None], pause: Callable[[], object]
    ) -> None:
        self.api = api
        self.access = access
        self.faults = faults
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

    def _converse(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        token_request = path == "/oauth_token.do"
        self.server.note(f"{self.command} {path}")
        fault = self.server.faults.next_for(self.command, token=token_request)
        if fault == "refuse":
            self._drop()
            return
        if fault in _FAILURES:
            answer = _FAILURES[fault]
        elif token_request:
            answer = self.server.access.token(dict(parse_qsl(body.decode("utf-8", "replace"))))
        else:
            answer = self._table_answer(path, body)
        if fault == "slow":
            self.server.pause()
        if fault == "reset_after_act":
            self._drop()
        else:
            self._send(answer)

    def _table_answer(self, path: str, body: bytes) -> Answer:
        api, access = self.server.api, self.server.access
        found = _TABLE_PATH.fullmatch(path)
        if not access.allows(self.headers.get("Authorization", "")):
            return NOT_AUTHENTICATED
        if not found or (self.command == "POST" and found[2]):
            return _NO_RESOURCE
        params = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        if self.command == "GET":
            return api.get(found[1], found[2], params)
        url = f"http://{self.headers.get('Host', '')}"
        return api.post(found[1], params, body, access.username, url)

    def _send(self, answer: Answer) -> None:
        try:
            self.wfile.write(answer.encoded(self.command))
        except OSError:
            # A client that has stopped waiting is the point of a slow answer.
            self.close_connection = True

    def _drop(self) -> None:
        """Resets the connection instead of closing it politely."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
