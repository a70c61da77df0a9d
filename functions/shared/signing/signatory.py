"""A signing identity with its key at hand."""

# mypy: untyped-calls-exclude=asn1crypto

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from functions.shared.errors import SigningCertificateMismatch
from functions.shared.signing.identity import SigningIdentity
from functions.shared.signing.key import SigningKey
from functions.shared.signing.rsa import is_signed


@dataclass(frozen=True)
class Signatory:
    """Signs with a key, in the name that its certificate bears."""

    identity: SigningIdentity
    key: SigningKey

    @classmethod
    def at(cls, moment: datetime, identity: SigningIdentity, key: SigningKey) -> Self:
        """Raises SigningIdentityInvalid when the certificates are not valid at that moment."""
        identity.require_valid_at(moment)
        return cls(identity, key)

    @property
    def signature_bytes(self) -> int:
        """How long a signature is."""
        size: int = self.identity.certificate.public_key.byte_size
        return size

    def sign(self, message: bytes) -> bytes:
        """Signs as the key does; raises SigningCertificateMismatch when the certificate does not verify it."""
        signature = self.key.sign(message)
        if not is_signed(message, signature, self.identity.certificate.public_key):
            raise SigningCertificateMismatch(
                f"what {self.key.reference} signs does not verify with the certificate of {self.identity.subject}: "
                "install the certificate that was issued for this key"
            )
        return signature
