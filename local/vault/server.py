"""A HashiCorp Vault over HTTP on loopback: what it takes and refuses, it takes and refuses as Vault does.

It fails on request, once or more often, at the requests whose path contains a text.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any, Literal, Self

from local.signing import LocalRoot
from local.vault.answers import Asked, Refusal, denied, envelope
from local.vault.aws_login import Principal, VaultRole, check_login
from local.vault.engines import CAPABILITIES, KV, PKI, TRANSIT, KvEngine, PkiEngine, TransitEngine
from local.vault.tokens import Policy, Tokens

SERVER_ID = "vault.local.example"
_SEALED = 503
_LOGIN = "auth/aws/login"

FaultKind = Literal["reset", "slow", "slow body", "malformed"]


@dataclass
class Fault:
    """Goes wrong ``times`` times at paths that contain ``path``: an answer with a status, or a broken one.

    ``reset``, ``slow``, ``slow body`` and ``malformed`` act first. A status comes with words that repeat all that was
    sent, as a gateway's may.
    """

    path: str
    kind: FaultKind | int
    times: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)


class VaultStandIn:
    """Serves from ``__enter__`` to ``__exit__``; keeps nothing but the root of its PKI engine, in ``state``.

    ``known_by`` tells whom STS knows by an access key.
    """

    def __init__(
        self,
        state: Path,
        *,
        roles: Mapping[str, VaultRole],
        known_by: Callable[[str], Principal | None],
        policies: Mapping[str, Policy],
        namespace: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._roles, self._known_by, self._namespace, self._clock = roles, known_by, namespace, clock
        self.tokens = Tokens(policies, clock)
        self.kv, self.transit, self.pki = KvEngine(), TransitEngine(), PkiEngine(LocalRoot(state))
        self.sealed, self.sts_answers = False, ""
        self.requests: list[str] = []
        self.logins: list[str] = []
        """The signed headers of every login, as they were sent: Base64 of JSON."""
        self._faults: list[Fault] = []
        self._stopping = Event()

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"vault": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """Where it is served."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, fault: Fault) -> None:
        """Goes wrong from now on."""
        self._faults = [fault]

    def recover(self) -> None:
        """Nothing goes wrong any more."""
        self._faults = []

    def note(self, path: str, raw: bytes) -> None:
        """Remembers what a login was proved with, whatever comes of it."""
        if path == _LOGIN:
            with suppress(ValueError, KeyError):
                self.logins.append(json.loads(raw)["iam_request_headers"])

    def fault_at(self, path: str) -> Fault | None:
        """What goes wrong with a request."""
        for fault in self._faults:
            if fault.path in path and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def wait(self) -> None:
        """As long as the client should not."""
        self._stopping.wait(5)

    def drip(self) -> None:
        """A moment, which no client takes for silence."""
        self._stopping.wait(0.1)

    def answer(self, asked: Asked) -> dict[str, Any] | None:
        """The body, None for 204; raises Refusal."""
        self.requests.append(f"{asked.method} {asked.path}")
        if self.sealed:
            raise Refusal(_SEALED, "Vault is sealed")
        if asked.namespace.strip("/") != self._namespace:
            raise Refusal(404, f'no handler for route "{asked.path}". route entry not found.')
        if asked.path == _LOGIN and asked.method == "POST":
            if self.sts_answers:
                raise Refusal(400, f"error making upstream request: {self.sts_answers}")
            login = check_login(
                asked.body,
                roles=self._roles,
                known_by=self._known_by,
                server_id=SERVER_ID,
                now=time.time(),  # the signature has a date of the world, whatever the time of the tokens
            )
            return envelope(auth=self.tokens.issue(login))
        if asked.method not in CAPABILITIES:
            raise Refusal(405, "unsupported operation")
        self.tokens.require(asked.token, CAPABILITIES[asked.method], asked.path)
        if asked.path == "auth/token/renew-self":
            return envelope(auth=self.tokens.renew(asked.token))
        if asked.path == "auth/token/revoke-self":
            self.tokens.revoke(asked.token)
            return None
        engines = {KV: self.kv.answer, TRANSIT: self.transit.answer, PKI: self.pki.answer}
        engine = engines.get(asked.path.partition("/")[0])
        if engine is None:
            raise denied()
        return envelope(engine(asked))


class _Handler(BaseHTTPRequestHandler):
    vault: VaultStandIn
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in its base
        """Nothing: a request may hold what no log may."""

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw, path = self.rfile.read(length), self.path.partition("?")[0].removeprefix("/v1/")
        self.vault.note(path, raw)
        fault = self.vault.fault_at(path)
        if fault and isinstance(fault.kind, int):
            repeated = f"{self.headers.get('X-Vault-Token', '')} {raw.decode()}"
            self._send(fault.kind, {"errors": [f"fault {fault.kind} {repeated}"]}, fault.headers)
            return
        status, body = self._answer(raw, path)
        if fault and fault.kind == "reset":
            # It has acted, and nobody hears of it.
            self.close_connection = True
            return
        if fault and fault.kind == "slow":
            self.vault.wait()
        broken = "<html>" if fault and fault.kind == "malformed" else body
        self._send(status, broken, in_drops=fault is not None and fault.kind == "slow body")

    def _answer(self, raw: bytes, path: str) -> tuple[int, dict[str, Any] | None]:
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            return 400, {"errors": ["failed to parse JSON input"]}
        token, namespace = self.headers.get("X-Vault-Token", ""), self.headers.get("X-Vault-Namespace", "")
        try:
            answer = self.vault.answer(Asked(self.command, path, token, namespace, body))
        except Refusal as refusal:
            return refusal.status, refusal.body
        return (204, None) if answer is None else (200, answer)

    def _send(
        self,
        status: int,
        body: dict[str, Any] | str | None,
        headers: Mapping[str, str] | None = None,
        *,
        in_drops: bool = False,
    ) -> None:
        content = b"" if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
        try:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            if body is not None:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            for drop in content if in_drops else b"":
                self.wfile.write(bytes([drop]))
                self.vault.drip()
            self.wfile.write(b"" if in_drops else content)
        except ConnectionError:
            self.close_connection = True
