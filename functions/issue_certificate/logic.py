"""Gets the signing key its certificate, and puts both in force as one identity.

Three steps an operator can ask for: ``request`` gives a certificate request for the organization's own authority,
``install`` takes what the authority answered, and ``issue`` does both with AWS Private CA or Vault PKI.
"""

# mypy: untyped-calls-exclude=asn1crypto

from __future__ import annotations

import hashlib
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Literal

from asn1crypto import keys
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from pydantic import Field, TypeAdapter, ValidationError

from functions.shared.errors import InvalidRequest, SigningCertificateMismatch, SigningIdentityInvalid
from functions.shared.payload import Payload
from functions.shared.signing.identity import SigningIdentity, is_root, name_of, read_certificates, write_certificates
from functions.shared.signing.key import SigningKey
from functions.shared.signing.request import Subject
from functions.shared.signing.signatory import Signatory

NOT_SET_UP = "none"
_PROOF = b"chargeback: this key and this certificate belong together"


class RequestCertificate(Payload):
    """Make a certificate request. ``key`` names another key than the one set up, to rotate to it."""

    action: Literal["request"]
    subject: Subject
    key: str | None = None


class InstallCertificate(Payload):
    """Put a certificate in force: PEM, the signer's first, then those it was issued by."""

    action: Literal["install"]
    certificate_chain: str
    key: str | None = None


class IssueCertificate(Payload):
    """Request a certificate from an authority that answers at once, and put it in force."""

    action: Literal["issue"]
    issuer: Literal["private_ca", "vault_pki"]
    subject: Subject
    key: str | None = None


Request = RequestCertificate | InstallCertificate | IssueCertificate
_REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="action")])


class CertificateRequested(Payload):
    """The request (PEM) to hand to the authority, and the key it is for."""

    key: str
    certificate_request: str


class IdentityInstalled(Payload):
    """Who signs from now on."""

    key: str
    subject: str
    certificate_sha256: str
    valid_from: datetime
    valid_until: datetime
    parameter: str
    parameter_version: int


def read_request(given: object) -> Request:
    """What the operator asks for; raises InvalidRequest that names every field that is not right."""
    try:
        return _REQUEST.validate_python(given)
    except ValidationError as invalid:
        defects = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'input'}: {e['msg']}" for e in invalid.errors())
        raise InvalidRequest(
            f'{defects}; the input is {{"action": "request", "subject": {{…}}}}, '
            '{"action": "install", "certificate_chain": "…"} or '
            '{"action": "issue", "issuer": "private_ca" or "vault_pki", "subject": {…}}'
        ) from None


def require_authority(issuer: str, **setting: str) -> None:
    """Raises InvalidRequest when the authority that is asked for is not set up."""
    for name, value in setting.items():
        if value == NOT_SET_UP:
            raise InvalidRequest(f"{issuer}: {name.upper()} is {NOT_SET_UP}; set it up, or ask another authority")


def identity_of(key: SigningKey, certificate_chain: str, at: datetime) -> SigningIdentity:
    """The identity of a key and the chain issued for it, without the chain's root.

    Raises SigningCertificateMismatch when the certificate is another key's, SigningIdentityInvalid when it cannot sign
    at that moment or the chain is not what it says.
    """
    given = SigningIdentity(key=key.reference, certificate_chain=certificate_chain)
    certificate = given.certificate
    if certificate.public_key.dump() != keys.PublicKeyInfo.load(key.public_key()).dump():
        raise SigningCertificateMismatch(
            f"the certificate of {given.subject} is not for {key.reference}: it holds another public key"
        )
    _require_issued(given.certificate_chain)
    kept = write_certificates([certificate, *given.intermediates])
    identity = SigningIdentity(key=key.reference, certificate_chain=kept)
    Signatory.at(at, identity, key).sign(_PROOF)
    return identity


def describe(identity: SigningIdentity, parameter: str, version: int) -> IdentityInstalled:
    """What an operator wants to see, and an auditor to find in the log."""
    return IdentityInstalled(
        key=identity.key,
        subject=identity.subject,
        certificate_sha256=identity.fingerprint,
        valid_from=identity.valid_from,
        valid_until=identity.certificate.not_valid_after,
        parameter=parameter,
        parameter_version=version,
    )


def request_token(certificate_request: str) -> str:
    """Names a request to an authority: the same one asked twice gives one certificate."""
    return hashlib.sha256(certificate_request.encode()).hexdigest()[:32]


def _require_issued(certificate_chain: str) -> None:
    """Checks that each certificate was really signed by the next; without a root, the last one's issuer is unknown."""
    chain = read_certificates(certificate_chain)
    loaded = [x509.load_der_x509_certificate(certificate.dump()) for certificate in chain]
    links = [*pairwise(loaded), *([(loaded[-1], loaded[-1])] if is_root(chain[-1]) else [])]
    for issued, issuer in links:
        try:
            issued.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError, TypeError) as error:
            name = name_of(chain[loaded.index(issued)])
            raise SigningIdentityInvalid(
                f"{name} was not signed by the certificate after it in the chain: {error or 'another key signed it'}"
            ) from error
