"""Verifies the two signatures that lie beside a file: the detached CMS, and the bare RSA signature."""

# mypy: untyped-calls-exclude="asn1crypto,pyhanko_certvalidator"

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from asn1crypto import cms
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pyhanko.sign.general import extract_certificate_info
from pyhanko.sign.validation.generic_cms import async_validate_detached_cms
from pyhanko.sign.validation.utils import extract_message_digest

from local.verify.findings import Finding, failed, passed, reason, short
from local.verify.layout import Artefact
from local.verify.trust import SIGNER_USAGE, Trust, fingerprint

_SIGNATURE_ALGORITHMS = {"sha256_rsa", "rsassa_pkcs1v15"}
_NO_PARAMETERS = {b"", b"\x05\x00"}


class DamagedSignature(Exception):
    """A signature is not as a signer writes it; the message says in what."""


class _SignersKey(NamedTuple):
    """A public key, and the fingerprint of the certificate that says whose it is."""

    key: rsa.RSAPublicKey
    name: str


def check_signatures(file: Artefact, moment: datetime, trust: Trust) -> Iterator[Finding]:
    """Both signatures of a file, which claims to have been signed at a moment; missing ones are named."""
    whole, raw = file.with_suffix(".p7s"), file.with_suffix(".sig")
    yield from (failed(signature.name, "is missing") for signature in (whole, raw) if signature.content is None)
    key = None
    if file.content is None:
        return
    if whole.content is not None:
        try:
            signed_data = read_signature(whole.content)
            yield _check_cms(file, whole, signed_data, moment, trust)
            key = _signers_key(signed_data)
        except Exception as error:  # what a damaged signature makes a parser stumble over is not to be foreseen
            yield failed(whole.name, f"cannot be read as a signature: {reason(error)}")
    if raw.content is not None:
        yield _check_raw(file, raw, raw.content, key)


def read_signature(signature: bytes) -> cms.SignedData:
    """A signature's parts; raises DamagedSignature when what no signature protects is not as a signer writes it."""
    whole = cms.ContentInfo.load(signature, strict=True)
    signed_data = whole["content"]
    [signer] = signed_data["signer_infos"]
    digests = [*signed_data["digest_algorithms"], signer["digest_algorithm"]]
    certificate, named = extract_certificate_info(signed_data).signer_cert, signer["sid"].chosen
    expected = {
        "type": whole["content_type"].native == "signed_data",
        "version": signed_data["version"].native == signer["version"].native == "v1",
        "content's type": signed_data["encap_content_info"]["content_type"].native == "data",
        "content, which has to be outside": signed_data["encap_content_info"]["content"].native is None,
        "digest algorithm": all(_is_plain(digest, {"sha256"}) for digest in digests),
        "signature algorithm": _is_plain(signer["signature_algorithm"], _SIGNATURE_ALGORITHMS),
        "signer's name": named["issuer"].dump() == certificate.issuer.dump(),
    }
    if wrong := [what for what, right in expected.items() if not right]:
        raise DamagedSignature(f"not as it was signed is its {', its '.join(wrong)}")
    return signed_data


def _is_plain(algorithm: Any, allowed: set[str]) -> bool:
    """Whether an algorithm is one of those allowed, without parameters."""
    return algorithm["algorithm"].native in allowed and algorithm["parameters"].dump() in _NO_PARAMETERS


def _check_cms(
    file: Artefact, signature: Artefact, signed_data: cms.SignedData, moment: datetime, trust: Trust
) -> Finding:
    certificates = extract_certificate_info(signed_data)
    certificate = certificates.signer_cert
    if moment < certificate.not_valid_before <= trust.now:
        # As a PDF claims it: a certificate that was issued while the close waited makes it its own first moment.
        moment = certificate.not_valid_before
    status = asyncio.run(
        async_validate_detached_cms(
            file.content or b"",
            signed_data,
            signer_validation_context=trust.context(moment),
            key_usage_settings=SIGNER_USAGE,
        )
    )
    if not status.valid:
        return failed(signature.name, f"the key of certificate {short(fingerprint(certificate))} has not signed this")
    if not status.intact:
        signed = extract_message_digest(signed_data["signer_infos"][0]).hex()
        found = hashlib.sha256(file.content or b"").hexdigest()
        return failed(file.name, f"what was signed has the SHA-256 {short(signed)}, this file has {short(found)}")
    if problem := trust.problem(certificate, certificates.other_certs, moment):
        return failed(signature.name, problem)
    if not status.trusted:
        return failed(signature.name, f"its certificate is refused: {status.trust_problem_indic}")
    return passed(signature.name, f"signed by {trust.signer(certificate, moment)}")


def _check_raw(file: Artefact, raw: Artefact, signature: bytes, signer: _SignersKey | None) -> Finding:
    if signer is None:
        return failed(raw.name, f"cannot be verified: {file.path.name}.p7s should hold the certificate for it")
    try:
        signer.key.verify(signature, file.content or b"", padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        return failed(raw.name, f"is not what the key of certificate {signer.name} makes of {file.path.name}")
    return passed(raw.name, f"signed with the key of certificate {signer.name}")


def _signers_key(signed_data: cms.SignedData) -> _SignersKey:
    """The key of the certificate in a signature; raises DamagedSignature when it is not RSA."""
    certificate = extract_certificate_info(signed_data).signer_cert
    key = load_der_public_key(certificate.public_key.dump())
    if not isinstance(key, rsa.RSAPublicKey):
        raise DamagedSignature("its key is not RSA")
    return _SignersKey(key, short(fingerprint(certificate)))
