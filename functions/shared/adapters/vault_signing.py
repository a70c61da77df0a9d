"""An RSA key of HashiCorp Vault's Transit engine."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from functools import cached_property

from functions.shared.adapters.vault_client import VaultClient
from functions.shared.errors import SigningRefused

# The version is part of the name: a rotated key is another key, with another certificate.
_REFERENCE = re.compile(r"vault:(?P<mount>[\w./-]+)/(?P<name>[\w.-]+?)(?::(?P<version>[1-9]\d*))?", re.ASCII)
_SIGNATURE = re.compile(r"vault:v(?P<version>\d+):(?P<content>[A-Za-z0-9+/=]+)")


class VaultSigningKey:
    """``vault:<mount>/<name>:<version>``; without a version, the newest one at the moment it is resolved."""

    def __init__(self, reference: str, vault: VaultClient) -> None:
        found = _REFERENCE.fullmatch(reference)
        if not found:
            raise SigningRefused(f"{reference!r} is not a key of Vault: write vault:<mount>/<name>:<version>")
        self._mount, self._name = found["mount"], found["name"]
        self._given = int(found["version"]) if found["version"] else None
        self._vault = vault

    @cached_property
    def _versions(self) -> dict[int, str]:
        """The public keys as PEM, by version."""
        key = self._vault.read(f"{self._mount}/keys/{self._name}", refusal=SigningRefused)
        if not str(key.get("type", "")).startswith("rsa-"):
            raise SigningRefused(f"{self._mount}/{self._name} is a key of type {key.get('type')}; statements take RSA")
        return {int(version): str(entry["public_key"]) for version, entry in key["keys"].items()}

    @cached_property
    def _version(self) -> int:
        return self._given or max(self._versions)

    @property
    def reference(self) -> str:
        """The key with its version."""
        return f"vault:{self._mount}/{self._name}:{self._version}"

    def resolved(self) -> VaultSigningKey:
        """The same key with its version: the name alone means another key after a rotation."""
        return VaultSigningKey(self.reference, self._vault)

    def public_key(self) -> bytes:
        """The public half as DER SubjectPublicKeyInfo; raises SigningRefused when Vault has no such version."""
        if self._version not in self._versions:
            known = ", ".join(map(str, sorted(self._versions)))
            raise SigningRefused(f"{self.reference}: Vault has versions {known} of this key")
        lines = self._versions[self._version].strip().splitlines()
        return base64.b64decode("".join(lines[1:-1]))

    def sign(self, message: bytes) -> bytes:
        """Signs the message's digest: Vault sees no statement."""
        body = {
            "input": base64.b64encode(hashlib.sha256(message).digest()).decode(),
            "prehashed": True,
            "hash_algorithm": "sha2-256",
            "signature_algorithm": "pkcs1v15",
            "key_version": self._version,
        }
        answer = self._vault.write(f"{self._mount}/sign/{self._name}", body, refusal=SigningRefused)
        found = _SIGNATURE.fullmatch(str(answer.get("signature", "")))
        if not found or int(found["version"]) != self._version:
            raise SigningRefused(f"{self.reference}: Vault answered with {answer.get('signature')!r:.40}")
        try:
            return base64.b64decode(found["content"], validate=True)
        except binascii.Error as error:
            raise SigningRefused(f"{self.reference}: Vault's signature is not base64") from error
