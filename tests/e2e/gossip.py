"""A gateway before a ServiceNow instance that refuses requests, and repeats in every answer all that it was sent."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote_plus

TOKEN_PATH = "/oauth_token.do"
GIVES_TOKENS, FINDS_NOTHING = "gives tokens", "finds nothing"
Answer = int | str


class Gossip(ThreadingHTTPServer):
    """Answers the requests for a token and all others each with what is told, in order; the last one for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.to_tokens: list[Answer] = [GIVES_TOKENS]
        self.to_others: list[Answer] = [500]
        self.tokens_issued: list[str] = []
        self.assertions: list[str] = []
        self.answered: list[Answer] = []

    @property
    def url(self) -> str:
        """The address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def next_answer(self, path: str, method: str) -> Answer:
        """What comes of a request; looking for something finds nothing until a request is refused."""
        if path == TOKEN_PATH:
            left = self.to_tokens
        elif method == "GET" and self.to_others[0] != 401:
            return FINDS_NOTHING
        else:
            left = self.to_others
        answer = left.pop(0) if len(left) > 1 else left[0]
        self.answered.append(answer)
        return answer


class _Handler(BaseHTTPRequestHandler):
    server: Gossip
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in its base
        """Nothing."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path = self.path.partition("?")[0]
        self.server.assertions += parse_qs(body).get("assertion", []) if path == TOKEN_PATH else []
        answer = self.server.next_answer(path, self.command)
        if answer == GIVES_TOKENS:
            token = secrets.token_urlsafe(48)
            self.server.tokens_issued.append(token)
            self._send(200, {"access_token": token, "expires_in": 1800, "token_type": "Bearer"})
        elif answer == FINDS_NOTHING:
            self._send(200, {"result": []})
        else:
            self._send(int(answer), {"error": self._repeated(body), "status": "failure"})

    def _repeated(self, body: str) -> dict[str, str]:
        """As it came, and as it is understood; what an instance says in ``message`` is cut, ``detail`` begins anew."""
        authorization = self.headers.get("Authorization", "")
        scheme, _, presented = authorization.partition(" ")
        decoded = base64.b64decode(presented).decode() if scheme == "Basic" else ""
        form = self.path.startswith(TOKEN_PATH)
        return {
            "message": " ".join(filter(None, [authorization, decoded])) or body,
            "detail": unquote_plus(body) if form else body,
        }

    def _send(self, status: int, content: object) -> None:
        raw = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@contextmanager
def gossip() -> Iterator[Gossip]:
    """From here on there is one."""
    with Gossip() as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()
