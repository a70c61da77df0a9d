"""Whose signature counts: the roots that a reader trusts, and what a signer's certificate has to be."""

# mypy: untyped-calls-exclude="asn1crypto,pyhanko_certvalidator"

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from asn1crypto import x509
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError

from functions.shared.errors import SigningIdentityInvalid
from functions.shared.signing.identity import name_of, read_certificates
from local.outcome import UsageError
from local.verify.findings import reason, short

ROOT_FILE = "root-ca.pem"
SIGNER_USAGE = KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"})
_SIGNS = {"digital_signature", "non_repudiation"}
_FOLDERS_UP = 3


@dataclass(frozen=True)
class Trust:
    """Root certificates, and the time at which a reader looks. Nothing is fetched: revocation is not asked for."""

    source: Path
    roots: tuple[x509.Certificate, ...]
    now: datetime

    @classmethod
    def read(cls, file: Path, now: datetime) -> Self:
        """Reads root certificates (PEM, one or more); raises UsageError when there are none in the file."""
        try:
            roots = read_certificates(file.read_text(encoding="ascii"))
        except (OSError, UnicodeDecodeError, SigningIdentityInvalid) as error:
            raise UsageError(f"{file}: no root certificates there: {error}") from error
        return cls(file, roots, now)

    def describe(self) -> str:
        """The roots, so that a reader can compare them with what the organization publishes."""
        return "; ".join(f"{name_of(root)}, SHA-256 {fingerprint(root)}" for root in self.roots)

    def context(self, moment: datetime) -> ValidationContext:
        """How pyHanko judges certificates at a moment."""
        return ValidationContext(trust_roots=list(self.roots), moment=moment, allow_fetching=False)

    def problem(
        self, certificate: x509.Certificate, others: Iterable[x509.Certificate], moment: datetime
    ) -> str | None:
        """Why a certificate cannot have signed at a moment; None when it can."""
        begins, ends = certificate.not_valid_before, certificate.not_valid_after
        if not begins <= moment <= ends:
            return (
                f"the certificate of {name_of(certificate)} is valid from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}, "
                f"the claimed time is {moment:%Y-%m-%d}"
            )
        usage = certificate.key_usage_value
        if usage is None or not usage.native & _SIGNS:
            return f"the certificate of {name_of(certificate)} is not for signatures"
        if certificate.ca:
            return f"{name_of(certificate)} is a certificate authority, not a signer"
        validator = CertificateValidator(certificate, others, self.context(moment))
        try:
            asyncio.run(validator.async_validate_path())
        except (PathError, ValidationError) as error:
            names = " or ".join(name_of(root) for root in self.roots)
            return (
                f"the certificate of {name_of(certificate)}, issued by {_issuer(certificate)}, does not lead to "
                f"{names} ({reason(error)})"
            )
        return None

    def signer(self, certificate: x509.Certificate, moment: datetime, *, proven: bool = False) -> str:
        """A signer whose certificate is good, in words; ``proven`` when a timestamp says the moment."""
        said = f"{name_of(certificate)}, certificate {short(fingerprint(certificate))}, valid on {moment:%Y-%m-%d}"
        if certificate.not_valid_after < self.now and not proven:
            return f"{said} (a claimed date: it expired on {certificate.not_valid_after:%Y-%m-%d})"
        return said


def find_root(path: Path) -> Path:
    """The root certificate that lies beside the periods; raises UsageError when there is none."""
    start = path.absolute()
    folders = [start, *start.parents][: _FOLDERS_UP + 1]
    found = next((folder / ROOT_FILE for folder in folders if (folder / ROOT_FILE).is_file()), None)
    if found is None:
        raise UsageError(f"{path}: no {ROOT_FILE} beside it; name the root certificate that you trust with --root-ca")
    return found


def fingerprint(certificate: x509.Certificate) -> str:
    """The SHA-256 of a certificate in hex."""
    return hashlib.sha256(certificate.dump()).hexdigest()


def _issuer(certificate: x509.Certificate) -> str:
    issuer: str = certificate.issuer.human_friendly
    return issuer
