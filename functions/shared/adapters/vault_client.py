"""HashiCorp Vault over HTTP: read, write, and errors with Vault's own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx

from functions.shared.errors import ChargebackError, SigningServiceUnavailable, TransientError

_TIMEOUT_SECONDS = 10.0
_BUSY_STATUS = frozenset({412, 429, 472, 473, 500, 502, 503, 504})
_FORBIDDEN = 403


class VaultClient:
    """One Vault, and one of its namespaces if it has any.

    ``token`` is asked before every request; blank sends none. ``new_token`` is asked once when Vault answers 403, as it
    does for a token that has ended as well as for a missing right; None means that another would not help. Whatever
    passes by itself is raised as ``away``.
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
    ) -> None:
        self.address = address.rstrip("/")
        self._token, self._new_token = token, new_token
        self._transport, self._timeout = transport, timeout_seconds
        self._namespace, self._away = namespace, away

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
        return refusal(f"{self._where(path)}: {response.status_code} {_words(response)}".rstrip())

    def section(self, response: httpx.Response, path: str, name: str) -> dict[str, Any]:
        """``data`` or ``auth`` of an answer; raises what Vault being away is when it has none."""
        try:
            found = response.json()[name]
        except (ValueError, KeyError, TypeError):
            found = None
        if not isinstance(found, dict):
            where = self._where(path)
            raise self._away(f"{where}: the answer is not Vault's: is there another server at this address?")
        return found

    def _data(self, response: httpx.Response, path: str, refusal: type[ChargebackError]) -> dict[str, Any]:
        if not response.is_success:
            raise self.refuse(response, path, refusal)
        return self.section(response, path, "data")

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None, token: str) -> httpx.Response:
        headers = {"X-Vault-Request": "true"} | ({"X-Vault-Token": token} if token else {})
        headers |= {"X-Vault-Namespace": self._namespace} if self._namespace else {}
        try:
            with httpx.Client(timeout=self._timeout, transport=self._transport) as client:
                response = client.request(method, f"{self.address}/v1/{path}", json=body, headers=headers)
        except httpx.HTTPError as error:
            raise self._away(f"{self._where(path)}: {error or type(error).__name__}") from error
        if response.status_code in _BUSY_STATUS:
            raise self.refuse(response, path, self._away)
        return response

    def _where(self, path: str) -> str:
        return f"Vault, {self.address}/v1/{path}"


def _words(response: httpx.Response) -> str:
    try:
        errors = response.json()["errors"]
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase
    if not isinstance(errors, list):
        return response.reason_phrase
    return "; ".join(" ".join(str(error).split()) for error in errors)
