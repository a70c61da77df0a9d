"""The client speaks to the stand-in over HTTP; waiting is recorded instead of done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from functions.shared.errors import (
    BooksAnswerUnreadable,
    BooksRateLimited,
    BooksUnavailable,
    PostingRejected,
)
from local.servicenow.faults import FaultKind
from local.servicenow.rate_limits import RateLimit
from local.servicenow.server import ServiceNowStandIn
from tests.unit.servicenow_bench import JUNE_4_2026, LINES, Desk, OurTime, answered_by

Act = Callable[[Desk], object]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    with ServiceNowStandIn(tmp_path, slow_seconds=60) as stand_in:
        yield stand_in


@pytest.fixture
def desk(instance: ServiceNowStandIn) -> Desk:
    return Desk(instance)


def test_a_created_record_is_found_again_as_text(desk: Desk) -> None:
    created = desk.tables.create_record(LINES, {"amount": "-10.50", "u_chargeback_key": "k1"})

    found = desk.tables.find_records(LINES, "u_chargeback_key=k1", ["sys_id", "amount"])

    assert found == [{"sys_id": created["sys_id"], "amount": "-10.50"}]
    assert desk.tables.find_records(LINES, "u_chargeback_key=k2", ["sys_id"]) == []


@pytest.mark.parametrize("page_size", [1, 2, 3, 5, 1000])
def test_all_pages_are_read_each_record_once(instance: ServiceNowStandIn, page_size: int) -> None:
    for number in range(5):
        instance.add_record(LINES, {"amount": f"{number}.00"})
    desk = Desk(instance, page_size=page_size)

    found = desk.tables.find_records(LINES, "", ["sys_id", "amount"])
    first_two = desk.tables.find_records(LINES, "ORDERBYamount", ["sys_id", "amount"], at_most=2)

    assert sorted(record["amount"] for record in found) == ["0.00", "1.00", "2.00", "3.00", "4.00"]
    assert [record["amount"] for record in first_two] == ["0.00", "1.00"]


def test_pages_that_an_access_rule_thins_out_do_not_end_the_reading(instance: ServiceNowStandIn) -> None:
    records = [instance.add_record(LINES, {"amount": f"{number}.00"}) for number in range(6)]
    for record in sorted(records, key=lambda record: record["sys_id"])[:3]:
        instance.hide(record["sys_id"])

    found = Desk(instance, page_size=2).tables.find_all(LINES, "", ["sys_id"])

    assert len(found.records) == 3
    assert found.hidden == 3


def test_a_reference_is_read_as_text_and_so_is_what_it_refers_to(instance: ServiceNowStandIn, desk: Desk) -> None:
    center = instance.add_record("cmn_cost_center", {"code": "CC-1001"})
    instance.add_record(LINES, {"cost_center": center["sys_id"]})

    [line] = desk.tables.find_records(LINES, "", ["sys_id", "cost_center", "cost_center.code"])

    assert (line["cost_center"], line["cost_center.code"]) == (center["sys_id"], "CC-1001")


def test_one_token_serves_many_requests(desk: Desk) -> None:
    for act in (desk.read, desk.write, desk.read):
        act()

    assert len(desk.requests("oauth_token.do")) == 1


def test_a_token_is_renewed_before_it_expires(tmp_path: Path) -> None:
    time = OurTime()
    with ServiceNowStandIn(tmp_path, token_seconds=300, clock=time.now) as instance:
        desk = Desk(instance, time=time, seconds=1000)
        desk.read()
        time.wait(250)
        desk.write()

    assert len(desk.requests("oauth_token.do")) == 2
    assert len(desk.requests(LINES)) == 2


def test_a_token_that_is_taken_back_is_replaced_once_and_a_write_still_happens_once(
    instance: ServiceNowStandIn, desk: Desk
) -> None:
    desk.read()
    instance.expire_tokens()
    desk.write()

    assert len(desk.requests("oauth_token.do")) == 2
    assert len(instance.records(LINES)) == 1


def test_basic_credentials_work_without_a_token(instance: ServiceNowStandIn) -> None:
    basic = Desk(instance, instance.basic_credentials)

    basic.write()

    assert [record["amount"] for record in instance.records(LINES)] == ["1.00"]
    assert basic.requests("oauth_token.do") == []


@pytest.mark.parametrize("kind", ["429", "429_bare", "500", "reset", "reset_after_act", "malformed", "garbled"])
def test_a_read_is_tried_again_after_a_transient_fault(
    instance: ServiceNowStandIn, desk: Desk, kind: FaultKind
) -> None:
    instance.fail_next(2, kind)

    assert desk.read() == []
    assert len(desk.waits) == 2


def test_a_read_waits_as_long_as_it_is_asked_to_and_a_little_more(instance: ServiceNowStandIn, desk: Desk) -> None:
    instance.fail_next(1, "429")
    desk.read()

    assert desk.waits == [3.5]


def test_without_being_asked_it_waits_longer_each_time_with_full_jitter(instance: ServiceNowStandIn) -> None:
    waits = {}
    for chance in (0.0, 0.5, 1.0):
        desk = Desk(instance, chance=lambda chance=chance: chance)  # type: ignore[misc]
        instance.fail_next(3, "500")
        desk.read()
        waits[chance] = desk.waits

    assert waits == {0.0: [0.0, 0.0, 0.0], 0.5: [0.25, 0.5, 1.0], 1.0: [0.5, 1.0, 2.0]}


def test_a_write_waits_out_a_rate_limit_for_it_was_not_taken(instance: ServiceNowStandIn, desk: Desk) -> None:
    instance.fail_next(2, "429", on="POST")
    desk.write()

    assert len(instance.records(LINES)) == 1
    assert desk.waits == [3.5, 3.5]


def test_a_limit_that_says_only_when_it_resets_is_waited_for(tmp_path: Path) -> None:
    time = OurTime()
    with ServiceNowStandIn(tmp_path, rate_limit=RateLimit(2, 3600), clock=time.now) as instance:
        desk = Desk(instance, seconds=4000, time=time)
        for _ in range(3):
            desk.read()

    assert sum(time.waits) >= 3600 - time.now() % 1
    assert len(time.waits) == 1


def test_a_failure_beside_which_a_limit_is_stated_is_not_waited_out_until_that_resets() -> None:
    reset = {"X-RateLimit-Limit": "10000", "X-RateLimit-Reset": str(JUNE_4_2026 + 3000)}
    answers = [httpx.Response(500, headers=reset), httpx.Response(200, json={"result": []})]
    desk = answered_by(lambda _: answers.pop(0))

    assert desk.read() == []
    assert desk.waits == [0.25]


def test_who_is_asked_to_wait_longer_than_there_is_time_gives_up_at_once(instance: ServiceNowStandIn) -> None:
    hurried = Desk(instance, seconds=2.0)
    instance.fail_next(1, "429")

    with pytest.raises(BooksRateLimited, match=r"429 Rate limit exceeded.*rate limit rule.*asked to wait 3 s"):
        hurried.read()
    assert hurried.waits == []
    assert len(hurried.requests(LINES)) == 1


def test_a_read_gives_up_after_some_attempts(instance: ServiceNowStandIn) -> None:
    patient = Desk(instance, attempts=4)
    instance.fail_next(4, "500")

    with pytest.raises(BooksUnavailable, match=r"GET fm_expense_line: 500 Internal Server Error.*run again later"):
        patient.read()
    assert len(patient.requests(LINES)) == 4


def test_no_wait_goes_beyond_the_time_there_is(instance: ServiceNowStandIn) -> None:
    desk = Desk(instance, seconds=3.0, attempts=100, chance=lambda: 1.0)
    instance.fail_next(100, "500")

    with pytest.raises(BooksUnavailable):
        desk.read()
    assert desk.waits == [0.5, 1.0]


def test_without_time_nothing_is_asked(instance: ServiceNowStandIn) -> None:
    with pytest.raises(BooksUnavailable, match="no time left to ask; run again to resume"):
        Desk(instance, seconds=0.0).read()
    assert instance.requests == []


@pytest.mark.parametrize(
    ("kind", "error", "records"),
    [
        ("500", BooksUnavailable, 0),
        ("reset", BooksUnavailable, 0),
        ("malformed", BooksAnswerUnreadable, 0),
        ("reset_after_act", BooksUnavailable, 1),
        ("garbled", BooksAnswerUnreadable, 1),
    ],
)
def test_a_write_whose_answer_is_lost_is_not_repeated_blindly(
    instance: ServiceNowStandIn, desk: Desk, kind: FaultKind, error: type[Exception], records: int
) -> None:
    instance.fail_next(1, kind)

    with pytest.raises(error, match="ServiceNow POST fm_expense_line: "):
        desk.write()

    assert desk.requests(LINES) == ["POST /api/now/table/fm_expense_line"]
    assert len(instance.records(LINES)) == records
    assert desk.waits == []


@pytest.mark.parametrize("kind", ["slow", "slow_body"])
def test_a_slow_instance_is_unavailable(instance: ServiceNowStandIn, kind: FaultKind) -> None:
    hurried = Desk(instance, timeout_seconds=0.1, attempts=1)
    instance.fail_next(2, kind)

    for act in (hurried.read, hurried.write):
        with pytest.raises(BooksUnavailable, match=r"no answer within 0\.1 s"):
            act()


def test_an_answer_that_comes_in_drops_is_given_up() -> None:
    time = OurTime()

    def drops() -> Iterator[bytes]:
        while True:
            time.wait(1.0)
            yield b" "

    desk = answered_by(lambda _: httpx.Response(200, stream=_Stream(drops)), time=time, attempts=1)

    with pytest.raises(BooksUnavailable, match="no answer within 5 s"):
        desk.read()
    assert time.passed < 20


def test_an_answer_without_an_end_is_given_up() -> None:
    def flood() -> Iterator[bytes]:
        while True:
            yield b" " * 1_000_000

    desk = answered_by(lambda _: httpx.Response(200, stream=_Stream(flood)), attempts=1)

    with pytest.raises(BooksAnswerUnreadable, match="does not end"):
        desk.read()


def test_an_instance_that_is_not_there_is_unavailable_and_even_a_write_is_tried_again(tmp_path: Path) -> None:
    with ServiceNowStandIn(tmp_path) as instance:
        gone = Desk(instance, instance.basic_credentials, attempts=4)

    with pytest.raises(BooksUnavailable, match=r"ServiceNow POST fm_expense_line: .*refused"):
        gone.write()
    assert len(gone.waits) == 3


def test_the_token_is_asked_for_again_when_the_instance_is_busy_even_for_a_write(
    instance: ServiceNowStandIn, desk: Desk
) -> None:
    instance.fail_next(2, "500", on="token")

    desk.write()

    assert len(desk.requests("oauth_token.do")) == 3
    assert len(instance.records(LINES)) == 1


def test_a_page_of_html_is_no_answer(instance: ServiceNowStandIn, desk: Desk) -> None:
    instance.fail_next(8, "malformed")

    with pytest.raises(BooksAnswerUnreadable, match="200, but the body is not JSON; check base_url"):
        desk.read()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('{"records": []}', "the answer has no result"),
        ('{"result": {"amount": "1"}}', "not records of text values"),
        ('{"result": [{"amount": 1}]}', "not records of text values"),
        ('["result"]', "the answer has no result"),
    ],
)
def test_an_answer_of_another_shape_is_not_guessed_at(body: str, why: str) -> None:
    desk = answered_by(lambda _: httpx.Response(200, text=body))

    with pytest.raises(BooksAnswerUnreadable, match=why):
        desk.read()


def test_a_redirection_is_not_followed_with_our_credentials() -> None:
    asked: list[str] = []

    def elsewhere(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url.host))
        return httpx.Response(302, headers={"Location": "https://evil.example.com/"})

    desk = answered_by(elsewhere)

    with pytest.raises(PostingRejected, match="302 Found is no answer of an API; check base_url"):
        desk.read()
    assert asked == ["books.example.com"]


def test_the_next_page_is_asked_for_at_our_address_whatever_the_link_says() -> None:
    asked: list[str] = []

    def paged(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.url.host} {request.url.params['sysparm_offset']}")
        more = len(asked) < 3
        links = {"Link": '<https://evil.example.com/?sysparm_offset=1>;rel="next"'} if more else {}
        return httpx.Response(200, json={"result": [{"sys_id": str(len(asked))}]}, headers=links)

    desk = answered_by(paged, page_size=2)

    assert len(desk.tables.find_records(LINES, "", ["sys_id"])) == 3
    assert asked == ["books.example.com 0", "books.example.com 2", "books.example.com 4"]


def test_without_links_the_count_of_all_tells_whether_a_thin_page_is_the_last() -> None:
    pages = [[{"sys_id": "a"}], [{"sys_id": "b"}, {"sys_id": "c"}], [{"sys_id": "d"}]]

    def paged(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"result": pages.pop(0)}, headers={"X-Total-Count": "6"})

    found = answered_by(paged, page_size=2).tables.find_all(LINES, "", ["sys_id"])

    assert [record["sys_id"] for record in found.records] == ["a", "b", "c", "d"]
    assert found.hidden == 2
    assert pages == []


def test_a_record_that_slides_onto_the_next_page_is_read_once() -> None:
    pages = [[{"sys_id": "a"}, {"sys_id": "b"}], [{"sys_id": "b"}, {"sys_id": "c"}], []]
    desk = answered_by(lambda _: httpx.Response(200, json={"result": pages.pop(0)}), page_size=2)

    assert [record["sys_id"] for record in desk.tables.find_records(LINES, "", ["sys_id"])] == ["a", "b", "c"]


class _Stream(httpx.SyncByteStream):
    def __init__(self, chunks: Callable[[], Iterator[bytes]]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks()
