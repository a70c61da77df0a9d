"""A charge reaches the books exactly once, whatever happens on the way; proven on ServiceNow's stand-in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from functions.post_charge.keys import ChargeBatch
from functions.post_charge.logic import BookedCharge, Charge, PostedCharge, post_charge
from functions.shared.adapters.servicenow.expense_lines import ServiceNowChargeBook
from functions.shared.adapters.servicenow.mappings import ExpenseLineMapping
from functions.shared.errors import (
    BooksUnavailable,
    DuplicatePosting,
    InvalidPeriod,
    MissingPosting,
    PostingConflict,
    PostingForbidden,
    PostingMismatch,
    PostingRejected,
    PostingUnauthorized,
)
from local.servicenow.faults import FaultKind
from local.servicenow.server import ServiceNowStandIn
from local.servicenow.tables import EXPENSE_LINES, Table
from tests.unit.servicenow_bench import LINES, Desk, charge_of


def book_of(instance: ServiceNowStandIn, mapping: ExpenseLineMapping | None = None) -> ServiceNowChargeBook:
    return Desk(instance).book(mapping)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    with ServiceNowStandIn(tmp_path) as stand_in:
        yield stand_in


@pytest.fixture
def book(instance: ServiceNowStandIn) -> ServiceNowChargeBook:
    return book_of(instance)


def without_column(table: Table, column: str) -> Table:
    return replace(table, columns={name: length for name, length in table.columns.items() if name != column}, unique=())


def enter(instance: ServiceNowStandIn, charge: Charge, **changes: str) -> None:
    """Books a charge by hand, in the columns of the default mapping."""
    fields = {
        "u_chargeback_key": charge.key,
        "amount": str(charge.amount),
        "u_currency": charge.billing_currency,
        "u_cost_center": charge.cost_center,
    }
    instance.add_record(LINES, fields | changes)


def test_a_charge_becomes_one_expense_line_that_says_what_it_is(
    instance: ServiceNowStandIn, book: ServiceNowChargeBook
) -> None:
    posted = post_charge(charge_of(), book)

    (line,) = instance.records(LINES)
    assert posted == PostedCharge(
        cost_center="CC-1001",
        amount=Decimal("1234.50"),
        table=LINES,
        key=charge_of().key,
        sys_id=line["sys_id"],
        created=True,
    )
    assert posted.model_dump(mode="json")["amount"] == "1234.50"
    written = {name: value for name, value in line.items() if value and not name.startswith("sys_")}
    assert written == {
        "amount": "1234.50",
        "process_date": "2026-05-31",
        "short_description": "AWS chargeback 2026-05, revision 1: claims, CC-1001, statement abababababab",
        "u_chargeback_key": charge_of().key,
        "u_cost_center": "CC-1001",
        "u_currency": "USD",
    }


@pytest.mark.parametrize(("amount", "booked"), [("-87.10", "-87.10"), ("0", "0.00"), ("12345678901234567.89",) * 2])
def test_credits_zeros_and_large_amounts_are_posted_to_the_cent(
    instance: ServiceNowStandIn, book: ServiceNowChargeBook, amount: str, booked: str
) -> None:
    assert post_charge(charge_of(amount), book).amount == Decimal(amount)
    assert [line["amount"] for line in instance.records(LINES)] == [booked]


def test_posting_again_finds_the_line(instance: ServiceNowStandIn, book: ServiceNowChargeBook) -> None:
    first = post_charge(charge_of(), book)
    second = post_charge(charge_of(), book)

    assert (first.created, second.created) == (True, False)
    assert second.sys_id == first.sys_id
    assert len(instance.records(LINES)) == 1


def test_a_later_revision_and_another_cost_center_are_further_lines(
    instance: ServiceNowStandIn, book: ServiceNowChargeBook
) -> None:
    post_charge(charge_of("100.00"), book)
    post_charge(charge_of("-3.00", revision=2, billing_period="2026-07"), book)
    post_charge(charge_of("7.00", cost_center="CC-1002"), book)

    assert [line["amount"] for line in instance.records(LINES)] == ["100.00", "-3.00", "7.00"]
    assert "2026-07 for 2026-05, revision 2" in instance.records(LINES)[1]["short_description"]


@pytest.mark.parametrize("kind", ["reset_after_act", "garbled"])
def test_it_posts_exactly_once_though_the_answer_was_lost(
    instance: ServiceNowStandIn, book: ServiceNowChargeBook, kind: FaultKind
) -> None:
    instance.fail_next(1, kind, on="POST")

    posted = post_charge(charge_of(), book)

    assert not posted.created
    assert [line["sys_id"] for line in instance.records(LINES)] == [posted.sys_id]


def test_it_posts_exactly_once_though_the_run_died_before_reading_back(
    instance: ServiceNowStandIn, book: ServiceNowChargeBook
) -> None:
    charge = charge_of()
    book.create(charge.key, charge)

    assert not post_charge(charge, book).created
    assert len(instance.records(LINES)) == 1


@pytest.mark.parametrize("kind", ["500", "malformed", "reset"])
def test_an_unavailable_instance_leaves_no_line_and_the_next_attempt_posts(
    instance: ServiceNowStandIn, book: ServiceNowChargeBook, kind: FaultKind
) -> None:
    instance.fail_next(1, kind, on="POST")
    with pytest.raises(BooksUnavailable):
        post_charge(charge_of(), book)
    assert instance.records(LINES) == []

    assert post_charge(charge_of(), book).created


def test_of_two_runs_at_the_same_moment_one_posts_and_the_other_finds(instance: ServiceNowStandIn) -> None:
    charge = charge_of()

    class SlowBook(ServiceNowChargeBook):
        """Between our look-up and our create, somebody else posts the same charge."""

        def create(self, key: str, charge: Charge) -> BookedCharge | None:
            enter(instance, charge)
            return super().create(key, charge)

    posted = post_charge(charge, SlowBook(Desk(instance).client, ExpenseLineMapping()))

    assert not posted.created
    assert len(instance.records(LINES)) == 1


def test_another_amount_in_the_books_is_refused_with_both_numbers(
    instance: ServiceNowStandIn, book: ServiceNowChargeBook
) -> None:
    enter(instance, charge_of(), amount="1234.49")

    with pytest.raises(PostingMismatch, match=r"CC-1001.*holds 1234\.49 USD, the ledger has 1234\.50 USD"):
        post_charge(charge_of(), book)
    assert len(instance.records(LINES)) == 1


@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [
        ("u_currency", "EUR", r"holds 1234\.50 EUR, the ledger has 1234\.50 USD"),
        ("u_cost_center", "CC-9999", "to cost center 'CC-9999' instead of 'CC-1001'"),
        ("amount", "-1234.50", r"holds -1234\.50 USD"),
        ("amount", "1234.505", r"holds 1234\.505 USD"),
        ("amount", "", "'', which is no amount"),
        ("amount", "1,234.50", "'1,234.50', which is no amount"),
    ],
)
def test_a_line_that_was_changed_in_the_books_is_refused(
    instance: ServiceNowStandIn, book: ServiceNowChargeBook, column: str, value: str, complaint: str
) -> None:
    enter(instance, charge_of(), **{column: value})

    with pytest.raises(PostingMismatch, match=complaint):
        post_charge(charge_of(), book)


def test_the_same_number_written_with_fewer_zeros_is_the_same_amount(
    instance: ServiceNowStandIn, book: ServiceNowChargeBook
) -> None:
    enter(instance, charge_of(), amount="1234.5")

    assert not post_charge(charge_of(), book).created


def test_a_charge_that_is_booked_twice_is_refused(tmp_path: Path) -> None:
    charge = charge_of()
    without_index = {LINES: replace(EXPENSE_LINES, unique=())}
    with ServiceNowStandIn(tmp_path, tables=without_index) as instance:
        enter(instance, charge)
        enter(instance, charge)

        with pytest.raises(DuplicatePosting, match="booked 2 times or more instead of once"):
            post_charge(charge, book_of(instance))
        assert len(instance.records(LINES)) == 2


def test_a_table_without_the_key_column_is_refused_before_anything_is_posted(tmp_path: Path) -> None:
    with ServiceNowStandIn(tmp_path, tables={LINES: without_column(EXPENSE_LINES, "u_chargeback_key")}) as instance:
        instance.add_record(LINES, {"amount": "1.00", "short_description": "somebody else's line"})

        with pytest.raises(PostingRejected, match="shows no column u_chargeback_key"):
            post_charge(charge_of(), book_of(instance))
        assert len(instance.records(LINES)) == 1


def test_a_key_column_that_cuts_the_key_is_refused_with_the_record_to_void(tmp_path: Path) -> None:
    short = replace(EXPENSE_LINES, columns={**EXPENSE_LINES.columns, "u_chargeback_key": 40})
    with ServiceNowStandIn(tmp_path, tables={LINES: short}) as instance:
        with pytest.raises(PostingMismatch, match="make the column hold 64 characters") as refused:
            post_charge(charge_of(), book_of(instance))
        assert instance.records(LINES)[0]["sys_id"] in str(refused.value)

        with pytest.raises(PostingConflict, match="Unique Key violation"):
            post_charge(charge_of(), book_of(instance))
        assert len(instance.records(LINES)) == 1


def test_a_column_that_did_not_take_its_value_is_noticed(tmp_path: Path) -> None:
    with ServiceNowStandIn(tmp_path, tables={LINES: without_column(EXPENSE_LINES, "u_currency")}) as instance:
        for _ in range(2):
            with pytest.raises(PostingMismatch, match=r"the ledger has 1234\.50 USD"):
                post_charge(charge_of(), book_of(instance))
        assert len(instance.records(LINES)) == 1


def test_a_user_that_may_not_post_is_refused(tmp_path: Path) -> None:
    with ServiceNowStandIn(tmp_path, roles=()) as instance, pytest.raises(PostingForbidden, match="403"):
        post_charge(charge_of(), book_of(instance))


def test_a_refused_write_is_reported_as_the_books_gave_it(
    instance: ServiceNowStandIn, book: ServiceNowChargeBook
) -> None:
    instance.fail_next(1, "403", on="POST")

    with pytest.raises(PostingRejected, match="POST fm_expense_line: 403 Operation Failed: ACL Exception"):
        post_charge(charge_of(), book)


def test_revoked_credentials_stop_the_posting(instance: ServiceNowStandIn, book: ServiceNowChargeBook) -> None:
    instance.fail_next(2, "401", on="POST")

    with pytest.raises(PostingUnauthorized):
        post_charge(charge_of(), book)
    assert instance.records(LINES) == []


def test_books_that_accept_but_show_nothing_are_a_mismatch() -> None:
    class ForgetfulBook:
        table = "fm_expense_line"

        def __init__(self) -> None:
            self.accepted: list[tuple[str, Charge]] = []
            self.shown: dict[str, list[BookedCharge]] = {}

        def find(self, key: str) -> list[BookedCharge]:
            return self.shown.get(key, [])

        def create(self, key: str, charge: Charge) -> BookedCharge | None:
            self.accepted.append((key, charge))
            return None

    with pytest.raises(MissingPosting, match=r"accepted 1234\.50 USD but do not show it"):
        post_charge(charge_of(), ForgetfulBook())


def test_a_rate_limit_is_waited_out_within_one_attempt(instance: ServiceNowStandIn) -> None:
    desk = Desk(instance)
    instance.fail_next(1, "429", on="GET")
    instance.fail_next(1, "429_bare", on="POST")

    assert post_charge(charge_of(), desk.book()).created
    assert desk.waits == [3.5, 0.25]


def test_a_charge_takes_two_requests(instance: ServiceNowStandIn) -> None:
    desk = Desk(instance)
    post_charge(charge_of(), desk.book())
    post_charge(charge_of(cost_center="CC-1002"), desk.book())

    assert len(desk.requests(LINES)) == 4


def test_the_key_is_the_hash_of_the_framed_parts_and_so_can_be_recomputed_by_an_auditor() -> None:
    batch = b"4:acme7:2026-057:2026-051:13:USD"
    in_batch, alone = hashlib.sha256(batch).hexdigest(), hashlib.sha256(batch + b"7:CC-1001").hexdigest()

    assert charge_of().key == in_batch[:24] + alone[24:]


def test_the_keys_of_a_batch_and_no_others_begin_alike() -> None:
    batch = charge_of().batch
    assert isinstance(batch, ChargeBatch)

    assert charge_of(cost_center="CC-1002", business_unit="other").key.startswith(batch.prefix)
    for change in (
        {"revision": 2},
        {"organization": "other"},
        {"charge_period": "2026-04"},
        {"billing_currency": "EUR"},
    ):
        assert not charge_of(**change).key.startswith(batch.prefix[:6])


def test_the_key_does_not_depend_on_the_amount_nor_on_the_statement() -> None:
    assert charge_of("1.00", statement_sha256="cd" * 32, business_unit="other").key == charge_of("2.00").key


_parts = st.fixed_dictionaries(
    {
        "organization": st.text("ab1:", min_size=1, max_size=4),
        "billing_period": st.sampled_from(["2026-05", "2026-06"]),
        "charge_period": st.sampled_from(["2026-05", "2026-06"]),
        "revision": st.integers(1, 12),
        "cost_center": st.text("ab1:é", min_size=1, max_size=4),
        "billing_currency": st.sampled_from(["USD", "EUR"]),
    }
)


@given(_parts, _parts)
def test_two_charges_have_the_same_key_only_if_they_are_the_same(
    one: dict[str, object], other: dict[str, object]
) -> None:
    assert (charge_of(**one).key == charge_of(**other).key) == (one == other)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", 12.5),
        ("amount", "12.505"),
        ("amount", "NaN"),
        ("revision", 0),
        ("cost_center", ""),
        ("billing_currency", "usd"),
        ("statement_sha256", "not a hash"),
        ("approved_by", "somebody"),
    ],
)
def test_what_is_no_charge_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        charge_of(**{field: value})


def test_a_charge_period_that_is_no_month_is_refused_by_name() -> None:
    with pytest.raises(InvalidPeriod, match="2026-13"):
        charge_of(charge_period="2026-13")
