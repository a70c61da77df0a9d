"""HashiCorp Vault over HTTP: read, write, and errors with Vault's own words."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import httpx

from functions.shared.errors import ChargebackError, SigningServiceUnavailable, TransientError
from functions.shared.redaction import redact

_TIMEOUT_SECONDS = 10.0
_BUSY_STATUS = frozenset({412, 429, 472, 473, 500, 502, 503, 504})
_FORBIDDEN = 403
_TIMEOUTS_PER_ANSWER = 3
_LARGEST_ANSWER_BYTES = 4 * 1024 * 1024
_QUOTED_CHARACTERS = 500
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@cache
def _trusted_authorities() -> ssl.SSLContext:
    """Reading the certificate authorities takes longer than asking Vault."""
    return httpx.create_ssl_context()


class VaultClient:
    """One Vault, and one of its namespaces if it has any.

    ``token`` is asked before every request; blank sends none. ``new_token`` is asked once when Vault answers 403, as it
    does for a token that has ended as well as for a missing right; None means that another would not help. Whatever
    passes by itself is raised as ``away``. No message has a token that was sent, or what ``hide`` was told.
    """

    def __init__(
        self,
        address: str,
        token: Callable[[], str],
        transport: httpx.BaseTransport | None = None,
        *,
        namespace: str = "",
        new_token: Callable[[], str | None] | None = None,
        away: type[TransientError] = SigningServiceUnavailable,
        timeout_seconds: float = _TIMEOUT_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address.rstrip("/")
        self._token, self._new_token = token, new_token
        self._transport, self._timeout, self._monotonic = transport, timeout_seconds, monotonic
        self._namespace, self.away = namespace, away
        self._hidden: set[str] = set()

    def hide(self, *secrets: str | None) -> None:
        """Leaves these out of every message: Vault and what stands before it may repeat what they were sent."""
        self._hidden.update(secret for secret in secrets if secret)

    def read(self, path: str, *, refusal: type[ChargebackError]) -> dict[str, Any]:
        """The ``data`` at a path; raises ``refusal`` with Vault's words, or what Vault being away is here."""
        return self._data(self.ask("GET", path), path, refusal)

    def write(self, path: str, body: Mapping[str, Any], *, refusal: type[ChargebackError]) -> dict[str, Any]:
        """The ``data`` of the answer; raises as ``read`` does."""
        return self._data(self.ask("POST", path, body), path, refusal)

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """Vault's answer whatever it is, if it is Vault that answers and it is not busy."""
        response = self._send(method, path, body, self._token())
        if response.status_code == _FORBIDDEN and self._new_token and (another := self._new_token()):
            response = self._send(method, path, body, another)
        return response

    def refuse(self, response: httpx.Response, path: str, refusal: type[ChargebackError]) -> ChargebackError:
        """The error that an answer is."""
        return refusal(f"{self._where(path)}: {response.status_code} {self.words(response)}".rstrip())

    def words(self, response: httpx.Response) -> str:
        """What Vault says to a request that failed, in one line."""
        return self._quoted(_words(response))

    def section(self, response: httpx.Response, path: str, name: str) -> dict[str, Any]:
        """``data`` or ``auth`` of an answer; raises what Vault being away is when it has none."""
        try:
            found = response.json()[name]
        except (ValueError, KeyError, TypeError):
            found = None
        if not isinstance(found, dict):
            where = self._where(path)
            raise self.away(f"{where}: the answer is not Vault's: is there another server at this address?")
        return found

    def _data(self, response: httpx.Response, path: str, refusal: type[ChargebackError]) -> dict[str, Any]:
        if not response.is_success:
            raise self.refuse(response, path, refusal)
        return self.section(response, path, "data")

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None, token: str) -> httpx.Response:
        headers = {"X-Vault-Request": "true"} | ({"X-Vault-Token": token} if token else {})
        headers |= {"X-Vault-Namespace": self._namespace} if self._namespace else {}
        self.hide(token)
        url = httpx.URL(f"{self.address}/v1/{path}")
        sent = {"timeout": self._timeout, "trust_env": url.host not in _LOOPBACK, "transport": self._transport}
        try:
            with (
                httpx.Client(verify=_trusted_authorities(), **sent) as client,  # type: ignore[arg-type]
                client.stream(method, url, json=body, headers=headers) as streamed,
            ):
                response = httpx.Response(streamed.status_code, content=self._whole(streamed))
        except httpx.HTTPError as error:
            said = self._quoted(str(error)) or type(error).__name__
            raise self.away(f"{self._where(path)}: {said}") from error
        if response.status_code in _BUSY_STATUS:
            raise self.refuse(response, path, self.away)
        return response

    def _whole(self, streamed: httpx.Response) -> bytes:
        """The body. One that comes in drops is given up in the end: no single drop would ever time out."""
        until = self._monotonic() + _TIMEOUTS_PER_ANSWER * self._timeout
        content = bytearray()
        for chunk in streamed.iter_bytes():
            content += chunk
            if len(content) > _LARGEST_ANSWER_BYTES or self._monotonic() > until:
                raise httpx.ReadTimeout("the answer does not end")
        return bytes(content)

    def _quoted(self, text: str) -> str:
        text = redact(text, self._hidden)
        return " ".join(text.split())[:_QUOTED_CHARACTERS]

    def _where(self, path: str) -> str:
        return f"Vault, {self.address}/v1/{path}"


def _words(response: httpx.Response) -> str:
    try:
        errors = response.json()["errors"]
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase
    if not isinstance(errors, list):
        return response.reason_phrase
    return "; ".join(map(str, errors))
