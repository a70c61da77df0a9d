"""The stand-in answers as an instance does: status codes, bodies and headers of OAuth and of the Table API."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from local.servicenow.faults import FaultKind
from local.servicenow.server import ServiceNowStandIn

EXPENSE_LINES = "/api/now/table/fm_expense_line"
NOON = datetime(2026, 6, 4, 12, 0, tzinfo=UTC).timestamp()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    with ServiceNowStandIn(tmp_path, clock=lambda: NOON) as stand_in:
        yield stand_in


@pytest.fixture
def browser(instance: ServiceNowStandIn) -> Iterator[httpx.Client]:
    with signed_in(instance) as client:
        yield client


def signed_in(instance: ServiceNowStandIn) -> httpx.Client:
    basic = instance.basic_credentials
    return httpx.Client(base_url=instance.url, auth=(basic["username"], basic["password"]), trust_env=False)


def token_request(instance: ServiceNowStandIn, **changes: str) -> httpx.Response:
    credentials = instance.credentials
    form = {
        "grant_type": "client_credentials",
        "client_id": credentials["client_id"],
        "client_secret": credentials["client_secret"],
    }
    return httpx.post(f"{instance.url}/oauth_token.do", data=form | changes, trust_env=False)


def test_a_created_record_is_answered_with_201_its_address_and_only_text(
    instance: ServiceNowStandIn, browser: httpx.Client
) -> None:
    answer = browser.post(EXPENSE_LINES, json={"amount": "-12.30", "u_chargeback_key": "k1", "state": 1})

    record = answer.json()["result"]
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{instance.url}{EXPENSE_LINES}/{record['sys_id']}"
    assert all(isinstance(value, str) for value in record.values())
    assert (record["amount"], record["state"], record["sys_created_on"]) == ("-12.30", "1", "2026-06-04 12:00:00")
    assert len(record["sys_id"]) == 32
    assert browser.get(answer.headers["Location"]).json() == {"result": record}


def test_columns_a_table_lacks_are_ignored_when_writing_reading_and_querying(browser: httpx.Client) -> None:
    browser.post(EXPENSE_LINES, json={"amount": "1.00", "u_no_such_column": "x"})
    params = {"sysparm_query": "u_no_such_column=y", "sysparm_fields": "amount,u_no_such_column"}

    assert browser.get(EXPENSE_LINES, params=params).json() == {"result": [{"amount": "1.00"}]}


def test_text_longer_than_its_column_is_cut(browser: httpx.Client) -> None:
    record = browser.post(EXPENSE_LINES, json={"u_currency": "DOLLARS"}).json()["result"]

    assert record["u_currency"] == "DOL"


def test_a_query_joins_its_conditions_and_sorts(browser: httpx.Client) -> None:
    for amount, state in (("3.00", "pending"), ("1.00", "pending"), ("2.00", "processed")):
        browser.post(EXPENSE_LINES, json={"amount": amount, "state": state, "u_currency": "USD"})

    def amounts(query: str) -> list[str]:
        params = {"sysparm_query": query, "sysparm_fields": "amount"}
        return [record["amount"] for record in browser.get(EXPENSE_LINES, params=params).json()["result"]]

    assert amounts("state=pending^u_currency=USD^ORDERBYamount") == ["1.00", "3.00"]
    assert amounts("ORDERBYDESCamount") == ["3.00", "2.00", "1.00"]
    assert amounts("state=pending^u_currency=EUR") == []
    assert amounts("amountSTARTSWITH1.") == ["1.00"]
    assert amounts("amountSTARTSWITH.00") == []
    assert amounts("stateLIKEcess") == ["2.00"]
    assert amounts("state!=pending") == ["2.00"]
    for beyond in ("state=pending^ORstate=processed", "amount~1", "amountBETWEEN1@2"):
        assert browser.get(EXPENSE_LINES, params={"sysparm_query": beyond}).status_code == 400


def test_pages_are_cut_by_limit_and_offset_and_counted_in_a_header(browser: httpx.Client) -> None:
    for amount in ("1.00", "2.00", "3.00"):
        browser.post(EXPENSE_LINES, json={"amount": amount})

    page = browser.get(EXPENSE_LINES, params={"sysparm_limit": "2", "sysparm_offset": "2", "sysparm_fields": "amount"})

    assert page.json() == {"result": [{"amount": "3.00"}]}
    assert page.headers["X-Total-Count"] == "3"


def test_a_unique_index_refuses_a_second_record_and_says_why(
    instance: ServiceNowStandIn, browser: httpx.Client
) -> None:
    first, second = (browser.post(EXPENSE_LINES, json={"u_chargeback_key": "k1"}) for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 403)
    assert second.json() == {
        "error": {
            "message": "Operation Failed",
            "detail": "Error during insert of fm_expense_line: Unique Key violation detected by database "
            "(Duplicate entry 'k1' for key 'u_chargeback_key')",
        },
        "status": "failure",
    }
    assert len(instance.records("fm_expense_line")) == 1


def test_of_many_writers_with_one_key_exactly_one_wins(instance: ServiceNowStandIn, browser: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as writers:
        answers = writers.map(lambda _: browser.post(EXPENSE_LINES, json={"u_chargeback_key": "k1"}), range(16))
        statuses = sorted(answer.status_code for answer in answers)

    assert statuses == [201] + [403] * 15
    assert len(instance.records("fm_expense_line")) == 1


def test_nobody_gets_in_without_credentials_and_a_token_ends(tmp_path: Path) -> None:
    now = [NOON]
    with ServiceNowStandIn(tmp_path, token_seconds=60, clock=lambda: now[0]) as instance:
        address = instance.url + EXPENSE_LINES
        token = token_request(instance).json()["access_token"]

        def status(authorization: str) -> int:
            return httpx.get(address, headers={"Authorization": authorization}, trust_env=False).status_code

        anonymous = httpx.get(address, trust_env=False)
        assert anonymous.status_code == 401
        assert anonymous.json() == {
            "error": {"message": "User Not Authenticated", "detail": "Required to provide Auth information"},
            "status": "failure",
        }
        assert status("Basic bm90OnJpZ2h0") == 401
        assert status("Bearer made-up") == 401
        assert status(f"Bearer {token}") == 200
        now[0] += 60
        assert status(f"Bearer {token}") == 401


@pytest.mark.parametrize("change", [{"client_secret": "wrong"}, {"client_id": "wrong"}, {"grant_type": "password"}])
def test_the_token_endpoint_denies_a_wrong_application_or_grant(
    instance: ServiceNowStandIn, change: dict[str, str]
) -> None:
    answer = token_request(instance, **change)

    assert answer.status_code == 401
    assert answer.json() == {"error_description": "access_denied", "error": "server_error"}


def test_a_user_without_the_role_reads_and_writes_nothing(tmp_path: Path) -> None:
    with ServiceNowStandIn(tmp_path, roles=()) as instance, signed_in(instance) as browser:
        written = browser.post(EXPENSE_LINES, json={"amount": "1.00"})

        assert written.status_code == 403
        assert written.json()["error"]["message"] == "Operation Failed"
        assert browser.get(EXPENSE_LINES).status_code == 403
        assert browser.get(f"{EXPENSE_LINES}/{'0' * 32}").status_code == 404
        assert instance.records("fm_expense_line") == []


def test_what_is_not_there_is_refused_as_an_instance_refuses_it(browser: httpx.Client) -> None:
    missing = browser.get(f"{EXPENSE_LINES}/{'0' * 32}")
    unreadable = browser.post(EXPENSE_LINES, content=b"{not json", headers={"Content-Type": "application/json"})

    assert missing.status_code == 404
    assert missing.json() == {
        "error": {
            "message": "No Record found",
            "detail": "Record doesn't exist or ACL restricts the record retrieval",
        },
        "status": "failure",
    }
    assert browser.get("/api/now/table/u_nowhere").json()["error"]["message"] == "Invalid table u_nowhere"
    assert (unreadable.status_code, unreadable.json()["error"]["message"]) == (400, "Exception while reading request")
    assert browser.get("/api/now/elsewhere").status_code == 400


@pytest.mark.parametrize(
    ("kind", "status"), [("401", 401), ("403", 403), ("404", 404), ("429", 429), ("500", 500), ("malformed", 200)]
)
def test_an_ordered_failure_does_not_act_and_passes(
    instance: ServiceNowStandIn, browser: httpx.Client, kind: FaultKind, status: int
) -> None:
    instance.fail_next(1, kind)

    failed = browser.post(EXPENSE_LINES, json={"amount": "1.00"})

    assert failed.status_code == status
    assert instance.records("fm_expense_line") == []
    assert browser.post(EXPENSE_LINES, json={"amount": "1.00"}).status_code == 201


def test_a_rate_limit_says_when_to_come_back(instance: ServiceNowStandIn, browser: httpx.Client) -> None:
    instance.fail_next(1, "429")

    answer = browser.get(EXPENSE_LINES)

    assert answer.headers["Retry-After"] == "3"
    assert answer.json()["error"] == {
        "message": "Rate limit exceeded",
        "detail": "Rate limit of 100 requests per hour for Table API exceeded",
    }


def test_a_lost_answer_leaves_the_record_and_a_refused_connection_does_not(
    instance: ServiceNowStandIn, browser: httpx.Client
) -> None:
    instance.fail_next(1, "reset_after_act")
    with pytest.raises(httpx.TransportError):
        browser.post(EXPENSE_LINES, json={"amount": "1.00"})
    instance.fail_next(1, "reset")
    with pytest.raises(httpx.TransportError):
        browser.post(EXPENSE_LINES, json={"amount": "2.00"})

    assert [record["amount"] for record in instance.records("fm_expense_line")] == ["1.00"]


def test_faults_can_be_ordered_for_reads_writes_or_tokens_alone(
    instance: ServiceNowStandIn, browser: httpx.Client
) -> None:
    instance.fail_next(1, "500", on="POST")
    instance.fail_next(1, "500", on="token")

    assert browser.get(EXPENSE_LINES).status_code == 200
    assert browser.post(EXPENSE_LINES, json={}).status_code == 500
    assert [token_request(instance).status_code for _ in range(2)] == [500, 200]


def test_the_books_and_credentials_outlive_the_server(tmp_path: Path) -> None:
    with ServiceNowStandIn(tmp_path) as instance, signed_in(instance) as browser:
        created = browser.post(EXPENSE_LINES, json={"u_chargeback_key": "k1"}).json()["result"]
        credentials = (instance.credentials, instance.basic_credentials)

    with ServiceNowStandIn(tmp_path) as again, signed_in(again) as browser:
        assert (again.credentials, again.basic_credentials) == credentials
        assert [record["sys_id"] for record in again.records("fm_expense_line")] == [created["sys_id"]]
        assert browser.post(EXPENSE_LINES, json={"u_chargeback_key": "k1"}).status_code == 403


def test_stopping_leaves_no_thread_and_no_open_port_even_while_clients_hold_on(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with ServiceNowStandIn(tmp_path, slow_seconds=60) as instance:
        idle = signed_in(instance)
        assert idle.get(EXPENSE_LINES).status_code == 200
        instance.fail_next(1, "slow")
        with signed_in(instance) as waiting, pytest.raises(httpx.ReadTimeout):
            waiting.get(EXPENSE_LINES, timeout=0.05)
        address = instance.url

    assert set(threading.enumerate()) <= before
    with pytest.raises(httpx.ConnectError):
        httpx.get(address, trust_env=False)
    idle.close()
