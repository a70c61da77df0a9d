"""Verifies the signed assertions of the JWT bearer grant, with other code than made them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

_LONGEST_LIFE_SECONDS = 3600


class AssertionRefused(Exception):
    """The instance does not believe an assertion; the message says why, to an administrator."""


class TrustedKey(NamedTuple):
    """The public key of a verifier map (DER SubjectPublicKeyInfo)."""

    public_key: bytes

    def verify(self, signature: bytes, message: bytes) -> None:
        """Raises AssertionRefused unless the signature is RS256 by this key."""
        key = load_der_public_key(self.public_key)
        assert isinstance(key, RSAPublicKey)  # noqa: S101 - what a test registers
        try:
            key.verify(signature, message, PKCS1v15(), SHA256())
        except InvalidSignature:
            raise AssertionRefused("the signature is not of the key that kid names") from None


class Claims(NamedTuple):
    """Whom an assertion names, and its own id."""

    subject: str
    token_id: str


def subject_of(assertion: str, keys: Mapping[str, TrustedKey], client_id: str, now: float) -> Claims:
    """The claims of an assertion that holds at this moment; raises AssertionRefused."""
    parts = assertion.split(".")
    if len(parts) != 3:
        raise AssertionRefused("not a JSON Web Token")
    header, claims = (_members(part) for part in parts[:2])
    if header.get("alg") != "RS256" or header.get("kid") not in keys:
        raise AssertionRefused(f"no verifier map for alg {header.get('alg')} and kid {header.get('kid')}")
    keys[header["kid"]].verify(_decoded(parts[2]), ".".join(parts[:2]).encode())
    if (claims.get("iss"), claims.get("aud")) != (client_id, client_id):
        raise AssertionRefused("iss and aud must be the client id")
    expires_at, issued_at = claims.get("exp"), claims.get("iat")
    if not isinstance(expires_at, int) or not isinstance(issued_at, int):
        raise AssertionRefused("exp and iat must be there")
    if not issued_at <= now < expires_at <= now + _LONGEST_LIFE_SECONDS:
        raise AssertionRefused("not valid now, or valid for too long")
    if not claims.get("jti") or not claims.get("sub"):
        raise AssertionRefused("jti and sub must be there")
    return Claims(str(claims["sub"]), str(claims["jti"]))


def _members(part: str) -> dict[str, Any]:
    try:
        members = json.loads(_decoded(part))
    except ValueError:
        raise AssertionRefused("not a JSON Web Token") from None
    if not isinstance(members, dict):
        raise AssertionRefused("not a JSON Web Token")
    return members


def _decoded(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise AssertionRefused("not a JSON Web Token") from None
