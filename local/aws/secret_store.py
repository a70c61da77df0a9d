"""Secret values that outlive the process."""

from __future__ import annotations

import base64
from typing import Any

from local.aws.journal import Document, Journal
from local.aws.patching import Patches


class SecretStore:
    """Writes every version of a secret through to the journal, and gives a re-created secret its versions back."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def install(self, patches: Patches) -> None:
        from moto.secretsmanager.models import SecretsManagerBackend

        patches.wrap(SecretsManagerBackend, "_add_secret", self._add_secret)
        patches.wrap(SecretsManagerBackend, "delete_secret", self._delete_secret)

    def _add_secret(self, original: Any, backend: Any, secret_id: str, *args: Any, **kwargs: Any) -> Any:
        exists = secret_id in backend.secrets
        secret, new_version = original(backend, secret_id, *args, **kwargs)
        document = self._journal.get(_document_id(backend, secret.name))
        if not exists and document is not None:
            secret.versions = {version_id: _with_bytes(version) for version_id, version in document["versions"].items()}
            secret.set_default_version_id(document["default_version_id"])
        else:
            self._journal.write({_document_id(backend, secret.name): _document(secret)})
        return secret, new_version

    def _delete_secret(self, original: Any, backend: Any, secret_id: str, *args: Any, **kwargs: Any) -> Any:
        secret = backend.secrets.get(secret_id)
        result = original(backend, secret_id, *args, **kwargs)
        if secret is not None:
            self._journal.write({_document_id(backend, secret.name): None})
        return result


def _document_id(backend: Any, name: str) -> str:
    return f"secret:{backend.region_name}:{name}"


def _document(secret: Any) -> Document:
    versions = {
        version_id: {
            name: {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
            for name, value in version.items()
        }
        for version_id, version in secret.versions.items()
    }
    return {"versions": versions, "default_version_id": secret.default_version_id}


def _with_bytes(version: Document) -> Document:
    return {
        name: base64.b64decode(value["base64"]) if isinstance(value, dict) else value for name, value in version.items()
    }
