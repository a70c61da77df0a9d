"""Change requests of the stand-in move as the change model of an instance moves them, and nobody approves their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.servicenow.server import ServiceNowStandIn

CHANGE = "/api/sn_chg_rest/change"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    with ServiceNowStandIn(tmp_path) as stand_in:
        yield stand_in


@pytest.fixture
def analyst(instance: ServiceNowStandIn) -> Iterator[httpx.Client]:
    """Somebody who opens change requests."""
    with as_user(instance, instance.requester_credentials) as client:
        yield client


def as_user(instance: ServiceNowStandIn, basic: dict[str, str]) -> httpx.Client:
    auth = (basic["username"], basic["password"])
    return httpx.Client(base_url=instance.url, auth=auth, trust_env=False)


def opened(client: httpx.Client, **fields: str) -> dict[str, Any]:
    """The values of a change request that was just opened."""
    answer = client.post(f"{CHANGE}/normal", json={"short_description": "New rules"} | fields)
    assert answer.status_code == 200
    return values(answer)


def values(answer: httpx.Response) -> dict[str, Any]:
    return {name: shown["value"] for name, shown in answer.json()["result"].items()}


def moved(client: httpx.Client, change: str, state: str) -> httpx.Response:
    return client.patch(f"{CHANGE}/{change}", json={"state": state})


def decided(client: httpx.Client, change: str) -> int:
    return client.patch(f"{CHANGE}/{change}/approvals", json={"state": "approved"}).status_code


def approvals(instance: ServiceNowStandIn) -> list[str]:
    return [each["state"] for each in instance.records("sysapproval_approver")]


def test_a_change_request_is_new_and_its_openers_own_until_it_is_put_before_its_approvers(
    instance: ServiceNowStandIn, analyst: httpx.Client
) -> None:
    users = {user["sys_id"]: user["user_name"] for user in instance.records("sys_user")}
    change = opened(analyst, state="-2", approval="approved")
    assert (change["state"], change["approval"], change["number"]) == ("-5", "not requested", "CHG0010001")
    assert users[change["requested_by"]] == "finops.analyst"
    assert approvals(instance) == []

    assert values(moved(analyst, change["sys_id"], "-4"))["approval"] == "requested"
    assert approvals(instance) == ["requested"]


def test_who_opens_a_change_request_cannot_approve_it_and_neither_can_the_integration_user(
    instance: ServiceNowStandIn, analyst: httpx.Client
) -> None:
    change = opened(analyst)["sys_id"]
    moved(analyst, change, "-4")
    with as_user(instance, instance.basic_credentials) as ours:
        for client, refused in ((analyst, 400), (ours, 403)):
            assert decided(client, change) == 400
            assert client.patch(f"{CHANGE}/{change}", json={"approval": "approved"}).status_code == 403
            assert moved(client, change, "-2").status_code == refused
        approval = instance.records("sysapproval_approver")[0]["sys_id"]
        assert ours.patch(f"/api/now/table/sysapproval_approver/{approval}", json={"state": "approved"}).is_error

    assert approvals(instance) == ["requested"]
    with as_user(instance, instance.approver_credentials) as approver:
        assert decided(approver, change) == 200
        assert approver.post(f"{CHANGE}/normal", json={}).status_code == 403


def test_the_integration_user_cannot_make_an_approved_change_name_other_rules_nor_open_one_of_its_own(
    instance: ServiceNowStandIn, analyst: httpx.Client
) -> None:
    change = opened(analyst, description="the digest that was approved")["sys_id"]
    moved(analyst, change, "-4")
    with as_user(instance, instance.approver_credentials) as approver:
        assert decided(approver, change) == 200

    with as_user(instance, instance.basic_credentials) as ours:
        for api in (CHANGE, "/api/now/table/change_request"):
            assert ours.patch(f"{api}/{change}", json={"description": "another"}).status_code == 403
        assert ours.post(f"{CHANGE}/normal", json={"description": "another"}).status_code == 403

    [record] = instance.records("change_request")
    assert (record["description"], record["approval"]) == ("the digest that was approved", "approved")


def test_an_approved_change_is_scheduled_carried_out_reviewed_and_closed(
    instance: ServiceNowStandIn, analyst: httpx.Client
) -> None:
    change = opened(analyst)["sys_id"]
    moved(analyst, change, "-4")
    with as_user(instance, instance.approver_credentials) as approver:
        decided(approver, change)

    labels = [moved(analyst, change, state).json()["result"]["state"]["display_value"] for state in ("-1", "0", "3")]

    assert labels == ["Implement", "Review", "Closed"]
    assert moved(analyst, change, "-1").status_code == 400


@pytest.mark.parametrize(
    ("state", "status"), [("-5", 200), ("-4", 200), ("-2", 200), ("-1", 200), ("0", 400), ("3", 400)]
)
def test_a_change_is_canceled_until_it_is_reviewed(
    instance: ServiceNowStandIn, analyst: httpx.Client, state: str, status: int
) -> None:
    change = opened(analyst)["sys_id"]
    instance.change_record("change_request", change, {"state": state})

    answer = moved(analyst, change, "4")

    assert answer.status_code == status
    shown = analyst.get(f"{CHANGE}/{change}").json()["result"]["state"]
    assert (shown == {"value": "4", "display_value": "Canceled"}) == (status == 200)


def test_nobody_approves_what_is_canceled_or_taken_back(instance: ServiceNowStandIn, analyst: httpx.Client) -> None:
    for state in ("4", "-5"):
        change = opened(analyst)["sys_id"]
        moved(analyst, change, "-4")
        moved(analyst, change, state)
        with as_user(instance, instance.approver_credentials) as approver:
            assert decided(approver, change) == 400
    assert approvals(instance) == ["cancelled", "cancelled"]


def test_who_asks_for_themselves_is_shown_themselves(instance: ServiceNowStandIn, analyst: httpx.Client) -> None:
    params = {"sysparm_query": "sys_id=javascript:gs.getUserID()", "sysparm_fields": "user_name"}
    with as_user(instance, instance.basic_credentials) as ours:
        shown = [client.get("/api/now/table/sys_user", params=params).json()["result"] for client in (analyst, ours)]

    assert shown == [[{"user_name": "finops.analyst"}], [{"user_name": "chargeback.integration"}]]
