"""Verifies the detached signature of a file, and says who signed.

It shows that the file is what the holder of the certificate's key signed. Whether that certificate is to be trusted,
only the root tells, which a signature does not carry.
"""

# mypy: untyped-calls-exclude=asn1crypto

from __future__ import annotations

import hashlib
from typing import Any

from asn1crypto import cms, tsp, x509

from functions.shared.errors import SignatureInvalid
from functions.shared.signing.identity import name_of
from functions.shared.signing.rsa import is_signed
from functions.shared.signing.signer import Signer

_SET_OF = b"\x31"


def signer_of(name: str, content: bytes, signature: bytes) -> Signer:
    """The signer of a file's content, after its detached CMS signature (DER).

    Raises SignatureInvalid, which names the file, when the signature cannot be read or is of another content.
    """
    try:
        return _verified(content, signature)
    except SignatureInvalid as error:
        raise SignatureInvalid(f"{name}: {error}") from None
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise SignatureInvalid(f"{name}: its signature cannot be read: {error}") from error


def _verified(content: bytes, signature: bytes) -> Signer:
    signed_data = cms.ContentInfo.load(signature, strict=True)["content"]
    [signer] = signed_data["signer_infos"]
    certificate = _certificate_of(signer, signed_data["certificates"])
    attributes = {attribute["type"].native: attribute["values"][0] for attribute in signer["signed_attrs"]}
    _require_about(content, certificate, attributes)
    # The attributes are signed as the set that they are, and stand in the file under another tag.
    signed = _SET_OF + signer["signed_attrs"].dump()[1:]
    if not is_signed(signed, signer["signature"].native, certificate.public_key):
        raise SignatureInvalid(f"the key of {name_of(certificate)} has not signed this")
    return Signer(subject=name_of(certificate), certificate_sha256=hashlib.sha256(certificate.dump()).hexdigest())


def _certificate_of(signer: Any, certificates: Any) -> x509.Certificate:
    wanted = signer["sid"].chosen
    for choice in certificates:
        certificate: x509.Certificate = choice.chosen
        if (certificate.issuer, certificate.serial_number) == (wanted["issuer"], wanted["serial_number"].native):
            return certificate
    raise SignatureInvalid("the signer's certificate is not in the signature")


def _require_about(content: bytes, certificate: x509.Certificate, attributes: dict[str, Any]) -> None:
    found = hashlib.sha256(content).digest()
    said = attributes["message_digest"].native
    if said != found:
        raise SignatureInvalid(f"the signature is of a content with the SHA-256 {said.hex()}, this has {found.hex()}")
    named: tsp.SigningCertificateV2 = attributes["signing_certificate_v2"]
    if named["certs"][0]["cert_hash"].native != hashlib.sha256(certificate.dump()).digest():
        raise SignatureInvalid("the certificate in the signature is not the one that the signature names")
