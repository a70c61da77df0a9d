"""What CheckPostings takes and gives, and whether every charge was posted, from what the books answered."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from functions.post_charge.keys import ChargeBatch
from functions.post_charge.logic import PostedCharge
from functions.prepare_statements.totals import RunTotals
from functions.shared import errors
from functions.shared.errors import ChargesNotPosted, PostingError, TransientError
from functions.shared.money import ZERO, Cents
from functions.shared.payload import Payload

_REFUSALS_SHOWN = 3


class CheckPostingsRequest(Payload):
    """The run whose charges were posted; the month that is charged now, and the month and revision that it is for."""

    run_id: str
    billing_period: str
    charge_period: str
    revision: int

    def batch(self, organization: str, billing_currency: str) -> ChargeBatch:
        """The charges that the run posted, together."""
        return ChargeBatch(
            organization=organization,
            billing_period=self.billing_period,
            charge_period=self.charge_period,
            revision=self.revision,
            billing_currency=billing_currency,
        )


class RefusedCharge(Payload):
    """Why the last attempt to post a charge failed: the error's class name and message."""

    cost_center: str
    error: str
    cause: str


class PostingsChecked(Payload):
    """The books hold every charge, and nothing else of this revision; of earlier ones they hold ``earlier_total``."""

    charges: int
    total: Cents
    earlier_total: Cents = ZERO


BooksAnswer = PostedCharge | RefusedCharge
"""What came of the last attempt to post a charge."""


def read_answers(records: Iterable[dict[str, Any]]) -> list[BooksAnswer]:
    """The run's records of its charges, typed: only a refused one has an error."""
    return [
        RefusedCharge.model_validate(record) if "error" in record else PostedCharge.model_validate(record)
        for record in records
    ]


def owed_charges(totals: RunTotals) -> dict[str, Decimal]:
    """What is posted, by cost center: a cost center that owes nothing has no line in the books."""
    return {center.cost_center: center.total for center in totals.cost_centers if center.total}


def require_posted(totals: RunTotals, answers: Iterable[BooksAnswer]) -> None:
    """Raises the error of the first charge that could not be posted, with the number of those like it.

    An error that may pass was waited for with the charge; under its own name this state would wait for it once more, so
    it is ChargesNotPosted here.
    """
    failed = [answer for answer in answers if isinstance(answer, RefusedCharge)]
    if not failed:
        return
    kind = _told_as(failed[0].error)
    causes = "; ".join(f"{charge.cost_center}: {charge.cause}" for charge in failed[:_REFUSALS_SHOWN])
    more = f"; and {len(failed) - _REFUSALS_SHOWN} more" if len(failed) > _REFUSALS_SHOWN else ""
    raise kind(
        f"{len(failed)} of {len(owed_charges(totals))} charges are not posted: {causes}{more}. Run again to resume"
    )


def _told_as(error: str) -> type[PostingError]:
    found = getattr(errors, error, PostingError)
    if issubclass(found, TransientError):
        return ChargesNotPosted
    return found if issubclass(found, PostingError) else PostingError
