"""A key gets its certificate from the organization's authority, and both come into force as one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import PublicFormat

from functions.issue_certificate.logic import identity_of, read_request, request_token
from functions.shared.adapters.certificate_authorities import issue_by_private_ca, issue_by_vault
from functions.shared.adapters.signing_identity import SigningSettings, open_signatory, read_identity
from functions.shared.adapters.vault_client import VaultClient
from functions.shared.errors import (
    CertificateRefused,
    InvalidRequest,
    SigningCertificateMismatch,
    SigningIdentityInvalid,
    SigningServiceUnavailable,
)
from tests.unit.function_bench import VALUES, FunctionBench
from tests.unit.signing_kit import DER, NOW, PEM, Authority, KeyAtHand, create_kms_key, intermediate, name, root

PARAMETER = VALUES["IDENTITY_PARAMETER"]
SUBJECT = {"common_name": "Statements", "organization": "Meridian Health"}
SETTINGS = SigningSettings(identity_parameter=PARAMETER, vault=None)


def certify(certificate_request: str, authority: Authority | None = None) -> str:
    """What an authority answers to a request: the certificate, and the chain with its root."""
    request = x509.load_pem_x509_csr(certificate_request.encode())
    assert request.is_signature_valid
    public = request.public_key().public_bytes(DER, PublicFormat.SubjectPublicKeyInfo)
    authority = authority or intermediate()
    return authority.issue(public, request.subject) + authority.pem + (root().pem if authority.by else "")


@pytest.fixture
def key(bench: FunctionBench, kms_as_on_aws: None) -> str:  # noqa: ARG001 - both are the account
    return create_kms_key()


def test_a_request_is_for_the_key_that_is_set_up(bench: FunctionBench, key: str) -> None:
    asked = bench.invoke("issue_certificate", {"action": "request", "subject": SUBJECT})

    assert asked["key"] == key
    request = x509.load_pem_x509_csr(asked["certificate_request"].encode())
    assert request.subject.rfc4514_string() == "CN=Statements,O=Meridian Health"


def test_what_the_authority_answers_is_in_force_once_it_is_installed(bench: FunctionBench, key: str) -> None:
    asked = bench.invoke("issue_certificate", {"action": "request", "subject": SUBJECT})
    chain = certify(asked["certificate_request"])

    installed = bench.invoke("issue_certificate", {"action": "install", "certificate_chain": chain})

    with open_signatory(SETTINGS, NOW) as signatory:
        signatory.sign(b"statement")
    assert installed == {
        "key": key,
        "subject": "CN=Statements, O=Meridian Health",
        "certificate_sha256": signatory.identity.fingerprint,
        "valid_from": "2025-01-01T00:00:00Z",
        "valid_until": "2035-01-01T00:00:00Z",
        "parameter": PARAMETER,
        "parameter_version": 1,
    }


@pytest.mark.usefixtures("key")
def test_the_root_is_not_kept_with_the_identity(bench: FunctionBench) -> None:
    asked = bench.invoke("issue_certificate", {"action": "request", "subject": SUBJECT})
    bench.invoke("issue_certificate", {"action": "install", "certificate_chain": certify(asked["certificate_request"])})

    assert len(read_identity(PARAMETER).chain) == 2


def test_a_rotation_names_the_new_key_and_the_old_identity_signs_until_it_is_installed(
    bench: FunctionBench, key: str
) -> None:
    first = bench.invoke("issue_certificate", {"action": "request", "subject": SUBJECT})
    bench.invoke("issue_certificate", {"action": "install", "certificate_chain": certify(first["certificate_request"])})
    rotated = {"key": "alias/chargeback-test-signing-2"}
    arn = create_kms_key(2)

    asked = bench.invoke("issue_certificate", {"action": "request", "subject": SUBJECT, **rotated})
    assert read_identity(PARAMETER).key == key
    chain = certify(asked["certificate_request"])
    bench.invoke("issue_certificate", {"action": "install", "certificate_chain": chain, **rotated})

    assert read_identity(PARAMETER).key == arn, "an alias may mean another key tomorrow"
    with open_signatory(SETTINGS, NOW) as signatory:
        signatory.sign(b"statement")


@pytest.mark.usefixtures("key")
def test_a_certificate_of_another_key_is_never_installed(bench: FunctionBench) -> None:
    stranger = intermediate().issue(KeyAtHand("stranger").public_key()) + intermediate().pem

    with pytest.raises(SigningCertificateMismatch, match=r"is not for arn:aws:kms:\S+: it holds another public key"):
        bench.invoke("issue_certificate", {"action": "install", "certificate_chain": stranger})
    with pytest.raises(SigningIdentityInvalid, match="there is no signing identity"):
        read_identity(PARAMETER)


def test_a_chain_whose_names_fit_but_whose_signatures_do_not_is_refused() -> None:
    """Somebody renewed the intermediate's key: names alone would not tell."""
    key, forged = KeyAtHand(), Authority("Test intermediate", by=root())
    forged.key = KeyAtHand("forger").private
    leaf = x509.CertificateBuilder(
        issuer_name=forged.name,
        subject_name=name("Statements"),
        public_key=key.private.public_key(),
        serial_number=7,
        not_valid_before=NOW.replace(year=2025),
        not_valid_after=NOW.replace(year=2030),
    )
    usage = x509.KeyUsage(True, True, False, False, False, False, False, False, False)
    signed = leaf.add_extension(usage, critical=True).sign(forged.key, SHA256())
    chain = signed.public_bytes(PEM).decode() + intermediate().pem

    with pytest.raises(SigningIdentityInvalid, match=r"CN=Statements.* was not signed by the certificate after it"):
        identity_of(key, chain, NOW)


