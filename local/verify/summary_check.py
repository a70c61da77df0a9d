"""Compares the summary with the evidence and the ledger, and its postings with its cost centers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from functions.compare_replay.comparing import compare_members
from functions.shared.money import ZERO, format_cents, parse_money, total
from local.verify.close import Close
from local.verify.findings import Finding, failed, results
from local.verify.ledger import Row, cost
from local.verify.records import Summary, read_summary

_OF_THE_EVIDENCE = (
    "billing_period",
    "booked_in",
    "revision",
    "status",
    "organization",
    "billing_currency",
    "cost_basis",
    "control_totals",
)
"""Members that the summary repeats from the evidence as they are."""

_OF_A_STATEMENT = ("business_unit", "total", "pdf", "csv", "sha256sums", "signature")


def check_summary(close: Close) -> Iterator[Finding]:
    """Whether the summary says what evidence and ledger say, and every cost center is posted once."""
    record, name = close.summary_record, close.summary_file.name
    if close.summary_file.content is None:
        return
    if record.problem:
        yield failed(name, record.problem)
        return
    summary = read_summary(record)
    if isinstance(summary, str):
        yield failed(name, summary)
        return
    of_evidence, of_ledger = _of_the_evidence(close.evidence_record.members), _of_the_ledger(close.rows)
    yield from results(name, _differences(record.members, of_evidence, "the evidence"), "says what the evidence says")
    if close.rows is not None:
        centers = len(of_ledger["cost_centers"])
        differing = _differences(record.members, of_ledger, "the ledger")
        yield from results(name, differing, f"{centers} cost centers are charged what the ledger's entries add up to")
    yield from results(name, _postings(summary), "every cost center that owes anything is posted once, with its total")


def _differences(members: Mapping[str, Any], expected: Mapping[str, Any], source: str) -> Iterator[str]:
    for found in compare_members("", {name: members.get(name) for name in expected}, dict(expected)):
        yield f"{found.place} is {found.filed}, by {source} it is {found.derived}"


def _of_the_evidence(members: Mapping[str, Any]) -> dict[str, Any]:
    """What the summary repeats of the evidence."""
    statements = [{name: statement.get(name) for name in _OF_A_STATEMENT} for statement in members["statements"]]
    return {name: members.get(name) for name in _OF_THE_EVIDENCE} | members["totals"] | {"statements": statements}


def _of_the_ledger(rows: list[Row] | None) -> dict[str, Any]:
    """What each cost center pays, added up from the entries again."""
    by_center: dict[str, list[Row]] = {}
    for row in rows or ():
        by_center.setdefault(row["cost_center"], []).append(row)
    return {"cost_centers": [_cost_center(center, by_center[center]) for center in sorted(by_center)]}


def _cost_center(center: str, rows: list[Row]) -> dict[str, Any]:
    by_pool: dict[str, Decimal] = {}
    for row in rows:
        if row["allocation_method"] == "shared":
            by_pool[row["pool_id"]] = total([by_pool.get(row["pool_id"], ZERO), parse_money(row["cost"])])
    return {
        "cost_center": center,
        "business_unit": rows[0]["business_unit"],
        "direct": format_cents(cost(row for row in rows if row["allocation_method"] == "direct")),
        "shared": format_cents(total(by_pool.values())),
        "by_pool": {pool: format_cents(amount) for pool, amount in sorted(by_pool.items()) if amount},
        "total": format_cents(cost(rows)),
    }


def _postings(summary: Summary) -> Iterator[str]:
    """Where postings and cost centers of the summary differ: one posting for each that owes or is owed anything."""
    left = {center.cost_center: center.total for center in summary.cost_centers if center.total}
    for number, posting in enumerate(summary.postings):
        owed = left.pop(posting.cost_center, None)
        if owed is None:
            yield f"postings[{number}] is of {posting.cost_center}, which owes nothing or was posted before"
        elif owed != posting.amount:
            yield f"postings[{number}].amount is {posting.amount}, the total of {posting.cost_center} is {owed}"
    for center, amount in left.items():
        yield f"postings has none of {center}, which owes {amount}"
