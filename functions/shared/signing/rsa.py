"""Verifies RSA signatures. Nothing here is secret, so arithmetic on integers is enough and needs no library."""

# mypy: untyped-calls-exclude=asn1crypto

from __future__ import annotations

import hashlib

from asn1crypto import keys

_SHA256_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""What stands before a SHA-256 in the block that is signed (RFC 8017, section 9.2, note 1)."""


def is_signed(message: bytes, signature: bytes, public_key: keys.PublicKeyInfo) -> bool:
    """Whether a signature is the RSASSA-PKCS1-v1_5 signature of a message, with SHA-256 (RFC 8017, section 8.2.2)."""
    numbers: dict[str, int] = public_key["public_key"].parsed.native
    modulus, exponent = numbers["modulus"], numbers["public_exponent"]
    length = (modulus.bit_length() + 7) // 8
    value = int.from_bytes(signature)
    if len(signature) != length or value >= modulus:
        return False
    return pow(value, exponent, modulus).to_bytes(length) == _encoded(message, length)


def _encoded(message: bytes, length: int) -> bytes:
    """The one block that a right signature decrypts to: compared as a whole, so nothing in it can be chosen."""
    digest = _SHA256_DIGEST_INFO + hashlib.sha256(message).digest()
    return b"\x00\x01" + b"\xff" * (length - len(digest) - 3) + b"\x00" + digest
