"""Secrets in Vault's KV engine, version 2."""

from __future__ import annotations

import json
import re

import httpx

from functions.shared.adapters.vault_client import VaultClient
from functions.shared.errors import SecretDeleted, SecretForbidden, SecretNotFound, SecretUnreadable

_REFERENCE = re.compile(r"vault:(?P<mount>[\w.-]+)/(?P<path>[\w./-]+)", re.ASCII)
_NOT_FOUND, _FORBIDDEN = 404, 403


class VaultSecrets:
    """``vault:<mount>/<path>``: the newest version of a secret. Its fields are the fields of the JSON that is read."""

    def __init__(self, vault: VaultClient) -> None:
        self._vault = vault

    def read(self, name: str) -> str:
        """The secret as JSON. A value that is itself JSON of an object or list is taken for what it says.

        Raises SecretNotFound, SecretDeleted or SecretForbidden, each a SecretUnreadable. No message holds a value.
        """
        found = _REFERENCE.fullmatch(name)
        if not found:
            raise SecretUnreadable(f"{name!r} is not a secret of Vault: write vault:<mount>/<path>")
        path = f"{found['mount']}/data/{found['path']}"
        answer = self._vault.ask("GET", path)
        if not answer.is_success:
            raise self._refusal(answer, name, path)
        fields = self._vault.section(answer, path, "data").get("data")
        if not isinstance(fields, dict):
            raise SecretUnreadable(f"{name}: the answer has no fields; is {found['mount']} a KV engine of version 2?")
        return json.dumps({field: _value(value) for field, value in fields.items()})

    def _refusal(self, answer: httpx.Response, name: str, path: str) -> Exception:
        if answer.status_code == _FORBIDDEN:
            return SecretForbidden(f"{name}: 403: our policy in Vault must allow read on {path}")
        if answer.status_code != _NOT_FOUND:
            return self._vault.refuse(answer, path, SecretUnreadable)
        metadata = _metadata(answer)
        if metadata:
            state = "destroyed" if metadata.get("destroyed") else f"deleted at {metadata.get('deletion_time')}"
            return SecretDeleted(f"{name}: version {metadata.get('version')} was {state}; undelete it, or put another")
        return SecretNotFound(f"{name}: Vault has nothing at {path}; put the secret there")


def _metadata(answer: httpx.Response) -> dict[str, object]:
    """What Vault tells of a version that is deleted, under 404."""
    try:
        found = answer.json()["data"]["metadata"]
    except (ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _value(value: object) -> object:
    """``vault kv put`` makes a text of everything; nested fields come as JSON."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
