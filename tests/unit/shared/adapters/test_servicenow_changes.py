"""Change requests are found by the hash that they name, all of them, and our own user is known by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions.shared.adapters.servicenow.changes import ChangeRequests
from functions.shared.adapters.servicenow.mappings import ChangeMapping
from functions.shared.errors import BooksAnswerUnreadable, PostingForbidden, PostingRejected
from local.servicenow.server import ServiceNowStandIn
from tests.unit.servicenow_bench import Desk, answered_by

HASH = "5e" * 32


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    with ServiceNowStandIn(tmp_path) as stand_in:
        yield stand_in


def shown(sys_id: str, description: str) -> dict[str, Any]:
    """A change request as the instance answers it."""
    fields = {"number": f"CHG{sys_id}", "sys_id": sys_id, "state": "-2", "approval": "approved", "requested_by": ""}
    return {
        name: {"value": value, "display_value": value}
        for name, value in (fields | {"description": description}).items()
    }


def instance_that(answers: Callable[[httpx.Request], list[dict[str, Any]]]) -> ChangeRequests:
    """An instance with these change requests, and without approvals."""

    def answer(request: httpx.Request) -> httpx.Response:
        result = answers(request) if "sn_chg_rest" in request.url.path else []
        return httpx.Response(200, json={"result": result})

    return ChangeRequests(answered_by(answer).client)


def test_every_page_is_read_also_behind_one_with_hidden_rows(instance: ServiceNowStandIn) -> None:
    changes = [instance.request_change(f"Attempt {number}", f"rules {HASH}") for number in range(7)]
    in_order = sorted(changes, key=lambda change: change["sys_id"])
    instance.hide(in_order[2]["sys_id"])

    found = ChangeRequests(Desk(instance).client, page_size=2).naming(HASH)

    assert [change.sys_id for change in found] == [each["sys_id"] for each in (*in_order[:2], *in_order[3:])]


def test_one_that_names_the_hash_in_two_columns_is_found_once(instance: ServiceNowStandIn) -> None:
    change = instance.request_change(f"Rules {HASH}", f"Rules {HASH}")
    columns = ChangeMapping(hash_columns=("description", "short_description"))

    [found] = ChangeRequests(Desk(instance).client, columns).naming(HASH)

    assert (found.number, found.text) == (change["number"], f"Rules {HASH}\nRules {HASH}")


def test_an_instance_that_ignores_the_search_is_not_read_through() -> None:
    asked: list[str] = []

    def everything(request: httpx.Request) -> list[dict[str, Any]]:
        asked.append(request.url.params["sysparm_offset"])
        return [shown("1", f"rules {HASH}"), shown("2", "a new switch")]

    with pytest.raises(PostingRejected, match="change_request is not searched by description; let our user"):
        instance_that(everything).naming(HASH)
    assert asked == ["0"]


def test_an_instance_that_shows_the_same_page_for_ever_is_given_up() -> None:
    with pytest.raises(BooksAnswerUnreadable, match="the page from 100 on has nothing but what was there before"):
        instance_that(lambda _: [shown("1", HASH)]).naming(HASH)


@pytest.mark.parametrize(
    "users", [[], [{"sys_id": "1", "user_name": ""}], [{"sys_id": "1", "user_name": "a"}, {"sys_id": "2"}]]
)
def test_where_the_instance_does_not_say_who_we_are_no_approval_is_believed(users: list[dict[str, str]]) -> None:
    desk = answered_by(lambda _: httpx.Response(200, json={"result": users}))

    with pytest.raises(PostingForbidden, match=f"shows {len(users)} users as ours instead of one"):
        ChangeRequests(desk.client).our_user()


@pytest.mark.parametrize("credentials", ["credentials", "basic_credentials"])
def test_our_user_is_the_one_that_the_credentials_act_as(instance: ServiceNowStandIn, credentials: str) -> None:
    desk = Desk(instance, getattr(instance, credentials))

    assert ChangeRequests(desk.client).our_user() == "chargeback.integration"
