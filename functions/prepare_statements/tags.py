"""The owner tag values that name no cost center, each with the spelling that was most likely meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from functions.prepare_statements.rows import UnrecognizedTagRow
from functions.shared.money import ExactAmount
from functions.shared.payload import Payload
from functions.shared.policy import closest


class UnrecognizedTag(Payload):
    """One value as it is written, its exact cost, and the closest known id or alias; blank when none is near."""

    value: str
    exact_cost: ExactAmount
    line_count: int
    accounts: int
    closest: str


def match_tags(rows: Iterable[UnrecognizedTagRow], spellings: Sequence[str]) -> list[UnrecognizedTag]:
    """The rows of s060_unrecognized_tags with the closest spelling that the policy knows in the month."""
    return [
        UnrecognizedTag(
            value=row.owner_tag,
            exact_cost=row.exact_cost,
            line_count=row.line_count,
            accounts=row.accounts,
            closest=closest(row.owner_tag, spellings) or "",
        )
        for row in rows
    ]
