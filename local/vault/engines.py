"""The engines that are used: KV version 2, Transit with RSA keys, and PKI."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from local.signing import LocalRoot
from local.vault.answers import Asked, Refusal, denied

KV, TRANSIT, PKI = "kv", "transit", "pki"
CAPABILITIES = {"GET": "read", "POST": "update", "PUT": "update"}


@dataclass
class _Version:
    data: dict[str, Any]
    created: str
    deleted: str = ""
    destroyed: bool = False


@dataclass
class KvEngine:
    """Secrets with versions; the newest that is deleted is a 404 that says when."""

    secrets: dict[str, list[_Version]] = field(default_factory=dict)

    def put(self, path: str, data: dict[str, Any]) -> None:
        """A new version."""
        self.secrets.setdefault(path, []).append(_Version(data, _now()))

    def delete(self, path: str) -> None:
        """Deletes the newest version; it could be undeleted."""
        self.secrets[path][-1].deleted = _now()

    def destroy(self, path: str) -> None:
        """Deletes the newest version for good."""
        self.secrets[path][-1] = _Version({}, self.secrets[path][-1].created, destroyed=True)

    def answer(self, asked: Asked) -> dict[str, Any]:
        """Reads the newest version."""
        path = asked.path.removeprefix(f"{KV}/data/")
        versions = self.secrets.get(path)
        if asked.method != "GET" or not versions:
            raise Refusal(404)
        newest = versions[-1]
        metadata = {
            "created_time": newest.created,
            "custom_metadata": None,
            "deletion_time": newest.deleted,
            "destroyed": newest.destroyed,
            "version": len(versions),
        }
        if newest.deleted or newest.destroyed:
            raise Refusal(404, data={"data": None, "metadata": metadata})
        return {"data": newest.data, "metadata": metadata}


@dataclass
class TransitEngine:
    """Keys whose private halves stay here."""

    keys: dict[str, list[rsa.RSAPrivateKey]] = field(default_factory=dict)

    def rotate(self, name: str) -> None:
        """The key's next version; the first makes the key."""
        self.keys.setdefault(name, []).append(rsa.generate_private_key(public_exponent=65537, key_size=2048))

    def answer(self, asked: Asked) -> dict[str, Any]:
        """The public keys of a key, or a signature."""
        _, verb, name, *_ = [*asked.path.split("/"), ""]
        versions = self.keys.get(name)
        if verb == "keys" and asked.method == "GET":
            if not versions:
                raise Refusal(404)
            public = {str(n): {"public_key": _pem(key), "name": "rsa-2048"} for n, key in enumerate(versions, 1)}
            return {"name": name, "type": "rsa-2048", "latest_version": len(versions), "keys": public}
        if verb != "sign" or asked.method == "GET":
            raise Refusal(404)
        if not versions:
            raise Refusal(400, "signing key not found")
        return self._sign(versions, asked.body)

    def _sign(self, versions: list[rsa.RSAPrivateKey], body: dict[str, Any]) -> dict[str, Any]:
        version = int(body.get("key_version") or len(versions))
        if not 1 <= version <= len(versions):
            raise Refusal(400, "requested version for signing is not available")
        try:
            given = base64.b64decode(body.get("input", ""), validate=True)
        except (binascii.Error, TypeError) as error:
            raise Refusal(400, f"unable to decode input as base64: {error}") from error
        digest = given if body.get("prehashed") else _sha256(given)
        # PSS is what Vault takes when nobody says otherwise.
        scheme = body.get("signature_algorithm") or "pss"
        if scheme not in ("pss", "pkcs1v15"):
            raise Refusal(400, f"unsupported signature algorithm {scheme}")
        chosen = padding.PKCS1v15() if scheme == "pkcs1v15" else padding.PSS(padding.MGF1(SHA256()), 32)
        try:
            signature = versions[version - 1].sign(digest, chosen, utils.Prehashed(SHA256()))
        except ValueError as error:
            raise Refusal(400, str(error)) from error
        return {"signature": f"vault:v{version}:{base64.b64encode(signature).decode()}", "key_version": version}


@dataclass
class PkiEngine:
    """Signs certificate requests with a root of its own."""

    root: LocalRoot
    roles: tuple[str, ...] = ("statements",)

    def answer(self, asked: Asked) -> dict[str, Any]:
        """The certificate and its chain."""
        verb, _, role = asked.path.removeprefix(f"{PKI}/").partition("/")
        if verb != "sign" or asked.method == "GET":
            raise denied()
        if role not in self.roles:
            raise Refusal(400, f"unknown role: {role}")
        if not asked.body.get("csr"):
            raise Refusal(400, '"csr" is empty')
        try:
            certificate = self.root.issue(str(asked.body["csr"]))
        except ValueError as error:
            raise Refusal(400, f"certificate request could not be parsed: {error}") from error
        return {"certificate": certificate.strip(), "issuing_ca": self.root.pem.strip(), "ca_chain": [self.root.pem]}


def _pem(key: rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _sha256(content: bytes) -> bytes:
    digest = Hash(SHA256())
    digest.update(content)
    return digest.finalize()


def _now() -> str:
    return datetime.now(UTC).isoformat()
