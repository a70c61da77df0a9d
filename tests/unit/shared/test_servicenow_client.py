"""The client speaks to the stand-in over HTTP; waiting is recorded instead of done."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr, TypeAdapter

from functions.shared.adapters.charge_book import open_charge_book
from functions.shared.adapters.servicenow import BasicCredentials, ServiceNowClient, ServiceNowCredentials
from functions.shared.errors import BooksUnavailable, PostingError, PostingRejected, PostingUnauthorized
from local.servicenow.faults import FaultKind
from local.servicenow.server import ServiceNowStandIn

TABLE = "fm_expense_line"
CREDENTIALS: TypeAdapter[ServiceNowCredentials] = TypeAdapter(ServiceNowCredentials)


@dataclass
class Setup:
    """An instance, a client of it, and the seconds that client has waited."""

    instance: ServiceNowStandIn
    client: ServiceNowClient
    waits: list[float] = field(default_factory=list)

    def table_requests(self) -> list[str]:
        return [request for request in self.instance.requests if "/table/" in request]

    def token_requests(self) -> int:
        return self.instance.requests.count("POST /oauth_token.do")


def connect(instance: ServiceNowStandIn, credentials: dict[str, str] | None = None, **options: object) -> Setup:
    waits: list[float] = []
    client = ServiceNowClient(
        instance.url,
        CREDENTIALS.validate_python(credentials or instance.credentials),
        **{"timeout_seconds": 5.0, "sleep": waits.append, "jitter": lambda: 0.5} | options,  # type: ignore[arg-type]
    )
    return Setup(instance, client, waits)


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    with ServiceNowStandIn(tmp_path, slow_seconds=60) as instance:
        connected = connect(instance)
        with connected.client:
            yield connected


def read(setup: Setup) -> object:
    return setup.client.find_records(TABLE, "", ["amount"])


def write(setup: Setup) -> object:
    return setup.client.create_record(TABLE, {"amount": "1.00"})


def test_a_created_record_is_found_again_as_text(setup: Setup) -> None:
    created = setup.client.create_record(TABLE, {"amount": "-10.50", "u_chargeback_key": "k1"})

    found = setup.client.find_records(TABLE, "u_chargeback_key=k1", ["sys_id", "amount"])

    assert found == [{"sys_id": created["sys_id"], "amount": "-10.50"}]
    assert setup.client.find_records(TABLE, "u_chargeback_key=k2", ["sys_id"]) == []


@pytest.mark.parametrize("page_size", [1, 2, 3, 5, 1000])
def test_all_pages_are_read_each_record_once(setup: Setup, page_size: int) -> None:
    for number in range(5):
        setup.instance.add_record(TABLE, {"amount": f"{number}.00"})
    paging = connect(setup.instance, page_size=page_size)

    with paging.client:
        found = paging.client.find_records(TABLE, "", ["amount"])
        first_two = paging.client.find_records(TABLE, "ORDERBYamount", ["amount"], at_most=2)

    assert sorted(record["amount"] for record in found) == ["0.00", "1.00", "2.00", "3.00", "4.00"]
    assert [record["amount"] for record in first_two] == ["0.00", "1.00"]


def test_one_token_serves_many_requests(setup: Setup) -> None:
    for act in (read, write, read):
        act(setup)

    assert setup.token_requests() == 1


def test_an_expired_token_is_replaced_once_and_a_write_still_happens_once(tmp_path: Path) -> None:
    now = [0.0]
    with ServiceNowStandIn(tmp_path, token_seconds=60, clock=lambda: now[0]) as instance:
        setup = connect(instance)
        with setup.client:
            read(setup)
            now[0] += 60
            write(setup)
    assert setup.token_requests() == 2


def test_basic_credentials_work_without_a_token(setup: Setup) -> None:
    basic = connect(setup.instance, setup.instance.basic_credentials)

    with basic.client:
        write(basic)
        assert read(basic) == [{"amount": "1.00"}]
    assert basic.token_requests() == 0


@pytest.mark.parametrize("kind", ["429", "500", "refuse", "reset_after_act"])
def test_a_read_is_tried_again_after_a_transient_fault(setup: Setup, kind: FaultKind) -> None:
    setup.instance.fail_next(2, kind)

    assert read(setup) == []
    assert len(setup.waits) == 2


def test_a_read_waits_as_long_as_it_is_asked_to_and_longer_each_time(setup: Setup) -> None:
    setup.instance.fail_next(1, "429")
    read(setup)
    assert setup.waits == [3.0]

    setup.instance.fail_next(3, "500")
    read(setup)
    assert setup.waits[1:] == [0.5, 1.0, 2.0]


def test_jitter_spreads_the_waits(setup: Setup) -> None:
    waits = {}
    for chance in (0.0, 0.999):
        other = connect(setup.instance, jitter=lambda chance=chance: chance)
        setup.instance.fail_next(1, "500")
        with other.client:
            read(other)
        waits[chance] = other.waits[0]

    assert 0 < waits[0.0] < waits[0.999]


def test_a_read_gives_up_after_a_few_attempts(setup: Setup) -> None:
    setup.instance.fail_next(4, "429")

    with pytest.raises(BooksUnavailable, match=r"GET fm_expense_line: 429 Rate limit exceeded.*Retry-After 3"):
        read(setup)
    assert len(setup.table_requests()) == 4


def test_a_read_does_not_knock_again_when_asked_to_stay_away_longer_than_it_may_wait(setup: Setup) -> None:
    hurried = connect(setup.instance, longest_wait_seconds=2.0)
    setup.instance.fail_next(1, "429")

    with hurried.client, pytest.raises(BooksUnavailable, match="Retry-After 3"):
        read(hurried)
    assert hurried.waits == []


@pytest.mark.parametrize(
    ("kind", "records"), [("429", 0), ("500", 0), ("refuse", 0), ("malformed", 0), ("reset_after_act", 1)]
)
def test_a_write_is_never_tried_twice(setup: Setup, kind: FaultKind, records: int) -> None:
    setup.instance.fail_next(1, kind)

    with pytest.raises(BooksUnavailable, match="ServiceNow POST fm_expense_line: "):
        write(setup)

    assert setup.table_requests() == ["POST /api/now/table/fm_expense_line"]
    assert len(setup.instance.records(TABLE)) == records
    assert setup.waits == []


def test_a_slow_instance_is_unavailable(setup: Setup) -> None:
    hurried = connect(setup.instance, timeout_seconds=0.1, read_attempts=1)
    setup.instance.fail_next(2, "slow")

    with hurried.client:
        for act in (read, write):
            with pytest.raises(BooksUnavailable, match=r"no answer within 0\.1 s"):
                act(hurried)


def test_an_instance_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with ServiceNowStandIn(tmp_path) as instance:
        gone = connect(instance)

    with gone.client, pytest.raises(BooksUnavailable, match=r"ServiceNow POST oauth_token\.do: "):
        write(gone)
    assert len(gone.waits) == 3


def test_the_token_is_asked_for_again_when_the_instance_is_busy_even_for_a_write(setup: Setup) -> None:
    setup.instance.fail_next(2, "500", on="token")

    write(setup)

    assert setup.token_requests() == 3
    assert len(setup.instance.records(TABLE)) == 1


def test_a_page_of_html_is_no_answer(setup: Setup) -> None:
    setup.instance.fail_next(4, "malformed")

    with pytest.raises(BooksUnavailable, match="200, but the body is not JSON"):
        read(setup)


def test_rejected_credentials_are_named_as_such(setup: Setup) -> None:
    wrong_secret = connect(setup.instance, setup.instance.credentials | {"client_secret": "not-the-secret"})
    wrong_password = connect(setup.instance, setup.instance.basic_credentials | {"password": "not-the-password"})

    with (
        wrong_secret.client,
        pytest.raises(PostingUnauthorized, match=r"oauth_token\.do: 401 server_error: access_denied"),
    ):
        read(wrong_secret)
    with wrong_password.client, pytest.raises(PostingUnauthorized, match="User Not Authenticated"):
        read(wrong_password)


def test_a_user_that_is_denied_with_a_fresh_token_too_is_unauthorized(setup: Setup) -> None:
    setup.instance.fail_next(2, "401")

    with pytest.raises(PostingUnauthorized, match="GET fm_expense_line: 401 User Not Authenticated"):
        read(setup)
    assert setup.token_requests() == 2


@pytest.mark.parametrize("kind", ["403", "404"])
@pytest.mark.parametrize("act", [read, write])
def test_a_refusal_is_not_tried_again_and_keeps_the_reason(
    setup: Setup, act: Callable[[Setup], object], kind: FaultKind
) -> None:
    setup.instance.fail_next(1, kind)

    with pytest.raises(PostingRejected, match=f"fm_expense_line: {kind} .*ACL") as refused:
        act(setup)
    assert "\n" not in str(refused.value)
    assert len(setup.table_requests()) == 1


def test_an_unknown_table_is_refused_by_name(setup: Setup) -> None:
    with pytest.raises(PostingRejected, match="ServiceNow GET u_nowhere: 400 Invalid table u_nowhere"):
        setup.client.find_records("u_nowhere", "", ["sys_id"])


@pytest.mark.parametrize("kind", ["401", "403", "404", "429", "500", "malformed", "refuse", "reset_after_act"])
@pytest.mark.parametrize("on", ["table", "token"])
@pytest.mark.parametrize("scheme", ["oauth", "basic"])
def test_no_secret_shows_in_an_error_its_traceback_a_log_or_a_repr(
    setup: Setup, kind: FaultKind, on: str, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    credentials = setup.instance.credentials if scheme == "oauth" else setup.instance.basic_credentials
    secret = credentials.get("client_secret") or credentials["password"]
    connected = connect(setup.instance, credentials)
    seen = [repr(connected.client), repr(vars(connected.client)["_credentials"])]
    setup.instance.fail_next(4, kind, on=on)  # type: ignore[arg-type]

    with connected.client:
        for act in (read, write):
            try:
                act(connected)
            except PostingError as error:
                seen.append("".join(traceback.format_exception(error)))

    assert len(seen) > 2 or (scheme == "basic" and on == "token")
    said = "".join(seen) + caplog.text
    assert [each for each in {secret} | vars(connected.client)["_secrets"] if each in said] == []


def test_a_secret_that_the_instance_repeats_is_redacted(tmp_path: Path) -> None:
    with ServiceNowStandIn(tmp_path) as instance:
        setup = connect(instance)
        secret = instance.credentials["client_secret"]
        with setup.client, pytest.raises(PostingRejected, match=r"^[^\n]*\[redacted\][^\n]*$") as refused:
            setup.client.find_records(TABLE, f"amountLIKE{secret}", ["amount"])

    assert secret not in str(refused.value)


@pytest.mark.parametrize(
    "stored",
    [
        '{"kind": "oauth_client_credentials", "client_id": "app", "client_secrett": "hunter22"}',
        '{"kind": "basic", "username": "app", "password": ["hunter22"]}',
        '{"kind": "basic", "username": "app", "password": "hunter22"',
        '{"kind": "oauth_client_credentials", "client_id": "", "client_secret": "hunter22"}',
        '"hunter22"',
        '{"username": "app", "password": "hunter22"}',
    ],
)
def test_unusable_stored_credentials_are_refused_without_showing_them(stored: str) -> None:
    connection = '{"base_url": "https://books.example.com", "credentials": ' + stored + "}"

    with pytest.raises(PostingUnauthorized) as refused, open_charge_book(connection):
        pass

    assert "hunter22" not in "".join(traceback.format_exception(refused.value))
    assert "credentials" in str(refused.value)


@pytest.mark.parametrize(
    "address",
    ["http://books.example.com", "https://app:hunter22@books.example.com", "books.example.com", "https://", "ftp://x"],
)
def test_credentials_never_travel_in_the_clear_nor_inside_the_address(address: str) -> None:
    credentials = BasicCredentials(kind="basic", username="app", password=SecretStr("hunter22"))

    with pytest.raises(PostingRejected, match="address of the ServiceNow instance") as refused:
        ServiceNowClient(address, credentials, timeout_seconds=1)
    assert "hunter22" not in str(refused.value)
