"""Who signs: a key, and the certificate that says whose it is.

Both are switched as one when a key is rotated, so a signature and the certificate in it always belong together.
"""

# mypy: untyped-calls-exclude=asn1crypto

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import Self

from asn1crypto import pem, x509
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from functions.shared.errors import SigningIdentityInvalid

LEAST_KEY_BITS = 2048
_SIGNS = {"digital_signature", "non_repudiation"}
_SHORT_NAMES = {
    "common_name": "CN",
    "organizational_unit_name": "OU",
    "organization_name": "O",
    "locality_name": "L",
    "state_or_province_name": "ST",
    "country_name": "C",
}


class SigningIdentity(BaseModel):
    """A key and its certificate chain (PEM): the signer's certificate first, each issued by the one after it.

    An identity whose chain cannot sign does not exist: making one raises SigningIdentityInvalid. The chain's root may
    be in it; it is never put into a signature, as whoever verifies has to have it already.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(min_length=1)
    certificate_chain: str = Field(min_length=1)

    @classmethod
    def from_json(cls, text: str, source: str) -> Self:
        """Reads an identity as it is stored; raises SigningIdentityInvalid that names where it was stored."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            fields = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'content'}: {e['msg']}" for e in error.errors())
            raise SigningIdentityInvalid(f"{source} holds no signing identity: {fields}") from None

    @model_validator(mode="after")
    def _can_sign(self) -> Self:
        chain = self.chain
        _require_signer(chain[0])
        for issued, issuer in pairwise(chain):
            _require_issuer(issued, issuer)
        return self

    @cached_property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """The certificates, the signer's first."""
        return read_certificates(self.certificate_chain)

    @property
    def certificate(self) -> x509.Certificate:
        """The signer's certificate."""
        return self.chain[0]

    @property
    def intermediates(self) -> tuple[x509.Certificate, ...]:
        """The certificates between the signer's and the root, which is not among them."""
        return tuple(certificate for certificate in self.chain[1:] if not is_root(certificate))

    @property
    def subject(self) -> str:
        """Whom the certificate names, as people write it: ``CN=…, O=…, C=…``."""
        return name_of(self.certificate)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the signer's certificate, in hex."""
        return hashlib.sha256(self.certificate.dump()).hexdigest()

    @property
    def valid_from(self) -> datetime:
        """When the signer's certificate becomes valid."""
        begins: datetime = self.certificate.not_valid_before
        return begins

    def require_valid_at(self, moment: datetime) -> None:
        """Raises SigningIdentityInvalid when a certificate of the chain is not valid yet, or no longer."""
        for certificate in self.chain:
            begins, ends = certificate.not_valid_before, certificate.not_valid_after
            if not begins <= moment <= ends:
                raise SigningIdentityInvalid(
                    f"the certificate of {name_of(certificate)} is valid from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}, "
                    f"not on {moment:%Y-%m-%d}: request a new one with IssueCertificate"
                )


def read_certificates(text: str) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM text, in its order; raises SigningIdentityInvalid when there is none, or no X.509."""
    try:
        found = [
            x509.Certificate.load(content, strict=True)
            for kind, _, content in pem.unarmor(text.encode(), multiple=True)
            if kind == "CERTIFICATE"
        ]
        for certificate in found:
            certificate.native  # noqa: B018 - asn1crypto reads lazily; what is damaged has to be found here
    except (ValueError, TypeError, KeyError) as error:
        raise SigningIdentityInvalid(f"the certificate chain cannot be read as PEM certificates: {error}") from error
    if not found:
        raise SigningIdentityInvalid("the certificate chain holds no certificate")
    return tuple(found)


def write_certificates(certificates: Iterable[x509.Certificate]) -> str:
    """Certificates as PEM."""
    return "".join(pem.armor("CERTIFICATE", certificate.dump()).decode() for certificate in certificates)


def is_root(certificate: x509.Certificate) -> bool:
    """Whether a certificate names itself as its issuer."""
    return bool(certificate.subject.hashable == certificate.issuer.hashable)


def name_of(certificate: x509.Certificate) -> str:
    """Whom a certificate names: its subject's parts, the most particular first."""
    parts = [part for name in certificate.subject.chosen for part in name]
    known = [(part["type"].native, part["value"].native) for part in reversed(parts)]
    return ", ".join(f"{_SHORT_NAMES.get(kind, kind)}={value}" for kind, value in known)


def _require_signer(certificate: x509.Certificate) -> None:
    name = name_of(certificate)
    if certificate.public_key.algorithm != "rsa":
        raise SigningIdentityInvalid(f"{name}: the key is {certificate.public_key.algorithm}; statements take RSA")
    bits = certificate.public_key.bit_size
    if bits < LEAST_KEY_BITS:
        raise SigningIdentityInvalid(f"{name}: the key has {bits} bits, at least {LEAST_KEY_BITS} are needed")
    usage = certificate.key_usage_value
    if usage is None or not usage.native & _SIGNS:
        raise SigningIdentityInvalid(
            f"{name}: the certificate is not for signatures (key usage digitalSignature or nonRepudiation)"
        )
    if certificate.ca:
        raise SigningIdentityInvalid(f"{name} is a certificate authority; the signer's certificate comes first")


def _require_issuer(issued: x509.Certificate, issuer: x509.Certificate) -> None:
    if issued.issuer.hashable != issuer.subject.hashable:
        raise SigningIdentityInvalid(
            f"the chain is out of order: after {name_of(issued)} comes {name_of(issuer)}, which did not issue it"
        )
    if not issuer.ca:
        raise SigningIdentityInvalid(f"{name_of(issuer)} is in the chain but is not a certificate authority")
    wanted, has = issued.authority_key_identifier, issuer.key_identifier
    if wanted and has and wanted != has:
        raise SigningIdentityInvalid(
            f"{name_of(issued)} was issued with another key of {name_of(issuer)} than the chain has"
        )
