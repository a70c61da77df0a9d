"""Signs a file beside the file: as CMS, with the signer's certificate inside, and as the bare signature."""

# mypy: untyped-calls-exclude=asn1crypto

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from asn1crypto import cms, tsp

from functions.shared.signing.signatory import Signatory

CMS_TYPE = "application/pkcs7-signature"
RAW_TYPE = "application/octet-stream"


class FileSignature(NamedTuple):
    """The signature of a file. ``cms`` is a detached SignedData (DER), ``raw`` the RSA signature of the file itself.

    ``openssl cms -verify -binary -inform DER -in FILE.p7s -content FILE`` verifies the first and needs the root
    certificate only; ``openssl dgst -sha256 -verify PUBLIC_KEY -signature FILE.sig FILE`` the second.
    """

    cms: bytes
    raw: bytes


def sign_file(content: bytes, signatory: Signatory) -> FileSignature:
    """Signs the content of a file in both forms: equal content and identity give equal bytes, at any time."""
    return FileSignature(cms=_signed_data(content, signatory), raw=signatory.sign(content))


def _signed_data(content: bytes, signatory: Signatory) -> bytes:
    certificate = signatory.identity.certificate
    attributes = cms.CMSAttributes(
        [
            _attribute("content_type", "data"),
            _attribute("message_digest", hashlib.sha256(content).digest()),
            _attribute("signing_certificate_v2", _certificate_named(certificate)),
        ]
    )
    # What is signed is the set as DER, which sorts it; in the file the same bytes stand under another tag.
    signer = {
        "version": "v1",
        "sid": cms.SignerIdentifier(
            "issuer_and_serial_number",
            cms.IssuerAndSerialNumber({"issuer": certificate.issuer, "serial_number": certificate.serial_number}),
        ),
        "digest_algorithm": {"algorithm": "sha256"},
        "signed_attrs": attributes,
        "signature_algorithm": {"algorithm": "sha256_rsa"},
        "signature": signatory.sign(attributes.dump()),
    }
    signed_data = {
        "version": "v1",
        "digest_algorithms": [{"algorithm": "sha256"}],
        "encap_content_info": {"content_type": "data"},
        "certificates": [certificate, *signatory.identity.intermediates],
        "signer_infos": [signer],
    }
    whole: bytes = cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed_data)}).dump()
    return whole


def _attribute(kind: str, value: Any) -> cms.CMSAttribute:
    return cms.CMSAttribute({"type": kind, "values": [value]})


def _certificate_named(certificate: Any) -> tsp.SigningCertificateV2:
    """Which certificate signs, by its hash, so that nobody can put another one of the same key in its place."""
    named = {"hash_algorithm": {"algorithm": "sha256"}, "cert_hash": hashlib.sha256(certificate.dump()).digest()}
    return tsp.SigningCertificateV2({"certs": [tsp.ESSCertIDv2(named)]})
