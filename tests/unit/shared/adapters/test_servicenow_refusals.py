"""What an instance refuses has a name and says what to do; no secret shows anywhere, and nothing is guessed."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote_plus, unquote_plus

import httpx
import pytest
from pydantic import SecretStr

from functions.shared.adapters.servicenow.connection import open_servicenow
from functions.shared.adapters.servicenow.credentials import BasicCredentials
from functions.shared.adapters.servicenow.instance import Instance
from functions.shared.adapters.servicenow.queries import equals
from functions.shared.errors import (
    BooksRecordNotFound,
    PostingConflict,
    PostingError,
    PostingForbidden,
    PostingRejected,
    PostingUnauthorized,
)
from local.servicenow.faults import FaultKind
from local.servicenow.server import ServiceNowStandIn
from tests.unit.servicenow_bench import BASIC, LINES, Desk

Act = Callable[[Desk], object]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    with ServiceNowStandIn(tmp_path, slow_seconds=60) as stand_in:
        yield stand_in


@pytest.fixture
def desk(instance: ServiceNowStandIn) -> Desk:
    return Desk(instance)


def test_rejected_credentials_are_named_as_such(instance: ServiceNowStandIn) -> None:
    wrong_secret = Desk(instance, instance.credentials | {"client_secret": "not-the-secret"})
    wrong_password = Desk(instance, instance.basic_credentials | {"password": "not-the-password"})

    with pytest.raises(
        PostingUnauthorized, match=r"oauth_token\.do: 401 server_error: access_denied; check the stored"
    ):
        wrong_secret.read()
    with pytest.raises(PostingUnauthorized, match=r"User Not Authenticated.*; check the stored credentials"):
        wrong_password.read()


def test_a_user_that_is_denied_with_a_fresh_token_too_is_unauthorized(instance: ServiceNowStandIn, desk: Desk) -> None:
    desk.read()
    instance.fail_next(2, "401")

    with pytest.raises(PostingUnauthorized, match="GET fm_expense_line: 401 User Not Authenticated"):
        desk.read()
    assert len(desk.requests("oauth_token.do")) == 2


@pytest.mark.parametrize(
    ("kind", "error", "advice"),
    [
        ("403", PostingForbidden, "give our user the role"),
        ("404", BooksRecordNotFound, "an access rule hides it"),
        ("409", PostingConflict, "look at the record that is there"),
    ],
)
@pytest.mark.parametrize("act", [Desk.read, Desk.write])
def test_a_refusal_is_not_tried_again_keeps_the_reason_and_says_what_to_do(
    instance: ServiceNowStandIn, desk: Desk, act: Act, kind: FaultKind, error: type[PostingError], advice: str
) -> None:
    instance.fail_next(1, kind)

    with pytest.raises(PostingRejected, match=f"fm_expense_line: {kind} .*{advice}") as refused:
        act(desk)
    assert type(refused.value) is error
    assert "\n" not in str(refused.value)
    assert len(desk.requests(LINES)) == 1


def test_a_violated_unique_index_is_told_from_a_lacking_right(instance: ServiceNowStandIn, desk: Desk) -> None:
    instance.add_record(LINES, {"u_chargeback_key": "k1"})

    with pytest.raises(PostingConflict, match="Duplicate entry 'k1'"):
        desk.tables.create_record(LINES, {"u_chargeback_key": "k1"})


def test_an_unknown_table_is_refused_by_name(desk: Desk) -> None:
    with pytest.raises(PostingRejected, match="ServiceNow GET u_nowhere: 400 Invalid table u_nowhere"):
        desk.tables.find_records("u_nowhere", "", ["sys_id"])


@pytest.mark.parametrize("kind", ["401", "403", "404", "429", "500", "malformed", "reset", "reset_after_act"])
@pytest.mark.parametrize("on", ["table", "token"])
@pytest.mark.parametrize("scheme", ["oauth", "basic"])
def test_no_secret_shows_in_an_error_its_traceback_a_log_or_a_repr(
    instance: ServiceNowStandIn, kind: FaultKind, on: str, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    credentials = instance.credentials if scheme == "oauth" else instance.basic_credentials
    secret = credentials.get("client_secret") or credentials["password"]
    desk = Desk(instance, credentials)
    seen = [repr(desk.client), repr(desk.instance), repr(vars(desk.instance)["_credentials"])]
    instance.fail_next(16, kind, on=on)  # type: ignore[arg-type]

    for act in (desk.read, desk.write):
        try:
            act()
        except PostingError as error:
            seen.append("".join(traceback.format_exception(error)))

    assert len(seen) > 3 or (scheme == "basic" and on == "token")
    said = "".join(seen) + caplog.text
    assert [each for each in {secret} | vars(desk.instance)["_secrets"] if each in said] == []


def test_a_secret_that_the_instance_repeats_is_redacted(instance: ServiceNowStandIn, desk: Desk) -> None:
    secret = instance.credentials["client_secret"]

    with pytest.raises(PostingRejected, match=r"^[^\n]*\[redacted\][^\n]*$") as refused:
        desk.tables.find_records(LINES, f"amount~{secret}", ["amount"])
    assert secret not in str(refused.value)


def test_a_secret_that_is_repeated_as_it_was_sent_in_a_form_is_redacted(instance: ServiceNowStandIn) -> None:
    secret = 'p&ss/w+rd=%25 "quoted" é'

    def repeat(request: httpx.Request) -> httpx.Response:
        form = request.content.decode()
        return httpx.Response(401, json={"error": form, "error_description": unquote_plus(form)})

    credentials = instance.credentials | {"client_secret": secret}
    with pytest.raises(PostingUnauthorized, match=r"client_secret=\[redacted\].*client_secret=\[redacted\]") as refused:
        Desk(instance, credentials, transport=httpx.MockTransport(repeat)).read()
    assert quote_plus(secret) not in str(refused.value)
    assert "quoted" not in str(refused.value)


@pytest.mark.parametrize(
    "stored",
    [
        '{"kind": "oauth_client_credentials", "client_id": "app", "client_secrett": "hunter22"}',
        '{"kind": "oauth_jwt_bearer", "client_id": "app", "client_secret": "hunter22"}',
        '{"kind": "basic", "username": "app", "password": ["hunter22"]}',
        '{"kind": "basic", "username": "app", "password": "hunter22"',
        '{"kind": "oauth_client_credentials", "client_id": "", "client_secret": "hunter22"}',
        '"hunter22"',
        '{"username": "app", "password": "hunter22"}',
    ],
)
def test_unusable_stored_credentials_are_refused_without_showing_them(stored: str) -> None:
    connection = '{"base_url": "https://books.example.com", "credentials": ' + stored + "}"

    with pytest.raises(PostingUnauthorized) as refused:
        open_servicenow(connection, seconds=1)

    assert "hunter22" not in "".join(traceback.format_exception(refused.value))
    assert "credentials" in str(refused.value)


@pytest.mark.parametrize(
    "address",
    ["http://books.example.com", "https://app:hunter22@books.example.com", "books.example.com", "https://", "ftp://x"],
)
def test_credentials_never_travel_in_the_clear_nor_inside_the_address(address: str) -> None:
    credentials = BasicCredentials(kind="basic", username="app", password=SecretStr("hunter22"))

    with pytest.raises(PostingRejected, match="address of the ServiceNow instance") as refused:
        Instance(address, credentials)
    assert "hunter22" not in str(refused.value)


def test_a_value_cannot_become_a_condition_or_a_script(desk: Desk) -> None:
    for value in ("x^ORstate=1", " JavaScript:gs.getUserID()"):
        with pytest.raises(PostingRejected, match="cannot be looked up"):
            equals("correlation_id", value)
    assert desk.tables.find_records("incident", equals("correlation_id", "100% = a;b"), ["sys_id"]) == []


def test_a_time_out_that_leaves_a_function_no_time_to_look_again_is_refused_by_its_name() -> None:
    connection = {"base_url": "https://books.example.com", "credentials": BASIC, "timeout_seconds": 200}

    with pytest.raises(PostingUnauthorized, match="timeout_seconds"):
        open_servicenow(json.dumps(connection), seconds=1)
