"""Asks a certificate authority for a certificate of the signing key: PKCS#10, signed by the key itself."""

# mypy: untyped-calls-exclude=asn1crypto

from __future__ import annotations

from typing import Annotated

from asn1crypto import csr, keys, pem, x509
from pydantic import Field, StringConstraints

from functions.shared.payload import Payload
from functions.shared.signing.key import SigningKey

NameText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]


class Subject(Payload):
    """Whose signature it will be: the name on every statement."""

    common_name: NameText
    organization: NameText
    organizational_unit: NameText | None = None
    locality: NameText | None = None
    state_or_province: NameText | None = None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = Field(
        default=None, description="two capital letters, ISO 3166"
    )

    def name(self) -> x509.Name:
        """The subject as certificates have it, the most general part first."""
        parts = {
            "country_name": self.country,
            "state_or_province_name": self.state_or_province,
            "locality_name": self.locality,
            "organization_name": self.organization,
            "organizational_unit_name": self.organizational_unit,
            "common_name": self.common_name,
        }
        name: x509.Name = x509.Name.build({kind: value for kind, value in parts.items() if value})
        return name


def request_certificate(subject: Subject, key: SigningKey) -> str:
    """A certificate request as PEM; it asks for a key usage of digitalSignature and nonRepudiation."""
    usage = {
        "extn_id": "key_usage",
        "critical": True,
        "extn_value": x509.KeyUsage({"digital_signature", "non_repudiation"}),
    }
    info = csr.CertificationRequestInfo(
        {
            "version": "v1",
            "subject": subject.name(),
            "subject_pk_info": keys.PublicKeyInfo.load(key.public_key()),
            "attributes": [{"type": "extension_request", "values": [[usage]]}],
        }
    )
    request = csr.CertificationRequest(
        {
            "certification_request_info": info,
            "signature_algorithm": {"algorithm": "sha256_rsa"},
            "signature": key.sign(info.dump()),
        }
    )
    armored: bytes = pem.armor("CERTIFICATE REQUEST", request.dump())
    return armored.decode()
