"""A ledger is the bill, invoice by invoice and pool by pool, or the close stops with the difference in its message."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import ValidationError

from functions.shared.errors import InvariantViolated, ReconciliationFailed
from functions.shared.reconciliation import Reconciliation, require_reconciled
from tests.unit.run_samples import invoice_row, pool_row, reconciliation


def require(*invoices: dict[str, str], pool: dict[str, str] | None = None, lines: int = 10) -> None:
    result = Reconciliation.of(invoices or [invoice_row()], [pool or pool_row()])
    require_reconciled(result, line_items=lines, tolerance=Decimal("0.00"))


def test_a_bill_whose_ledger_adds_up_passes() -> None:
    require()


def test_totals_are_sums_over_the_invoices() -> None:
    result = reconciliation(
        [invoice_row(), invoice_row(invoice_id="INV-2", billed_cost="-0.01", allocated_cost="-0.01", lines_read="2")]
    )

    assert (result.billed_cost, result.allocated_cost, result.delta) == (
        Decimal("99.99"),
        Decimal("99.99"),
        Decimal("0.00"),
    )
    assert (result.line_items, result.commitment_bridge) == (12, Decimal("5.00"))


def test_what_pools_collected_is_added_up_over_invoices() -> None:
    result = Reconciliation.of(
        [invoice_row()],
        [pool_row(), pool_row(invoice_id="INV-2", collected="0.50"), pool_row(pool_id="logging", collected="-1.00")],
    )

    assert result.pool_costs() == {"logging": Decimal("-1.00"), "support": Decimal("20.50")}


@pytest.mark.parametrize(("allocated", "delta"), [("99.99", "0.01"), ("100.01", "-0.01")])
def test_a_cent_of_difference_on_one_invoice_fails_even_if_another_makes_up_for_it(allocated: str, delta: str) -> None:
    other = invoice_row(invoice_id="INV-2", allocated_cost=str(200 - Decimal(allocated)), delta=f"{-Decimal(delta)}")

    with pytest.raises(ReconciliationFailed) as failed:
        require(invoice_row(allocated_cost=allocated, delta=delta), other)
    assert str(failed.value) == (
        f"invoice INV-1 of 999900001111: billed 100.00, allocated {allocated} USD, delta {delta}"
    )


def test_an_invoice_that_is_not_issued_yet_is_named_so() -> None:
    with pytest.raises(ReconciliationFailed, match=r"invoice \(not issued\) of 999900001111"):
        require(invoice_row(invoice_id="", delta="0.01"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"exact_owned": "99.9960000001"}, r"effective \+ bridge = unblended: 99.9960000001, expected 99.9960000000"),
        ({"exact_folded": "99.0"}, "the fold's unblended cost: 99.0, expected 99.9960000000, differs by -0.9960000000"),
        ({"lines_folded": "9"}, "lines folded: 9, expected 10, differs by -1"),
        ({"entries_without_unit": "2"}, "entries without business unit: 2, expected 0"),
    ],
)
def test_an_invariant_that_does_not_hold_is_named_with_both_values(changes: dict[str, str], said: str) -> None:
    with pytest.raises(InvariantViolated, match=said):
        require(invoice_row(**changes))


def test_a_pool_passes_on_all_that_it_collected_and_received() -> None:
    with pytest.raises(InvariantViolated, match=r"pool support on invoice INV-1 .* shares: 24\.99, expected 25\.00"):
        require(pool=pool_row(shared="24.99"))


def test_every_line_of_the_delivery_is_in_the_bill() -> None:
    with pytest.raises(InvariantViolated, match="lines of the delivery: 10, expected 12, differs by -2"):
        require(lines=12)


def test_a_row_that_the_query_does_not_promise_is_refused() -> None:
    with pytest.raises(ValidationError, match="surprise"):
        Reconciliation.of([invoice_row() | {"surprise": "1"}], [])
