"""What the page says of accounts: their ranking, what their tags say, and what to tag first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from local.hygiene_report.figures import amount, percent
from local.hygiene_report.markup import Column, Markup, element, joined, table
from local.hygiene_report.trend import trend

Account = Mapping[str, Any]


def ranking(accounts: Sequence[Account], threshold: str, currency: str) -> Markup:
    """All accounts, the one with most untagged cost first."""
    columns = [
        Column("Account"),
        Column("Rank", numeric=True),
        Column("Untagged", numeric=True),
        Column(f"Untagged, {currency}", numeric=True),
        Column(f"Taggable, {currency}", numeric=True),
        Column("Trend"),
    ]
    rows = [
        [
            _name_with_link(account, rank),
            str(rank),
            _judged(account),
            amount(account["untagged_cost"]),
            amount(account["taggable_cost"]),
            trend(account.get("history", ()), threshold),
        ]
        for rank, account in enumerate(accounts, start=1)
    ]
    caption = f"Accounts, the most untagged cost first; the dashed line of a trend is at {percent(threshold)}"
    return table(caption, columns, rows)


def coverage(accounts: Sequence[Account]) -> Markup:
    """How much of each account carries each mandatory tag, by cost and by resources."""
    tags = sorted({tag for account in accounts for tag in account["coverage"]})
    columns = [Column("Account"), *(Column(tag, numeric=True) for tag in tags)]
    rows = [[name_of(account), *(_covered(account, tag) for tag in tags)] for account in accounts]
    return table("How much of each account's taggable cost, and of its resources, carries a tag", columns, rows)


def unrecognized(accounts: Sequence[Account], currency: str) -> Markup:
    """Owner tag values that name no cost center, over all accounts, the most costly first."""
    found = [(account, value) for account in accounts for value in account["unrecognized"]]
    if not found:
        return element("p", "Every value of the owner tag names a cost center.")
    found.sort(key=lambda pair: (-Decimal(pair[1]["exact_cost"]), pair[1]["value"]))
    columns = [
        Column("Value"),
        Column("Closest known"),
        Column("Account"),
        Column(f"Cost, {currency}", numeric=True),
        Column("Resources", numeric=True),
    ]
    rows = [
        [
            element("code", value["value"]),
            element("code", value["closest"]) if value["closest"] else "none is near",
            name_of(account),
            amount(value["exact_cost"]),
            f"{value['resources']:,}",
        ]
        for account, value in found
    ]
    return table("Values of the owner tag that name no cost center", columns, rows)


def to_tag_first(accounts: Sequence[Account], currency: str) -> Markup:
    """Per account what is untagged of each service, and its most costly untagged resources."""
    parts = [
        _resources(account, rank, currency)
        for rank, account in enumerate(accounts, start=1)
        if account["costly_untagged"]
    ]
    return joined(parts) if parts else element("p", "No resource is untagged.")


def name_of(account: Account) -> str:
    """An account's name with its id; the id alone where the policy does not list it."""
    name, account_id = account["account_name"], account["account_id"]
    return f"{name} ({account_id})" if name else str(account_id)


def _resources(account: Account, rank: int, currency: str) -> Markup:
    cost = Column(f"Cost, {currency}", numeric=True)
    resources = [
        [element("code", one["resource_id"]), one["service_name"], amount(one["exact_cost"])]
        for one in account["costly_untagged"]
    ]
    services = [
        [one["service_name"], percent(one["untagged_ratio"]), amount(one["untagged_cost"])]
        for one in sorted(account["services"], key=lambda one: -Decimal(one["untagged_cost"]))
        if one["untagged_resources"]
    ]
    shares = [Column("Service"), Column("Untagged", numeric=True), Column(f"Untagged, {currency}", numeric=True)]
    name = name_of(account)
    return element(
        "details",
        element("summary", f"{name}: {amount(account['untagged_cost'])} {currency} untagged"),
        table(f"Most costly untagged resources of {name}", [Column("Resource"), Column("Service"), cost], resources),
        table(f"Untagged, service by service, of {name}", shares, services),
        id=f"account-{rank}",
    )


def _name_with_link(account: Account, rank: int) -> Markup:
    name = account["account_name"] or account["account_id"]
    shown = element("a", name, href=f"#account-{rank}") if account["costly_untagged"] else element("span", name)
    told = [account["account_id"]] if account["account_name"] else []
    told += [account["owner"]] if account["owner"] else ["no owner"]
    return joined([shown, element("small", " · ".join(told))])


def _judged(account: Account) -> Markup:
    ratio = percent(account["untagged_ratio"])
    if account["over_threshold"]:
        return element("strong", f"{ratio} over", class_="over")
    return element("span", ratio)


def _covered(account: Account, tag: str) -> str:
    if tag not in account["coverage"]:
        return "–"
    of_resources = f"{percent(account['resource_coverage'][tag])} of resources"
    return joined([percent(account["coverage"][tag]), element("small", of_resources)])
