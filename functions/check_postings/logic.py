"""Decides whether the books hold what the ledger says, cost center by cost center."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from functions.post_charge.logic import PostedCharge
from functions.prepare_statements.totals import RunTotals
from functions.shared import errors
from functions.shared.errors import PostingError, PostingMismatch
from functions.shared.money import Cents, format_cents, total
from functions.shared.payload import Payload

_SHOWN = 3


class CheckPostingsRequest(Payload):
    """The run whose charges were posted."""

    run_id: str


class RefusedCharge(Payload):
    """Why the last attempt to post a charge failed: the error's class name and message."""

    cost_center: str
    error: str
    cause: str


class PostingsChecked(Payload):
    """The books hold every charge."""

    charges: int
    total: Cents


BooksAnswer = PostedCharge | RefusedCharge
"""What came of the last attempt to post a charge."""


def read_answers(records: Iterable[dict[str, Any]]) -> list[BooksAnswer]:
    """The run's records of its charges, typed: only a refused one has an error."""
    return [
        RefusedCharge.model_validate(record) if "error" in record else PostedCharge.model_validate(record)
        for record in records
    ]


def check_postings(totals: RunTotals, answers: Iterable[BooksAnswer]) -> PostingsChecked:
    """Compares the books' answers, one a charge, with the ledger.

    Raises the error of the first charge that could not be posted, with the number of those like it; PostingMismatch
    when amounts differ or a charge is held that nobody owes.
    """
    wanted = {center.cost_center: center.total for center in totals.cost_centers if center.total}
    held: dict[str, Decimal] = {}
    failed: list[RefusedCharge] = []
    for answer in answers:
        if isinstance(answer, RefusedCharge):
            failed.append(answer)
        else:
            held[answer.cost_center] = answer.amount
    if failed:
        raise _posting_error(failed, len(wanted))
    for center in sorted(wanted.keys() | held.keys()):
        if wanted.get(center) != held.get(center):
            raise PostingMismatch(
                f"{center}: the ledger has {_shown(wanted.get(center))}, the books have {_shown(held.get(center))}"
            )
    return PostingsChecked(charges=len(held), total=total(held.values()))


def _posting_error(failed: list[RefusedCharge], charges: int) -> PostingError:
    found = getattr(errors, failed[0].error, PostingError)
    kind = found if isinstance(found, type) and issubclass(found, PostingError) else PostingError
    causes = "; ".join(f"{charge.cost_center}: {charge.cause}" for charge in failed[:_SHOWN])
    more = f"; and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
    return kind(f"{len(failed)} of {charges} charges are not posted: {causes}{more}. Run again to resume")


def _shown(amount: Decimal | None) -> str:
    return "no charge" if amount is None else format_cents(amount)
