"""The SQL and the reference give the same cents for the same month, whatever the policy and the bill."""

from __future__ import annotations

from hypothesis import given, settings

from tests.reference.allocation import allocate, in_cents, share_out, split
from tests.reference.bill import CENT, round_half_away
from tests.reference.comparison import assert_same
from tests.reference.engine import UNOWNED, Engine
from tests.reference.months import invoices, months, owned_months, totals_of, weighted_pools


def test_any_month_is_allocated_as_the_reference_does(engine: Engine, tried: settings) -> None:
    @settings(tried, max_examples=tried.max_examples * 5 // 6)
    @given(months())
    def compare(month) -> None:
        policy, lines, invoiced, flat_tags = month
        found = engine.allocate(lines, policy, invoiced, flat_tags=flat_tags)
        assert_same(found, allocate(lines, policy, invoiced), lines_read=len(lines))

    compare()


def test_owned_charges_of_any_size_are_shared_out_as_the_reference_does(engine: Engine, tried: settings) -> None:
    @settings(tried, max_examples=tried.max_examples * 2 // 3)
    @given(owned_months())
    def compare(month) -> None:
        policy, owned = month
        assert_same(engine.share_out(owned, policy), share_out(owned, totals_of(owned), policy))

    compare()


def test_items_of_any_size_add_up_to_their_invoice(engine: Engine, tried: settings) -> None:
    @tried
    @given(invoices())
    def compare(items) -> None:
        totals = {invoice: round_half_away(sum(amounts.values()), CENT) for invoice, amounts in items.items()}
        found = engine.round_items(items)
        assert found == {invoice: in_cents(amounts, totals[invoice]) for invoice, amounts in items.items()}
        assert {invoice: sum(cents.values()) for invoice, cents in found.items()} == totals

    compare()


def test_shares_of_any_pool_add_up_to_the_pool(engine: Engine, tried: settings) -> None:
    @tried
    @given(weighted_pools())
    def compare(pools) -> None:
        found = engine.split_pools(pools)
        for pool, (cents, weights) in pools.items():
            nobody = all(weight <= 0 for weight in weights.values())
            assert found[pool] == ({UNOWNED: cents} if nobody else split(cents, weights))
            assert sum(found[pool].values()) == cents

    compare()
