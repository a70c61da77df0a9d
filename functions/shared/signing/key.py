"""What the rest of the product knows of a private key: that somebody signs with it."""

from __future__ import annotations

from typing import Protocol


class SigningKey(Protocol):
    """An RSA key in AWS KMS or Vault; its private half never enters this process."""

    @property
    def reference(self) -> str:
        """Which key this is, down to its version; ``open_signing_key`` opens it again by this."""
        ...

    def public_key(self) -> bytes:
        """The public half as DER SubjectPublicKeyInfo."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The RSASSA-PKCS1-v1_5 signature of a message of any length, with SHA-256.

        Raises SigningRefused, or SigningServiceUnavailable when asking again later may help.
        """
        ...
