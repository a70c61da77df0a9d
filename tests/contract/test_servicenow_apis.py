"""The stand-in's access rules, rate limits and further APIs, as an instance has them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.servicenow.faults import FaultKind, FaultyRequests
from local.servicenow.import_api import CHARGES, TransformMap
from local.servicenow.rate_limits import RateLimit
from local.servicenow.server import ServiceNowStandIn

LINES = "/api/now/table/fm_expense_line"
INCIDENTS = "/api/now/table/incident"
STAGING = "/api/now/import/u_chargeback_import"
ATTACHMENT = "/api/now/attachment"
CHANGE = "/api/sn_chg_rest/change"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    with ServiceNowStandIn(tmp_path, slow_seconds=60) as stand_in:
        yield stand_in


@pytest.fixture
def browser(instance: ServiceNowStandIn) -> Iterator[httpx.Client]:
    with as_user(instance, instance.basic_credentials) as client:
        yield client


def as_user(instance: ServiceNowStandIn, basic: dict[str, str]) -> httpx.Client:
    auth = (basic["username"], basic["password"])
    return httpx.Client(base_url=instance.url, auth=auth, trust_env=False)


def new_line(browser: httpx.Client, **fields: str) -> str:
    sys_id: str = browser.post(LINES, json=fields).json()["result"]["sys_id"]
    return sys_id


def upload(browser: httpx.Client, sys_id: str, content: bytes = b"%PDF", name: str = "a.pdf") -> httpx.Response:
    params = {"table_name": "fm_expense_line", "table_sys_id": sys_id, "file_name": name}
    return browser.post(
        f"{ATTACHMENT}/file", params=params, content=content, headers={"Content-Type": "application/pdf"}
    )


def test_a_reference_is_an_object_with_its_address_unless_that_is_excluded(
    instance: ServiceNowStandIn, browser: httpx.Client
) -> None:
    center = instance.add_record("cmn_cost_center", {"code": "CC-1001"})["sys_id"]
    sys_id = new_line(browser, cost_center=center)

    shown = browser.get(f"{LINES}/{sys_id}").json()["result"]["cost_center"]
    plain = browser.get(f"{LINES}/{sys_id}", params={"sysparm_exclude_reference_link": "true"}).json()["result"]
    walked = browser.get(f"{LINES}/{sys_id}", params={"sysparm_fields": "cost_center.code,cost_center.nothing"}).json()

    assert shown == {"link": f"{instance.url}/api/now/table/cmn_cost_center/{center}", "value": center}
    assert plain["cost_center"] == center
    assert walked["result"] == {"cost_center.code": "CC-1001", "cost_center.nothing": ""}
    assert browser.get(f"{LINES}/{new_line(browser)}").json()["result"]["cost_center"] == ""


def test_the_limit_is_applied_before_access_rules_and_links_lead_on(
    instance: ServiceNowStandIn, browser: httpx.Client
) -> None:
    ids = sorted(new_line(browser) for _ in range(5))
    instance.hide(ids[0])

    first = browser.get(LINES, params={"sysparm_query": "ORDERBYsys_id", "sysparm_limit": "2"})
    last = browser.get(LINES, params={"sysparm_limit": "2", "sysparm_offset": "4"})

    assert [record["sys_id"] for record in first.json()["result"]] == [ids[1]]
    assert first.headers["X-Total-Count"] == "5"
    assert 'sysparm_offset=2>;rel="next"' in first.headers["Link"]
    assert 'rel="next"' not in last.headers["Link"]
    assert 'sysparm_offset=2>;rel="prev"' in last.headers["Link"]
    assert "Link" not in browser.get(LINES).headers


def test_what_is_hidden_is_answered_as_if_it_were_not_there(instance: ServiceNowStandIn, browser: httpx.Client) -> None:
    sys_id = new_line(browser)
    upload(browser, sys_id)
    instance.hide(sys_id)

    answers = [
        browser.get(f"{LINES}/{sys_id}"),
        browser.patch(f"{LINES}/{sys_id}", json={"amount": "1"}),
        upload(browser, sys_id),
        browser.get(f"{ATTACHMENT}/{instance.records('sys_attachment')[0]['sys_id']}/file"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert answers[0].json() == browser.get(f"{LINES}/{'0' * 32}").json()
    assert browser.get(ATTACHMENT).json() == {"result": []}


@pytest.mark.parametrize(
    ("roles", "lines", "incidents", "staging", "change"),
    [
        (("financial_mgmt_user",), 201, 403, 403, 403),
        (("sn_incident_write",), 403, 201, 403, 403),
        (("import_transformer",), 403, 403, 201, 403),
        (("sn_change_read",), 403, 403, 403, 200),
    ],
)
def test_each_table_asks_for_its_own_role(
    tmp_path: Path, roles: tuple[str, ...], lines: int, incidents: int, staging: int, change: int
) -> None:
    with ServiceNowStandIn(tmp_path, roles=roles) as instance, as_user(instance, instance.basic_credentials) as browser:
        assert browser.post(LINES, json={}).status_code == lines
        assert browser.post(INCIDENTS, json={}).status_code == incidents
        assert browser.post(STAGING, json={}).status_code == staging
        assert browser.get(CHANGE).status_code == change


def test_a_rate_limit_counts_each_user_in_each_hour_and_says_so_in_every_answer(tmp_path: Path) -> None:
    now = [3600.0 * 10 + 3000.5]
    limit = RateLimit(requests=2)
    with (
        ServiceNowStandIn(tmp_path, rate_limit=limit, clock=lambda: now[0]) as instance,
        as_user(instance, instance.basic_credentials) as browser,
        as_user(instance, instance.approver_credentials) as approver,
    ):
        answers = [browser.get(LINES) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"2"}
        assert {answer.headers["X-RateLimit-Reset"] for answer in answers} == {"39600"}
        assert answers[2].headers["Retry-After"] == "600"
        assert answers[2].json()["error"]["detail"] == "Rate limit of 2 requests per hour for Table API exceeded"
        assert approver.get(CHANGE).status_code == 200
        assert instance.requests_refused == 1

        now[0] += 600
        assert browser.get(LINES).status_code == 200


def test_some_limits_do_not_say_when_to_come_back(tmp_path: Path) -> None:
    limit = RateLimit(requests=0, with_headers=False)
    with (
        ServiceNowStandIn(tmp_path, rate_limit=limit) as instance,
        as_user(instance, instance.basic_credentials) as browser,
    ):
        answer = browser.get(LINES)

    assert answer.status_code == 429
    assert not {name for name in answer.headers if name.lower().startswith(("retry", "x-ratelimit"))}


def test_an_import_answers_201_whether_or_not_it_was_transformed(tmp_path: Path) -> None:
    refusing = TransformMap("Refusing", "u_chargeback_import", "incident", "correlation_id", refuses="no")
    with (
        ServiceNowStandIn(tmp_path, transform_maps=(CHARGES, refusing)) as instance,
        as_user(instance, instance.basic_credentials) as browser,
    ):
        rows = [{"u_chargeback_key": "k1", "amount": amount} for amount in ("1.00", "1.00", "2.00")]
        answers = [browser.post(STAGING, json=row) for row in rows]

        assert {answer.status_code for answer in answers} == {201}
        results = [answer.json()["result"] for answer in answers]
        assert [result[0]["status"] for result in results] == ["inserted", "ignored", "updated"]
        assert {(result[1]["status"], result[1]["error_message"]) for result in results} == {("error", "no")}
        [line] = instance.records("fm_expense_line")
        assert (line["amount"], results[0][0]["sys_id"]) == ("2.00", line["sys_id"])


def test_nothing_makes_an_attachment_unique(instance: ServiceNowStandIn, browser: httpx.Client) -> None:
    sys_id = new_line(browser)

    answers = [upload(browser, sys_id, b"%PDF\r\n\x00") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    record = answers[0].json()["result"]
    assert (record["size_bytes"], record["file_name"], record["table_sys_id"]) == ("7", "a.pdf", sys_id)
    assert answers[0].headers["Location"] == f"{instance.url}{ATTACHMENT}/{record['sys_id']}"
    listed = browser.get(ATTACHMENT, params={"sysparm_query": f"table_sys_id={sys_id}", "sysparm_limit": "1"})
    assert [each["sys_id"] for each in listed.json()["result"]] == [record["sys_id"]]
    downloaded = browser.get(record["download_link"])
    assert (downloaded.content, downloaded.headers["Content-Type"]) == (b"%PDF\r\n\x00", "application/pdf")


def test_an_upload_needs_a_record_a_name_and_a_content_type(browser: httpx.Client) -> None:
    sys_id = new_line(browser)
    whole = {"table_name": "fm_expense_line", "table_sys_id": sys_id, "file_name": "a.pdf"}
    for missing in whole:
        params = {name: value for name, value in whole.items() if name != missing}
        answer = browser.post(f"{ATTACHMENT}/file", params=params, content=b"x", headers={"Content-Type": "text/plain"})
        assert (answer.status_code, answer.json()["error"]["message"]) == (400, f"{missing} is required")
    assert browser.post(f"{ATTACHMENT}/file", params=whole, content=b"x").status_code == 400
    assert upload(browser, "0" * 32).status_code == 404


def test_a_data_policy_makes_columns_mandatory_and_a_closed_record_stays(
    instance: ServiceNowStandIn, browser: httpx.Client
) -> None:
    incident = browser.post(INCIDENTS, json={"short_description": "a", "work_notes": "first"}).json()["result"]
    address = f"{INCIDENTS}/{incident['sys_id']}"

    refused = browser.patch(address, json={"state": "6"})
    resolved = browser.patch(address, json={"state": "6", "close_code": "Solved", "close_notes": "done"})
    instance.change_record("incident", incident["sys_id"], {"state": "7"})
    closed = browser.patch(address, json={"state": "2"})

    assert (incident["number"], incident["state"], incident["work_notes"]) == ("INC0010001", "1", "")
    assert [entry["value"] for entry in instance.records("sys_journal_field")] == ["first"]
    assert refused.status_code == 403
    assert "mandatory: close_code, close_notes" in refused.json()["error"]["detail"]
    assert (resolved.status_code, resolved.json()["result"]["sys_mod_count"]) == (200, "1")
    assert closed.status_code == 403


def test_the_integration_user_reads_approvals_and_cannot_grant_one(
    instance: ServiceNowStandIn, browser: httpx.Client
) -> None:
    change = instance.request_change("New policy", "sha256 abc")
    address = f"{CHANGE}/{change['sys_id']}"

    attempts = [
        browser.patch(f"{address}/approvals", json={"state": "approved"}),
        browser.patch(f"/api/now/table/change_request/{change['sys_id']}", json={"approval": "approved"}),
        browser.patch(
            f"/api/now/table/sysapproval_approver/{instance.records('sysapproval_approver')[0]['sys_id']}",
            json={"state": "approved"},
        ),
        browser.post("/api/now/table/sysapproval_approver", json={"state": "approved"}),
    ]

    assert [attempt.status_code for attempt in attempts] == [400, 403, 403, 403]
    shown = browser.get(address).json()["result"]
    assert shown["approval"] == {"value": "requested", "display_value": "requested"}
    assert shown["state"] == {"value": "-4", "display_value": "Assess"}

    with as_user(instance, instance.approver_credentials) as approver:
        assert approver.patch(f"{address}/approvals", json={"state": "approved"}).status_code == 200
        assert approver.patch(f"{address}/approvals", json={"state": "approved"}).status_code == 400
    [listed] = browser.get(CHANGE, params={"sysparm_query": f"number={change['number']}"}).json()["result"]
    assert (listed["approval"]["value"], listed["state"]["display_value"]) == ("approved", "Scheduled")


@pytest.mark.parametrize(
    ("on", "method", "path"),
    [
        ("table", "GET", LINES),
        ("GET", "GET", LINES),
        ("POST", "POST", LINES),
        ("PATCH", "PATCH", f"{LINES}/{'0' * 32}"),
        ("import", "POST", STAGING),
        ("attachments", "GET", ATTACHMENT),
        ("upload", "POST", f"{ATTACHMENT}/file"),
        ("download", "GET", f"{ATTACHMENT}/{'0' * 32}/file"),
        ("change", "GET", CHANGE),
        ("any", "GET", CHANGE),
    ],
)
def test_a_fault_is_on_the_requests_that_it_was_ordered_for(
    instance: ServiceNowStandIn, browser: httpx.Client, on: FaultyRequests, method: str, path: str
) -> None:
    instance.fail_next(1, "500", on=on, after=1)

    statuses = [browser.request(method, path, json={} if method != "GET" else None).status_code for _ in range(3)]

    assert (statuses[0] == 500, statuses[1] == 500, statuses[2] == 500) == (False, True, False)


def test_a_fault_can_be_on_one_table_alone_and_be_called_off(
    instance: ServiceNowStandIn, browser: httpx.Client
) -> None:
    instance.fail_next(2, "500", on="POST", table="incident")

    assert browser.post(LINES, json={}).status_code == 201
    assert browser.post(INCIDENTS, json={}).status_code == 500
    assert instance.stop_failing() == 1
    assert browser.post(INCIDENTS, json={}).status_code == 201


@pytest.mark.parametrize("kind", ["garbled", "slow_body", "slow", "reset_after_act"])
def test_an_instance_that_acted_may_fail_to_say_so(
    instance: ServiceNowStandIn, browser: httpx.Client, kind: FaultKind
) -> None:
    instance.fail_next(1, kind)

    with pytest.raises((httpx.TransportError, ValueError)):
        browser.post(LINES, json={"amount": "1.00"}, timeout=0.1 if kind.startswith("slow") else 30).json()

    # Who gives up on a slow instance may do so before it has acted.
    deadline = time.monotonic() + 30
    while not instance.records("fm_expense_line") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(instance.records("fm_expense_line")) == 1


def test_versioned_addresses_and_methods_that_there_are_not(browser: httpx.Client) -> None:
    assert browser.get("/api/now/v2/table/fm_expense_line").status_code == 200
    assert browser.get("/api/sn_chg_rest/v1/change").status_code == 200
    assert browser.post(f"{LINES}/{'0' * 32}", json={}).status_code == 400
    assert browser.get("/api/now/import/u_chargeback_import").status_code == 400


def test_books_of_an_earlier_version_get_the_columns_that_they_lack(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "servicenow.sqlite") as database:
        columns = ", ".join(f"\"{name}\" TEXT NOT NULL DEFAULT ''" for name in ("sys_id", "amount", "u_chargeback_key"))
        database.execute(f'CREATE TABLE "fm_expense_line" ({columns}, UNIQUE (sys_id))')
        database.execute("INSERT INTO fm_expense_line VALUES ('1', '5.00', 'k1')")

    with ServiceNowStandIn(tmp_path) as instance:
        [line] = instance.records("fm_expense_line")
    assert (line["amount"], line["u_currency"]) == ("5.00", "")