def test_an_expired_certificate_is_never_installed() -> None:
    chain = intermediate().issue(KeyAtHand().public_key()) + intermediate().pem

    with pytest.raises(SigningIdentityInvalid, match="valid from 2025-01-01 to 2035-01-01, not on 2036-01-01"):
        identity_of(KeyAtHand(), chain, datetime(2036, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "Unable to extract tag"),
        ({"action": "sign"}, "'sign' found using 'action' does not match"),
        ({"action": "request"}, "request.subject: Field required"),
        ({"action": "request", "subject": {"common_name": "x"}}, "request.subject.organization: Field required"),
        ({"action": "install"}, "install.certificate_chain: Field required"),
        ({"action": "issue", "issuer": "letsencrypt", "subject": SUBJECT}, "issue.issuer: Input should be"),
    ],
)
def test_a_wrong_invocation_names_the_field_and_shows_what_is_right(given: object, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=f'{reason}.*the input is {{"action": "request"'):
        read_request(given)


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("issuer", ["private_ca", "vault_pki"])
def test_an_authority_that_is_not_set_up_is_named(bench: FunctionBench, issuer: str) -> None:
    setting = {"private_ca": "PRIVATE_CA_ARN", "vault_pki": "VAULT_PKI_ROLE"}[issuer]

    with pytest.raises(InvalidRequest, match=f"{issuer}: {setting} is none"):
        bench.invoke("issue_certificate", {"action": "issue", "issuer": issuer, "subject": SUBJECT})


def make_private_ca() -> str:
    """A root authority of AWS Private CA."""
    client: Any = boto3.client("acm-pca")
    created = client.create_certificate_authority(
        CertificateAuthorityType="ROOT",
        CertificateAuthorityConfiguration={
            "KeyAlgorithm": "RSA_2048",
            "SigningAlgorithm": "SHA256WITHRSA",
            "Subject": {"CommonName": "Private root"},
        },
    )
    arn: str = created["CertificateAuthorityArn"]
    issued = client.issue_certificate(
        CertificateAuthorityArn=arn,
        Csr=client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode(),
        SigningAlgorithm="SHA256WITHRSA",
        TemplateArn="arn:aws:acm-pca:::template/RootCACertificate/V1",
        Validity={"Type": "DAYS", "Value": 3650},
    )
    named = {"CertificateAuthorityArn": arn, "CertificateArn": issued["CertificateArn"]}
    certificate = client.get_certificate(**named)["Certificate"]
    client.import_certificate_authority_certificate(CertificateAuthorityArn=arn, Certificate=certificate.encode())
    return arn


@pytest.mark.usefixtures("key")
def test_private_ca_is_asked_for_what_the_request_says_and_answers_with_its_chain(bench: FunctionBench) -> None:
    asked = bench.invoke("issue_certificate", {"action": "request", "subject": SUBJECT})["certificate_request"]

    chain = issue_by_private_ca(make_private_ca(), asked, request_token(asked), 365)

    certificates = x509.load_pem_x509_certificates(chain.encode())
    assert certificates[0].subject.rfc4514_string() == "CN=Statements,O=Meridian Health"
    assert certificates[0].public_key() == x509.load_pem_x509_csr(asked.encode()).public_key()


@pytest.mark.usefixtures("bench")
def test_private_cas_own_words_say_why_it_refuses() -> None:
    with pytest.raises(CertificateRefused, match=r"^AWS Private CA, arn:aws:acm-pca:.*: ResourceNotFoundException"):
        issue_by_private_ca("arn:aws:acm-pca:us-east-1:123456789012:certificate-authority/x", "csr", "token", 365)


def pki(answer: httpx.Response, seen: list[httpx.Request]) -> VaultClient:
    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer

    return VaultClient("https://vault.example", lambda: "s.token", transport=httpx.MockTransport(handle))


def test_vault_pki_signs_the_request_with_a_role_and_answers_with_its_chain() -> None:
    key = KeyAtHand()
    seen: list[httpx.Request] = []
    certificate = intermediate().issue(key.public_key())
    answer = {
        "certificate": certificate,
        "issuing_ca": intermediate().pem,
        "ca_chain": [intermediate().pem, root().pem],
    }

    chain = issue_by_vault(
        pki(httpx.Response(200, json={"data": answer}), seen), "pki/eu/statements", "the csr", "Statements", 365
    )

    assert identity_of(key, chain, NOW).subject == "CN=Statements, O=Meridian Health, C=US"
    assert seen[0].url.path == "/v1/pki/eu/sign/statements"
    assert json.loads(seen[0].content) == {
        "csr": "the csr",
        "common_name": "Statements",
        "ttl": "8760h",
        "format": "pem",
    }


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (
            httpx.Response(400, json={"errors": ["common name Statements not allowed by this role"]}),
            CertificateRefused,
            "400 common name Statements not allowed by this role",
        ),
        (httpx.Response(503, json={"errors": ["Vault is sealed"]}), SigningServiceUnavailable, "503 Vault is sealed"),
    ],
)
def test_vaults_own_words_say_why_it_refuses(answer: httpx.Response, error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        issue_by_vault(pki(answer, []), "pki/statements", "csr", "Statements", 365)
