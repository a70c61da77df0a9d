"""Keys and certificate authorities for tests of signatures: real ones, that live as long as the test run."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from functions.shared.adapters.kms_signing import KmsSigningKey
from functions.shared.adapters.signing_identity import store_identity
from functions.shared.signing.identity import SigningIdentity
from functions.shared.signing.signatory import Signatory
from tests.unit.function_bench import VALUES

PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER
VALID_FROM, VALID_UNTIL = datetime(2025, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 8, 6, 0, tzinfo=UTC)
SIGNS = frozenset({"digital_signature", "content_commitment"})
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


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skips a test where a program of Debian's is not installed, and says which."""
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}: apt-get install {_packages(missing)}")


def _packages(programs: list[str]) -> str:
    packages = {"pdfsig": "poppler-utils", "certutil": "libnss3-tools", "openssl": "openssl", "sha256sum": "coreutils"}
    return " ".join(packages[program] for program in programs)


@cache
def private_key(name: str, bits: int) -> rsa.RSAPrivateKey:
    """The private key of that name: the same one all through a test run."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


class KeyAtHand:
    """A signing key that is here, and not in AWS KMS or Vault."""

    def __init__(self, name: str = "signer", bits: int = 2048) -> None:
        self.private = private_key(name, bits)
        self.reference = f"arn:aws:kms:us-east-1:123456789012:key/{name}"
        self.signed: list[bytes] = []

    def public_key(self) -> bytes:
        return self.private.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, message: bytes) -> bytes:
        self.signed.append(message)
        return self.private.sign(message, padding.PKCS1v15(), SHA256())


class Authority:
    """A certificate authority: the root, or one that another authority certified."""

    def __init__(self, name: str = "Test root", by: Authority | None = None) -> None:
        self.key = private_key(f"authority {name}", 2048)
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.by = by
        issuer = by or self
        self.certificate = self._certificate(
            self.name, self.key.public_key(), issuer, usages={"key_cert_sign", "crl_sign"}, ca=True
        )

    @property
    def pem(self) -> str:
        """Its certificate."""
        return self.certificate.public_bytes(PEM).decode()

    def issue(self, public_key: bytes, subject: x509.Name | None = None, **options: Any) -> str:
        """A signer's certificate (PEM). ``options``: usages, ca, stamps, valid_from, valid_until."""
        key: Any = serialization.load_der_public_key(public_key)
        return self._certificate(subject or name("Statements"), key, self, **options).public_bytes(PEM).decode()

    def _certificate(
        self,
        subject: x509.Name,
        key: Any,
        issuer: Authority,
        *,
        usages: Any = SIGNS,
        ca: bool = False,
        stamps: bool = False,
        valid_from: datetime = VALID_FROM,
        valid_until: datetime = VALID_UNTIL,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.name)
            .public_key(key)
            .serial_number(1 + int.from_bytes(subject.public_bytes()[-8:]))
            .not_valid_before(valid_from)
            .not_valid_after(valid_until)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )
        if usages:
            builder = builder.add_extension(
                x509.KeyUsage(**{usage: usage in usages for usage in _USAGES}), critical=True
            )
        if stamps:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        return builder.sign(issuer.key, SHA256())


def name(common_name: str) -> x509.Name:
    """A subject with an organization and a country."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Meridian Health"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


@cache
def root() -> Authority:
    """The root that tests trust."""
    return Authority()


@cache
def intermediate() -> Authority:
    """An authority between the root and signers."""
    return Authority("Test intermediate", by=root())


def identity(key: KeyAtHand | None = None, authority: Authority | None = None, **options: Any) -> SigningIdentity:
    """An identity whose certificate the intermediate issued, or another authority."""
    key, authority = key or KeyAtHand(), authority or intermediate()
    chain = authority.issue(key.public_key(), **options) + (authority.pem if authority.by else "")
    return SigningIdentity(key=key.reference, certificate_chain=chain)


def signatory(key: KeyAtHand | None = None, **options: Any) -> Signatory:
    """Somebody who can sign in June 2026."""
    key = key or KeyAtHand()
    return Signatory.at(NOW, identity(key, **options), key)


def create_kms_key(number: int = 1) -> str:
    """A signing key in AWS KMS with its alias; returns its ARN."""
    kms = boto3.client("kms")
    arn: str = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName=f"alias/chargeback-test-signing-{number}", TargetKeyId=arn)
    return arn


def install_identity(number: int = 1) -> SigningIdentity:
    """A key in AWS KMS whose certificate is in force."""
    key = KmsSigningKey(create_kms_key(number))
    chain = intermediate().issue(key.public_key()) + intermediate().pem
    found = SigningIdentity(key=key.reference, certificate_chain=chain)
    store_identity(VALUES["IDENTITY_PARAMETER"], found)
    return found


def trust_store(folder: Path) -> Path:
    """A certificate store of NSS, in which pdfsig finds the root that tests trust."""
    store, certificate = folder / "nss", folder / "root.pem"
    store.mkdir()
    certificate.write_text(root().pem)
    for arguments in (["-N", "--empty-password"], ["-A", "-n", "root", "-t", "C,C,C", "-i", str(certificate)]):
        subprocess.run(["certutil", *arguments, "-d", f"sql:{store}"], check=True)
    return store
