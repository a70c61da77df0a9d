"""Functions sign in to Vault with their IAM role; their tokens are renewed in time, replaced, and never left behind."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from functions.shared.adapters.vault_secrets import VaultSecrets
from functions.shared.adapters.vault_signing import VaultSigningKey
from functions.shared.errors import (
    SecretDeleted,
    SecretForbidden,
    SecretNotFound,
    SecretUnreadable,
    SigningRefused,
    SigningServiceUnavailable,
    VaultLoginRefused,
)
from functions.shared.signing.identity import read_certificates
from functions.shared.signing.rsa import is_signed
from tests.unit.signing_kit import root
from tests.unit.vault_bench import KEY, OWN, PASSWORD, REFERENCE, STRANGER, VaultBench, vault_bench

LOGIN, RENEW, REVOKE = "POST auth/aws/login", "POST auth/token/renew-self", "POST auth/token/revoke-self"
READ = "GET kv/data/chargeback/servicenow"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[VaultBench]:
    with vault_bench(tmp_path) as found:
        yield found


def test_a_use_signs_in_once_and_leaves_no_token_behind(bench: VaultBench) -> None:
    with bench.session() as vault:
        found = json.loads(VaultSecrets(vault).read(REFERENCE))
        VaultSecrets(vault).read(REFERENCE)
        assert len(bench.stand_in.tokens.alive) == 1

    assert found["credentials"] == {"password": PASSWORD}, "what vault kv put made a text of is taken for what it says"
    assert bench.stand_in.requests == [LOGIN, READ, READ, REVOKE]
    assert bench.stand_in.tokens.alive == []


def test_the_token_is_revoked_when_the_work_fails_and_not_made_when_there_is_none(bench: VaultBench) -> None:
    with bench.session():
        pass
    assert bench.stand_in.requests == []

    with pytest.raises(SecretNotFound), bench.session() as vault:
        VaultSecrets(vault).read("vault:kv/chargeback/nothing")
    assert bench.stand_in.tokens.alive == []


def test_a_token_is_renewed_before_it_ends_and_replaced_when_it_cannot_be_renewed_for_long(bench: VaultBench) -> None:
    with bench.session() as vault:
        secrets = VaultSecrets(vault)
        for seconds in (0, 599, 2, 610, 610):
            bench.clock.now += seconds
            secrets.read(REFERENCE)

    # After 601 s it has 900 s more, after 1211 s it reaches its last moment at 1800 s, and after 1821 s it is another.
    assert bench.stand_in.requests[:6] == [LOGIN, READ, READ, RENEW, READ, RENEW]
    assert bench.stand_in.requests[-1] == REVOKE
    assert len(bench.stand_in.tokens.issued) == 2
    assert bench.stand_in.tokens.alive == []


def test_a_token_that_vault_has_forgotten_is_replaced_once(bench: VaultBench) -> None:
    with bench.session() as vault:
        VaultSecrets(vault).read(REFERENCE)
        bench.stand_in.tokens.revoke(bench.stand_in.tokens.issued[0])
        VaultSecrets(vault).read(REFERENCE)

    assert bench.stand_in.requests == [LOGIN, READ, READ, REVOKE, LOGIN, READ, REVOKE]


def test_a_missing_right_is_not_mistaken_for_an_old_token(bench: VaultBench) -> None:
    with (
        pytest.raises(SecretForbidden, match="our policy in Vault must allow read on kv/data/payroll"),
        bench.session() as v,
    ):
        VaultSecrets(v).read("vault:kv/payroll")

    assert bench.stand_in.requests == [LOGIN, "GET kv/data/payroll", REVOKE]


@pytest.mark.parametrize(
    ("changed", "credentials", "reason"),
    [
        ({"server_id": "another.vault"}, OWN, 'expected "vault.local.example" but got "another.vault"'),
        ({"role": "nobody"}, OWN, 'entry for role "nobody" not found'),
        ({"sts_region": "eu-west-1"}, OWN, "Credential should be scoped to a valid region"),
        ({"namespace": "hr"}, OWN, "404 no handler for route"),
        ({}, OWN._replace(secret_key="wrong"), "SignatureDoesNotMatch"),
        ({}, OWN._replace(token=None), "InvalidClientTokenId"),
        ({}, STRANGER, 'role/Other" does not belong to the role "books"'),
    ],
)
def test_vault_says_why_it_lets_nobody_in(
    bench: VaultBench, changed: dict[str, str], credentials: object, reason: str
) -> None:
    with (
        pytest.raises(VaultLoginRefused, match=reason) as refused,
        bench.session(settings=bench.settings(**changed), credentials=credentials) as vault,  # type: ignore[arg-type]
    ):
        VaultSecrets(vault).read(REFERENCE)
    assert bench.stand_in.tokens.issued == []
    assert bench.unsaid(str(refused.value)), "STS repeats the session token of a request that is not signed well"


def test_the_signed_headers_of_a_login_are_left_out_also_when_they_are_repeated_in_a_url(bench: VaultBench) -> None:
    def repeat(request: httpx.Request) -> httpx.Response:
        signed = json.loads(request.content)["iam_request_headers"]
        session_token = json.loads(base64.b64decode(signed))["X-Amz-Security-Token"]
        words = f"see /login?headers={quote(signed, safe='')}&token={json.dumps(session_token)}"
        return httpx.Response(400, json={"errors": [words]})

    with (
        pytest.raises(VaultLoginRefused, match=r"headers=\[redacted\]&token=.*\[redacted\]") as refused,
        bench.session(transport=httpx.MockTransport(repeat)) as vault,
    ):
        VaultSecrets(vault).read(REFERENCE)
    assert bench.unsaid(str(refused.value))


@pytest.mark.parametrize(
    "sts_answers",
    [
        'error making request: Post "https://sts.amazonaws.com/": dial tcp: i/o timeout',
        "received error code 503 from STS: <html>",
        "received error code 400 from STS: <ErrorResponse>\n  <Error>\n    <Code>Throttling</Code>\n  </Error>",
    ],
)
def test_a_vault_that_cannot_ask_aws_who_we_are_is_asked_again_later(bench: VaultBench, sts_answers: str) -> None:
    bench.stand_in.sts_answers = sts_answers

    with pytest.raises(SigningServiceUnavailable, match="400 error making upstream request"), bench.session() as vault:
        VaultSecrets(vault).read(REFERENCE)


@pytest.mark.parametrize("token", ["", None, "hvs.two\nlines", "hvs.lä"])
def test_an_answer_without_a_token_that_could_be_sent_is_refused_and_not_quoted(
    bench: VaultBench, token: str | None
) -> None:
    answer = httpx.Response(200, json={"auth": {"client_token": token, "lease_duration": 900}})

    with (
        pytest.raises(VaultLoginRefused, match="the answer has no token with a time to live") as refused,
        bench.session(transport=httpx.MockTransport(lambda _: answer)) as vault,
    ):
        VaultSecrets(vault).read(REFERENCE)
    assert "hvs" not in str(refused.value)


def test_what_was_deleted_is_told_from_what_never_was(bench: VaultBench) -> None:
    with bench.session() as vault:
        secrets = VaultSecrets(vault)
        bench.stand_in.kv.delete("chargeback/servicenow")
        with pytest.raises(SecretDeleted, match=r"version 1 was deleted at .*; undelete it, or put another"):
            secrets.read(REFERENCE)
        bench.stand_in.kv.put("chargeback/servicenow", {"base_url": "new"})
        assert json.loads(secrets.read(REFERENCE)) == {"base_url": "new"}
        bench.stand_in.kv.destroy("chargeback/servicenow")
        with pytest.raises(SecretDeleted, match="version 2 was destroyed"):
            secrets.read(REFERENCE)
        with pytest.raises(SecretUnreadable, match="write vault:<mount>/<path>"):
            secrets.read("vault:kv")


def test_each_version_of_a_key_signs_what_its_own_certificate_verifies(bench: VaultBench) -> None:
    bench.stand_in.transit.rotate("statements")
    with bench.session() as vault:
        first, second = VaultSigningKey(f"{KEY}:1", vault), VaultSigningKey(KEY, vault).resolved()
        [certificate] = read_certificates(root().issue(first.public_key()))
        assert is_signed(b"statement", first.sign(b"statement"), certificate.public_key)
        assert not is_signed(b"statement", second.sign(b"statement"), certificate.public_key)
        with pytest.raises(SigningRefused, match="403 permission denied"):
            VaultSigningKey("vault:transit/payroll:1", vault).sign(b"statement")
