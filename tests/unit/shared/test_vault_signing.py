"""A key in Vault's Transit engine signs like one in AWS KMS; each of its versions is a key of its own."""

from __future__ import annotations

import base64
import json

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import padding, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from functions.shared.adapters.vault_client import VaultClient
from functions.shared.adapters.vault_signing import VaultSigningKey
from functions.shared.errors import SigningRefused, SigningServiceUnavailable
from functions.shared.signing.identity import read_certificates
from functions.shared.signing.rsa import is_signed
from tests.unit.signing_kit import KeyAtHand, root

NAME = "vault:transit/statements"


class Transit:
    """Vault's answers for a key with two versions; it takes one token."""

    token = "s.token"

    def __init__(self) -> None:
        self.versions = {1: KeyAtHand("vault 1"), 2: KeyAtHand("vault 2")}
        self.type = "rsa-2048"

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("X-Vault-Token", "") != self.token:
            return httpx.Response(403, json={"errors": ["permission denied"]})
        if request.url.path == "/v1/transit/keys/statements":
            return httpx.Response(200, json={"data": {"type": self.type, "keys": self._public_keys()}})
        if request.url.path == "/v1/transit/sign/statements":
            return self._sign(json.loads(request.content))
        return httpx.Response(404, json={"errors": []})

    def _public_keys(self) -> dict[str, dict[str, str]]:
        return {
            str(version): {
                "public_key": key.private.public_key()
                .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
                .decode()
            }
            for version, key in self.versions.items()
        }

    def _sign(self, body: dict[str, object]) -> httpx.Response:
        """As Vault does: with PSS unless it is told otherwise, and with the newest version unless one is named."""
        version = int(str(body.get("key_version") or max(self.versions)))
        if version not in self.versions:
            return httpx.Response(400, json={"errors": ["requested version for signing is not available"]})
        assert body["prehashed"] is True
        scheme = (
            padding.PKCS1v15()
            if body.get("signature_algorithm") == "pkcs1v15"
            else padding.PSS(padding.MGF1(SHA256()), 32)
        )
        digest = base64.b64decode(str(body["input"]))
        signature = self.versions[version].private.sign(digest, scheme, utils.Prehashed(SHA256()))
        return httpx.Response(
            200, json={"data": {"signature": f"vault:v{version}:{base64.b64encode(signature).decode()}"}}
        )


def vault(transit: Transit, token: str = Transit.token) -> VaultClient:
    return VaultClient("https://vault.example/", lambda: token, transport=httpx.MockTransport(transit))


@pytest.mark.parametrize("version", [1, 2])
def test_each_version_of_a_key_signs_what_its_own_certificate_verifies(version: int) -> None:
    key = VaultSigningKey(f"{NAME}:{version}", vault(Transit()))
    [certificate] = read_certificates(root().issue(key.public_key()))
    [other] = read_certificates(root().issue(VaultSigningKey(f"{NAME}:{3 - version}", vault(Transit())).public_key()))

    signature = key.sign(b"statement")

    assert is_signed(b"statement", signature, certificate.public_key)
    assert not is_signed(b"statement", signature, other.public_key)
    assert key.sign(b"statement") == signature


def test_a_key_without_a_version_is_resolved_to_the_newest_there_is() -> None:
    transit = Transit()
    resolved = VaultSigningKey(NAME, vault(transit)).resolved()
    transit.versions[3] = KeyAtHand("vault 3")

    assert resolved.reference == f"{NAME}:2"
    assert resolved.public_key() == KeyAtHand("vault 2").public_key()


def test_a_version_that_vault_does_not_have_is_named_with_those_it_has() -> None:
    with pytest.raises(SigningRefused, match=f"^{NAME}:7: Vault has versions 1, 2 of this key"):
        VaultSigningKey(f"{NAME}:7", vault(Transit())).public_key()
    with pytest.raises(SigningRefused, match="400 requested version for signing is not available"):
        VaultSigningKey(f"{NAME}:7", vault(Transit())).sign(b"statement")


@pytest.mark.parametrize(
    "reference", ["vault:", "vault:transit", "vault:transit/a:0", "vault:transit/a:x", "transit/a"]
)
def test_a_reference_is_mount_name_and_version(reference: str) -> None:
    with pytest.raises(SigningRefused, match="write vault:<mount>/<name>:<version>"):
        VaultSigningKey(reference, vault(Transit()))


def test_a_key_of_another_kind_is_refused() -> None:
    transit = Transit()
    transit.type = "ed25519"

    with pytest.raises(SigningRefused, match="a key of type ed25519; statements take RSA"):
        VaultSigningKey(f"{NAME}:1", vault(transit)).public_key()


def test_vaults_own_words_say_why_it_refuses() -> None:
    with pytest.raises(SigningRefused, match=r"^Vault, https://vault\.example/v1/transit/sign/statements: 403 perm"):
        VaultSigningKey(f"{NAME}:1", vault(Transit(), token="expired")).sign(b"statement")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(503, json={"errors": ["Vault is sealed"]}), "503 Vault is sealed"),
        (httpx.Response(429, text="slow down"), "429 Too Many Requests"),
        (httpx.Response(200, text="<html>"), "the answer is not Vault's"),
        (httpx.Response(200, json={"data": None}), "the answer is not Vault's"),
    ],
)
def test_a_vault_that_is_away_is_asked_again_later(answer: httpx.Response, reason: str) -> None:
    client = VaultClient("https://vault.example", lambda: "", transport=httpx.MockTransport(lambda _: answer))

    with pytest.raises(SigningServiceUnavailable, match=reason):
        VaultSigningKey(f"{NAME}:1", client).sign(b"statement")


def test_an_unreachable_vault_is_asked_again_later() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("timed out", request=request)

    client = VaultClient("https://vault.example", lambda: "", transport=httpx.MockTransport(refuse))
    with pytest.raises(SigningServiceUnavailable, match="timed out"):
        VaultSigningKey(f"{NAME}:1", client).sign(b"statement")


@pytest.mark.parametrize("signature", ["vault:v2:AAAA", "AAAA", "", "vault:v1:A"])
def test_an_answer_that_is_no_signature_of_the_version_asked_for_is_refused(signature: str) -> None:
    answer = httpx.Response(200, json={"data": {"signature": signature}})
    client = VaultClient("https://vault.example", lambda: "", transport=httpx.MockTransport(lambda _: answer))

    with pytest.raises(SigningRefused, match=f"^{NAME}:1: Vault"):
        VaultSigningKey(f"{NAME}:1", client).sign(b"statement")


def test_behind_the_extensions_proxy_no_token_is_sent() -> None:
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200, json={"data": {}})

    VaultClient("http://127.0.0.1:8200", lambda: "", transport=httpx.MockTransport(answer)).read(
        "transit/keys/statements", refusal=SigningRefused
    )
    assert "X-Vault-Token" not in seen[0]
    assert seen[0]["X-Vault-Request"] == "true"
