"""Charges in the tables and columns that an instance has: other columns, references, staging tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from functions.post_charge.logic import Charge, post_charge
from functions.shared.adapters.servicenow.expense_lines import ServiceNowChargeBook
from functions.shared.adapters.servicenow.mappings import ExpenseLineMapping
from functions.shared.errors import ImportFailed, PostingMismatch, PostingRejected
from local.servicenow.faults import FaultKind
from local.servicenow.import_api import CHARGES
from local.servicenow.server import ServiceNowStandIn
from local.servicenow.tables import COST_CENTERS, EXPENSE_LINES, TABLES
from tests.unit.servicenow_bench import LINES, Desk, charge_of


def book_of(instance: ServiceNowStandIn, mapping: ExpenseLineMapping | None = None) -> ServiceNowChargeBook:
    return Desk(instance).book(mapping)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    with ServiceNowStandIn(tmp_path) as stand_in:
        yield stand_in


def enter(instance: ServiceNowStandIn, charge: Charge, **changes: str) -> None:
    """Books a charge by hand, in the columns of the default mapping."""
    fields = {
        "u_chargeback_key": charge.key,
        "amount": str(charge.amount),
        "u_currency": charge.billing_currency,
        "u_cost_center": charge.cost_center,
    }
    instance.add_record(LINES, fields | changes)


def test_a_mapping_moves_charges_to_other_columns_and_adds_constants(instance: ServiceNowStandIn) -> None:
    mapping = ExpenseLineMapping(
        cost_center_column="source_id",
        statement_sha256_column="u_statement_sha256",
        constants={"summary_type": "run_business", "state": "pending"},
    )

    assert post_charge(charge_of(), book_of(instance, mapping)).created

    (line,) = instance.records(LINES)
    assert (line["source_id"], line["u_cost_center"], line["summary_type"]) == ("CC-1001", "", "run_business")
    assert line["u_statement_sha256"] == "ab" * 32


@pytest.mark.parametrize("name", ["u_key^state", "amount,number", "../sys_user", "", "Amount"])
def test_a_mapping_takes_nothing_but_column_names(name: str) -> None:
    with pytest.raises(ValidationError):
        ExpenseLineMapping(key_column=name)


REFERENCE = ExpenseLineMapping(cost_center_column="cost_center", cost_center_table="cmn_cost_center")


def test_a_cost_center_that_is_a_reference_is_posted_as_its_record(tmp_path: Path) -> None:
    tables = {LINES: EXPENSE_LINES, "cmn_cost_center": COST_CENTERS}
    with ServiceNowStandIn(tmp_path, tables=tables) as instance:
        other = instance.add_record("cmn_cost_center", {"code": "CC-1002", "name": "Underwriting"})
        claims = instance.add_record("cmn_cost_center", {"code": "CC-1001", "name": "Claims"})

        posted = [post_charge(charge_of(), book_of(instance, REFERENCE)) for _ in range(2)]

        assert [each.created for each in posted] == [True, False]
        assert [line["cost_center"] for line in instance.records(LINES)] == [claims["sys_id"]]

        enter(instance, charge_of(revision=2), cost_center=other["sys_id"])
        with pytest.raises(PostingMismatch, match="'CC-1002' instead of 'CC-1001'"):
            post_charge(charge_of(revision=2), book_of(instance, REFERENCE))


@pytest.mark.parametrize("codes", [[], ["CC-1001", "CC-1001"]])
def test_a_cost_center_that_the_books_do_not_know_once_is_not_posted(
    instance: ServiceNowStandIn, codes: list[str]
) -> None:
    for code in codes:
        instance.add_record("cmn_cost_center", {"code": code})

    with pytest.raises(PostingRejected, match="cmn_cost_center: cost center 'CC-1001' should be there once"):
        post_charge(charge_of(), book_of(instance, REFERENCE))
    assert instance.records(LINES) == []


def test_a_cost_center_cannot_widen_the_query_for_it(instance: ServiceNowStandIn) -> None:
    instance.add_record("cmn_cost_center", {"code": "CC-1001"})

    with pytest.raises(PostingRejected, match=r"'CC-1001\^ORDERBYname' cannot be looked up"):
        post_charge(charge_of(cost_center="CC-1001^ORDERBYname"), book_of(instance, REFERENCE))


IMPORTED = ExpenseLineMapping(staging_table="u_chargeback_import")


def test_a_charge_that_is_imported_becomes_one_line_too(instance: ServiceNowStandIn) -> None:
    posted = [post_charge(charge_of(), book_of(instance, IMPORTED)) for _ in range(2)]

    [line] = instance.records(LINES)
    assert [(each.created, each.sys_id) for each in posted] == [(True, line["sys_id"]), (False, line["sys_id"])]
    assert (line["amount"], line["u_chargeback_key"]) == ("1234.50", charge_of().key)
    assert len(instance.records("u_chargeback_import")) == 1


@pytest.mark.parametrize("kind", ["reset_after_act", "garbled"])
def test_an_import_whose_answer_was_lost_is_found(instance: ServiceNowStandIn, kind: FaultKind) -> None:
    instance.fail_next(1, kind, on="import")

    post_charge(charge_of(), book_of(instance, IMPORTED))

    assert len(instance.records(LINES)) == 1


def test_an_import_that_a_transform_map_refuses_posts_nothing_and_says_why(tmp_path: Path) -> None:
    refusing = replace(CHARGES, refuses="No such cost center: CC-1001")
    with ServiceNowStandIn(tmp_path, transform_maps=(refusing,)) as instance:
        with pytest.raises(ImportFailed, match="No such cost center: CC-1001"):
            post_charge(charge_of(), book_of(instance, IMPORTED))
        assert instance.records(LINES) == []


def test_a_transform_map_that_loses_the_amount_is_noticed(tmp_path: Path) -> None:
    staging = replace(TABLES["u_chargeback_import"], columns={"u_chargeback_key": 64, "u_currency": 3})
    with ServiceNowStandIn(tmp_path, tables={**TABLES, "u_chargeback_import": staging}) as instance:
        book = book_of(instance, IMPORTED)
        with pytest.raises(PostingMismatch, match="'', which is no amount"):
            post_charge(charge_of(), book)
