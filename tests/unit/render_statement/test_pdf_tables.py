"""Long tables break well: nothing stands alone, and a reader of any page knows what the pages before came to."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache

import pytest

from tests.unit.render_statement.builders import statement
from tests.unit.render_statement.reading import page_texts

ROW = re.compile(r"333300000\d{3} claims-1001-\d{3} (?:[\d.]+%|–) ([\d,.]+)")
CARRIED, BROUGHT = (re.compile(rf"{word} forward ([\d,.]+)") for word in ("Carried", "Brought"))


def amount(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


@cache
def account_pages(accounts: int, paper: str = "A4") -> list[str]:
    """The pages that a cost center's accounts are listed on."""
    model = statement(cost_centers=1, accounts=accounts, services=1, resources=0, pools=0, changes={"paper": paper})
    return [page for page in page_texts(model) if ROW.search(page)]


def test_a_table_that_runs_over_pages_repeats_its_header_on_each() -> None:
    pages = account_pages(150)
    assert len(pages) > 2
    assert all("Account Name Part Cost" in page for page in pages)


def test_what_the_rows_so_far_come_to_is_carried_from_page_to_page() -> None:
    pages = account_pages(150)
    so_far = Decimal(0)
    for number, page in enumerate(pages):
        if number:
            assert [amount(text) for text in BROUGHT.findall(page)] == [so_far]
        so_far += sum(amount(cost) for cost in ROW.findall(page))
        if number < len(pages) - 1:
            assert [amount(text) for text in CARRIED.findall(page)] == [so_far]
    last = pages[-1]
    assert f"Direct cost {so_far:,.2f}" in last
    assert not CARRIED.search(last)


def test_a_table_with_several_amounts_carries_each_of_them() -> None:
    model = statement(cost_centers=40, accounts=1, services=1, resources=0, pools=1)
    first, second = page_texts(model)[:2]
    figures = r" ".join([r"([−+]?[\d,]+\.\d\d)"] * 5)
    carried = re.search(f"Carried forward {figures}", first)
    brought = re.search(f"Brought forward {figures}", second)
    assert carried is not None
    assert brought is not None
    assert carried.groups() == brought.groups()


@pytest.mark.parametrize("paper", ["A4", "Letter"])
@pytest.mark.parametrize("accounts", range(7, 96, 4))
def test_at_least_three_rows_stand_together_before_and_after_a_page_break(accounts: int, paper: str) -> None:
    pages = account_pages(accounts, paper)
    rows = [len(ROW.findall(page)) for page in pages]
    assert sum(rows) == accounts
    assert min(rows) >= 3
    assert "Direct cost" in pages[-1].rpartition("333300000")[2], "the total stands below rows"


@pytest.mark.parametrize("accounts", range(1, 7))
def test_a_short_table_is_not_broken(accounts: int) -> None:
    assert len(account_pages(accounts)) == 1
