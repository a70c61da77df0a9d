"""Tokens by an assertion that our key signs: the stand-in verifies it with other code, claim by claim."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from functions.shared.adapters.servicenow.connection import open_servicenow
from functions.shared.adapters.servicenow.expense_lines import ServiceNowChargeBook
from functions.shared.errors import BooksUnavailable, PostingUnauthorized, SigningRefused
from local.servicenow.server import ServiceNowStandIn
from tests.unit.servicenow_bench import LINES, Desk, OurTime, answered_by, charge_of

KEY = "arn:aws:kms:us-east-1:999900001111:key/servicenow"


@dataclass
class Key:
    """A key that stays where it is."""

    private: RSAPrivateKey

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message, PKCS1v15(), SHA256())

    def public(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def key() -> Key:
    return Key(generate_private_key(65537, 2048))


@dataclass
class Signed:
    """An instance that trusts a key, the credentials for it, and the time."""

    instance: ServiceNowStandIn
    credentials: dict[str, str]
    time: OurTime
    key: Key

    def desk(self, **changes: str) -> Desk:
        return Desk(self.instance, self.credentials | changes, time=self.time, sign=self.key.sign, seconds=10_000)


@pytest.fixture
def signed(tmp_path: Path, key: Key) -> Iterator[Signed]:
    time = OurTime()
    with ServiceNowStandIn(tmp_path, clock=time.now) as instance:
        yield Signed(instance, instance.trust(key.public(), "chargeback-1", KEY), time, key)


def test_what_our_key_signs_lets_us_in_as_the_user_that_it_names(signed: Signed) -> None:
    signed.desk().write()

    assert [line["sys_created_by"] for line in signed.instance.records(LINES)] == ["chargeback.integration"]


def test_a_token_that_has_ended_is_replaced_with_a_new_assertion(signed: Signed) -> None:
    desk = signed.desk()
    desk.read()
    signed.time.wait(2000)
    desk.read()

    assert len(desk.requests("oauth_token.do")) == 2


def test_every_attempt_to_get_a_token_has_an_assertion_of_its_own(signed: Signed) -> None:
    desk = signed.desk()
    signed.instance.fail_next(2, "reset_after_act", on="token")

    desk.read()

    assert len(desk.requests("oauth_token.do")) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"key_id": "another"},
        {"subject": "nobody"},
        {"client_id": "another-application"},
        {"client_secret": "not-the-secret"},
        {"audience": "https://books.example.com/oauth_token.do"},
    ],
)
def test_an_assertion_that_claims_something_else_is_refused(signed: Signed, change: dict[str, str]) -> None:
    with pytest.raises(PostingUnauthorized, match=r"oauth_token\.do: 401 server_error: access_denied"):
        signed.desk(**change).read()


def test_an_assertion_of_another_key_is_refused(signed: Signed) -> None:
    stranger = Key(generate_private_key(65537, 2048))

    with pytest.raises(PostingUnauthorized):
        Desk(signed.instance, signed.credentials, time=signed.time, sign=stranger.sign).read()


def test_an_assertion_is_good_for_minutes_and_once(signed: Signed) -> None:
    form = dict(signed.desk().instance.token_request(signed.time.now(), "id-1"))

    def ask() -> int:
        return httpx.post(f"{signed.instance.url}/oauth_token.do", data=form, trust_env=False).status_code

    assert [ask(), ask()] == [200, 401]
    form = dict(signed.desk().instance.token_request(signed.time.now(), "id-2"))
    signed.time.wait(301)
    assert ask() == 401


def test_a_public_client_sends_no_secret(signed: Signed) -> None:
    credentials = {name: value for name, value in signed.credentials.items() if name != "client_secret"}
    form = Desk(signed.instance, credentials, sign=signed.key.sign).instance.token_request(0, "id")

    assert sorted(form) == ["assertion", "client_id", "grant_type"]


def test_neither_an_assertion_nor_its_token_shows_in_what_is_said(signed: Signed) -> None:
    seen: list[str] = []

    def repeat(request: httpx.Request) -> httpx.Response:
        form = urllib.parse.parse_qs(request.content.decode())
        seen.extend(form["assertion"])
        return httpx.Response(401, text=json.dumps({"error": form["assertion"][0], "error_description": "no"}))

    desk = Desk(signed.instance, signed.credentials, sign=signed.key.sign, transport=httpx.MockTransport(repeat))

    with pytest.raises(PostingUnauthorized, match="redacted") as refused:
        desk.read()
    assert seen
    assert not any(assertion in str(refused.value) for assertion in seen)


def test_without_anything_that_signs_nothing_is_asked(signed: Signed) -> None:
    with pytest.raises(PostingUnauthorized, match="nothing signs with arn:aws:kms"):
        Desk(signed.instance, signed.credentials)


def test_a_stored_connection_names_the_key_and_whoever_opens_it_signs(signed: Signed) -> None:
    opened: list[str] = []

    def signer(reference: str) -> Callable[[bytes], bytes]:
        opened.append(reference)
        return signed.key.sign

    secret = json.dumps({"base_url": signed.instance.url, "credentials": signed.credentials})
    timing = signed.time.timing()
    for cost_center in ("CC-1", "CC-2"):
        book = ServiceNowChargeBook.of(open_servicenow(secret, seconds=60, timing=timing, signer=signer))
        charge = charge_of(cost_center=cost_center)
        assert book.create(charge.key, charge)

    assert opened == [KEY]
    assert signed.instance.requests.count("POST /oauth_token.do") == 1


def test_a_key_that_does_not_sign_is_said_to_be_so(signed: Signed) -> None:
    def refuse(_: bytes) -> bytes:
        raise SigningRefused("AWS KMS, key: AccessDenied")

    with pytest.raises(SigningRefused, match="AccessDenied"):
        Desk(signed.instance, signed.credentials, sign=refuse).read()


APPLICATION = {"kind": "oauth_client_credentials", "client_id": "app", "client_secret": "hunter22"}


def test_an_instance_that_gives_no_token_is_unreadable() -> None:
    answers = [{"token_type": "Bearer"}, {"access_token": ""}, {"access_token": "läuft"}, ["access_token"]]
    desk = answered_by(lambda _: httpx.Response(200, json=answers.pop(0)), APPLICATION, attempts=4)

    with pytest.raises(BooksUnavailable, match="the answer has no access_token"):
        desk.read()
    assert answers == []


def test_a_token_without_a_stated_lifetime_is_used_until_it_is_refused() -> None:
    tokens = iter(("t1", "t2"))
    accepted = {"t1"}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth_token.do":
            return httpx.Response(200, json={"access_token": next(tokens)})
        is_accepted = request.headers["Authorization"].removeprefix("Bearer ") in accepted
        return httpx.Response(200 if is_accepted else 401, json={"result": []})

    time = OurTime()
    desk = answered_by(answer, APPLICATION, time=time, seconds=10**9)
    for _ in range(3):
        desk.read()
        time.wait(10**6)
    accepted.clear()
    accepted.add("t2")

    assert desk.read() == []
