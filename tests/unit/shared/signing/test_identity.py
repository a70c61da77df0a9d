"""A certificate that cannot sign statements is refused before anything is signed with it, with the reason."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from functions.shared.errors import SigningCertificateMismatch, SigningIdentityInvalid
from functions.shared.signing.identity import SigningIdentity, read_certificates
from functions.shared.signing.rsa import is_signed
from functions.shared.signing.signatory import Signatory
from tests.unit.signing_kit import NOW, Authority, KeyAtHand, identity, intermediate, root, signatory

SIGNER = KeyAtHand()


def test_an_identity_says_who_signs_as_people_write_it() -> None:
    found = identity()

    assert found.subject == "CN=Statements, O=Meridian Health, C=US"
    certificate = x509.load_pem_x509_certificate(found.certificate_chain.encode())
    assert found.fingerprint == certificate.fingerprint(SHA256()).hex()
    assert found.valid_from == certificate.not_valid_before_utc


def test_signatures_carry_the_intermediates_but_never_the_root() -> None:
    chain = intermediate().issue(SIGNER.public_key()) + intermediate().pem + root().pem
    found = SigningIdentity(key="k", certificate_chain=chain)

    names = [certificate.subject.native["common_name"] for certificate in found.intermediates]
    assert names == ["Test intermediate"]
    assert len(found.chain) == 3


def test_an_identity_outlives_its_storage_as_json() -> None:
    found = identity()

    assert SigningIdentity.from_json(found.model_dump_json(), "parameter") == found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("not JSON", "Invalid JSON"),
        ("{}", "key: Field required; certificate_chain: Field required"),
        ('{"key": "k", "certificate_chain": "x", "password": "y"}', "password: Extra inputs"),
    ],
)
def test_what_is_stored_must_be_an_identity(text: str, reason: str) -> None:
    with pytest.raises(SigningIdentityInvalid, match=f"^/signing-identity holds no signing identity.*{reason}"):
        SigningIdentity.from_json(text, "/signing-identity")


def chains() -> dict[str, tuple[str, str]]:
    """Chains that cannot sign, and what is wrong with each."""
    public, middle = SIGNER.public_key(), intermediate()
    signer = middle.issue(public)
    curve: bytes = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    namesake = Authority("Test intermediate", by=root())
    namesake.key = KeyAtHand("namesake").private
    other = namesake._certificate(namesake.name, namesake.key.public_key(), root(), usages={"key_cert_sign"}, ca=True)
    return {
        "no certificate": ("", "1 character"),
        "no PEM": ("certificate", "cannot be read"),
        "another kind of PEM": (signer.replace("CERTIFICATE", "PUBLIC KEY"), "holds no certificate"),
        "damaged": (signer.replace("MII", "AII", 1), "cannot be read"),
        "an elliptic curve": (middle.issue(curve), "the key is ec; statements take RSA"),
        "a short key": (middle.issue(KeyAtHand("short", 1024).public_key()), "1024 bits, at least 2048"),
        "for encryption": (middle.issue(public, usages={"key_encipherment"}), "not for signatures"),
        "for anything": (middle.issue(public, usages=()), "not for signatures"),
        "an authority first": (middle.pem + root().pem, "not for signatures"),
        "an authority that signs": (
            root().issue(public, usages={"digital_signature", "key_cert_sign"}, ca=True),
            "is a certificate authority",
        ),
        "out of order": (signer + root().pem + middle.pem, "comes CN=Test root, which did not issue it"),
        "a stranger's issuer": (signer + Authority("Stranger").pem, "comes CN=Stranger, which did not issue it"),
        "another key of the issuer": (signer + other.public_bytes(Encoding.PEM).decode(), "with another key of"),
    }


@pytest.mark.parametrize("case", chains())
def test_a_chain_that_cannot_sign_is_refused_with_the_reason(case: str) -> None:
    chain, reason = chains()[case]

    with pytest.raises((SigningIdentityInvalid, ValueError), match=reason):
        SigningIdentity(key="k", certificate_chain=chain)


@pytest.mark.parametrize(
    ("moment", "valid"), [((2024, 12, 31), False), ((2025, 1, 1), True), ((2034, 12, 31), True), ((2035, 1, 2), False)]
)
def test_nobody_signs_with_a_certificate_before_or_after_its_time(moment: tuple[int, int, int], valid: bool) -> None:
    when = datetime(*moment, tzinfo=UTC)
    if valid:
        Signatory.at(when, identity(), SIGNER)
    else:
        with pytest.raises(SigningIdentityInvalid, match="valid from 2025-01-01 to 2035-01-01, not on"):
            Signatory.at(when, identity(), SIGNER)


def test_a_signature_that_the_certificate_does_not_verify_never_leaves() -> None:
    """A key that was rotated without its certificate would otherwise make statements that nobody can verify."""
    rotated = KeyAtHand("rotated")

    with pytest.raises(SigningCertificateMismatch, match="does not verify with the certificate of CN=Statements"):
        Signatory.at(NOW, identity(SIGNER), rotated).sign(b"statement")


def test_a_signature_is_of_one_message_and_one_key() -> None:
    signature = signatory().sign(b"statement")
    public = identity().certificate.public_key
    [other] = read_certificates(intermediate().issue(KeyAtHand("rotated").public_key()))

    assert is_signed(b"statement", signature, public)
    assert not is_signed(b"statemenT", signature, public)
    assert not is_signed(b"statement", signature, other.public_key)
    assert not is_signed(b"statement", signature[:-1], public)
    assert not is_signed(b"statement", bytes([signature[0] ^ 1]) + signature[1:], public)
    assert not is_signed(b"statement", b"\xff" * len(signature), public), "more than the modulus is no signature"
