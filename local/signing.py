"""A certificate authority for one machine, and the signing identity of a local cloud.

A world's first start makes a root certificate, and asks it for the certificate of the signing key as an operator would
ask the organization's authority. Key, root and identity stay with the world.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from functions.shared.errors import ChargebackError

ROOT_NAME = "Chargeback local cloud root"
SUBJECT = {"common_name": "Chargeback statements", "organization": "Local cloud"}
# Fixed dates: a certificate of the local cloud is valid in every month that the sample organization can have.
_FROM, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)
_KEY_BITS = 3072
_PEM = serialization.Encoding.PEM


class LocalSigningFailed(ChargebackError):
    """The deployed function that installs certificates refused the local root's."""


class LocalRoot:
    """A root certificate with its key in a folder that only its owner reads."""

    def __init__(self, folder: Path) -> None:
        self._key_file, self._certificate_file = folder / "root-key.pem", folder / "root-ca.pem"

    @property
    def certificate(self) -> x509.Certificate:
        """The root certificate; made when there is none."""
        if not self._certificate_file.exists():
            self._make()
        return x509.load_pem_x509_certificate(self._certificate_file.read_bytes())

    @property
    def pem(self) -> str:
        """The root certificate as PEM."""
        return self.certificate.public_bytes(_PEM).decode()

    def issue(self, certificate_request: str) -> str:
        """A certificate (PEM) for a request: with the subject and key usage that it asks for."""
        root = self.certificate
        request = x509.load_pem_x509_csr(certificate_request.encode())
        usage = request.extensions.get_extension_for_class(x509.KeyUsage)
        certificate = (
            _builder(request.subject, root.subject, request.public_key())  # type: ignore[arg-type]
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage.value, critical=usage.critical)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False)  # type: ignore[arg-type]
            .sign(self._key(), SHA256())
        )
        return certificate.public_bytes(_PEM).decode()

    def _make(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ROOT_NAME)])
        usage = dict.fromkeys(_USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
        certificate = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .sign(key, SHA256())
        )
        self._key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._key_file.touch(mode=0o600)
        self._key_file.write_bytes(
            key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        self._certificate_file.write_bytes(certificate.public_bytes(_PEM))

    def _key(self) -> rsa.RSAPrivateKey:
        key = serialization.load_pem_private_key(self._key_file.read_bytes(), password=None)
        assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 - narrows the type: we made it
        return key


_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _builder(subject: x509.Name, issuer: x509.Name, key: rsa.RSAPublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def has_identity(ssm: Any, parameter: str) -> bool:
    """Whether the local cloud has a signing identity already."""
    return bool(ssm.get_parameters(Names=[parameter])["Parameters"])


def install_identity(lambdas: Any, function: str, root: LocalRoot, key: str | None = None) -> dict[str, Any]:
    """Has the deployed function request a certificate, issues it, and has it installed; returns what it answered.

    ``key`` names another key than the one set up, to rotate to it.
    """
    chosen = {"key": key} if key else {}
    asked = _invoke(lambdas, function, {"action": "request", "subject": SUBJECT, **chosen})
    chain = root.issue(asked["certificate_request"]) + root.pem
    return _invoke(lambdas, function, {"action": "install", "certificate_chain": chain, **chosen})


def issue_identity(lambdas: Any, function: str) -> dict[str, Any]:
    """Has the deployed function get a certificate from Vault's PKI engine and install it; returns what it answered."""
    return _invoke(lambdas, function, {"action": "issue", "issuer": "vault_pki", "subject": SUBJECT})


def _invoke(lambdas: Any, function: str, event: dict[str, Any]) -> dict[str, Any]:
    answer = lambdas.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    content: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise LocalSigningFailed(f"{content.get('errorType')}: {content.get('errorMessage')}")
    return content
