"""HashiCorp Vault over HTTP, as far as signing needs it: read, write, and errors with Vault's own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx

from functions.shared.errors import ChargebackError, SigningServiceUnavailable

_TIMEOUT_SECONDS = 10.0
_BUSY_STATUS = frozenset({412, 429, 472, 473, 500, 502, 503, 504})


class VaultClient:
    """One Vault. ``token`` is asked before every request; blank sends none, as for the Lambda extension's proxy,
    which adds its own.
    """

    def __init__(self, address: str, token: Callable[[], str], transport: httpx.BaseTransport | None = None) -> None:
        self.address = address.rstrip("/")
        self._token = token
        self._transport = transport

    def read(self, path: str, *, refusal: type[ChargebackError]) -> dict[str, Any]:
        """The ``data`` at a path; raises ``refusal`` with Vault's words, or SigningServiceUnavailable."""
        return self._request("GET", path, None, refusal)

    def write(self, path: str, body: Mapping[str, Any], *, refusal: type[ChargebackError]) -> dict[str, Any]:
        """The ``data`` of the answer; raises as ``read`` does."""
        return self._request("POST", path, body, refusal)

    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None, refusal: type[ChargebackError]
    ) -> dict[str, Any]:
        where = f"Vault, {self.address}/v1/{path}"
        token = self._token()
        headers = {"X-Vault-Request": "true"} | ({"X-Vault-Token": token} if token else {})
        try:
            with httpx.Client(timeout=_TIMEOUT_SECONDS, transport=self._transport) as client:
                response = client.request(method, f"{self.address}/v1/{path}", json=body, headers=headers)
        except httpx.HTTPError as error:
            raise SigningServiceUnavailable(f"{where}: {error or type(error).__name__}") from error
        if response.is_success:
            return _data(response, where)
        kind = SigningServiceUnavailable if response.status_code in _BUSY_STATUS else refusal
        raise kind(f"{where}: {response.status_code} {_words(response)}".rstrip())


def _data(response: httpx.Response, where: str) -> dict[str, Any]:
    try:
        data = response.json()["data"]
    except (ValueError, KeyError, TypeError):
        data = None
    if not isinstance(data, dict):
        raise SigningServiceUnavailable(f"{where}: the answer is not Vault's: is there another server at this address?")
    return data


def _words(response: httpx.Response) -> str:
    try:
        errors = response.json()["errors"]
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase
    return "; ".join(" ".join(str(error).split()) for error in errors)
