"""hygiene.json as a page: one file that needs no other, no script and no network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from functions.shared.periods import BillingPeriod
from local.hygiene_report.accounts import coverage, ranking, to_tag_first, unrecognized
from local.hygiene_report.figures import age, amount, percent, signed
from local.hygiene_report.markup import Column, Markup, element, joined, table

STYLE = Path(__file__).with_name("style.css")
NOTHING_BUT_THIS_FILE = "default-src 'none'; style-src 'unsafe-inline'"
Hygiene = Mapping[str, Any]


def render(hygiene: Hygiene) -> str:
    """The whole page, from what ``local validate`` writes to hygiene.json; ends with a line end."""
    title = f"Tag hygiene, {BillingPeriod.parse(hygiene['billing_period']).title}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", http_equiv="Content-Security-Policy", content=NOTHING_BUT_THIS_FILE),
        element("title", title),
        element("style", Markup(STYLE.read_text(encoding="utf-8"))),
    )
    sections = _sections(hygiene) if hygiene["accounts"] else [element("p", "There is nothing to measure yet.")]
    main = element("main", element("h1", title), *sections)
    return f"<!DOCTYPE html>\n{element('html', head, element('body', main), lang='en')}\n"


def _sections(hygiene: Hygiene) -> list[Markup]:
    accounts, currency = hygiene["accounts"], hygiene["billing_currency"]
    about = f"{hygiene['organization']}, as measured on {hygiene['day']}. All amounts are effective cost in {currency}."
    return [
        element("p", about),
        _figures(hygiene),
        _section("Accounts", ranking(accounts, hygiene["untagged_threshold"], currency)),
        _section("Business units", _units(hygiene)),
        _section("Shared pools", _pools(hygiene)),
        _section("Coverage of mandatory tags", coverage(accounts)),
        _section("Values that name no cost center", unrecognized(accounts, currency)),
        _section("What to tag first", to_tag_first(accounts, currency)),
        _section("Delivery", _delivery(hygiene)),
    ]


def _section(title: str, *content: Markup) -> Markup:
    return element("section", element("h2", title), *content)


def _figures(hygiene: Hygiene) -> Markup:
    accounts = hygiene["accounts"]
    over = sum(account["over_threshold"] for account in accounts)
    figures = {
        "Untagged, of what could be tagged": percent(hygiene["untagged_ratio"]),
        f"Accounts over {percent(hygiene['untagged_threshold'])}": f"{over} of {len(accounts)}",
        "Shared pools, of the bill": percent(hygiene["shared_pool_share"]),
        "Age of the delivery": age(hygiene["age_seconds"]),
    }
    return element(
        "dl",
        *(element("div", element("dt", name), element("dd", figure)) for name, figure in figures.items()),
        class_="figures",
    )


def _units(hygiene: Hygiene) -> Markup:
    currency = hygiene["billing_currency"]
    columns = [
        Column("Business unit"),
        Column(f"Month to date, {currency}", numeric=True),
        Column(f"Last month by then, {currency}", numeric=True),
        Column(f"Change, {currency}", numeric=True),
    ]
    rows = [
        [
            unit["business_unit"],
            amount(unit["month_to_date"]),
            "not measured" if unit["previous_month_to_date"] is None else amount(unit["previous_month_to_date"]),
            "–" if unit["change"] is None else signed(unit["change"]),
        ]
        for unit in hygiene["business_units"]
    ]
    return table("Cost of each business unit's own cost centers, before shared pools are split", columns, rows)


def _pools(hygiene: Hygiene) -> Markup:
    currency = hygiene["billing_currency"]
    share = (
        f"Shared pools hold {amount(hygiene['shared_pool_cost'])} of {amount(hygiene['bill_cost'])} {currency}, "
        f"{percent(hygiene['shared_pool_share'])} of the bill so far; they are not split yet."
    )
    rows = [[pool, amount(cost)] for pool, cost in hygiene["pools"].items()]
    columns = [Column("Pool"), Column(f"Cost, {currency}", numeric=True)]
    return joined([element("p", share), table("Cost of every shared pool", columns, rows)])


def _delivery(hygiene: Hygiene) -> Markup:
    drift = hygiene["drift"]
    delivered = f"Delivered {hygiene['delivered_at']}, {age(hygiene['age_seconds'])} before it was measured."
    rows = [
        *([name, "new", ""] for name in drift["added"]),
        *([name, "missing", ""] for name in drift["missing"]),
        *([name, "of another type", types] for name, types in drift["retyped"].items()),
    ]
    if not rows:
        return joined([element("p", delivered), element("p", "Its columns are those of the contract.")])
    columns = [Column("Column"), Column("Is"), Column("Type in the contract, delivered")]
    return joined([element("p", delivered), table("Columns that differ from the contract", columns, rows)])
