"""Whether the books still hold what earlier revisions of a month charged: a later one books only the difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from functions.check_postings.books import compare_books
from functions.post_charge.keys import ChargeBatch
from functions.post_charge.logic import HeldCharges
from functions.shared import run_files
from functions.shared.money import Cents, total


class Books(Protocol):
    """Where charges are booked; ``functions/shared/adapters/servicenow/expense_lines.py`` is one."""

    @property
    def table(self) -> str: ...
    def read_batch(self, prefix: str) -> HeldCharges: ...


class PostedLine(BaseModel):
    """A charge as the summary of its close has it."""

    model_config = ConfigDict(frozen=True)

    cost_center: str
    amount: Cents
    table: str


class PostedRevision(BaseModel):
    """What the summary of a closed revision says of its charges; ``billing_period`` is the month of the bill."""

    model_config = ConfigDict(frozen=True)

    organization: str
    billing_period: str
    booked_in: str
    revision: int
    billing_currency: str
    postings: tuple[PostedLine, ...]

    @property
    def batch(self) -> ChargeBatch:
        """The charges that the revision posted, together."""
        return ChargeBatch(
            organization=self.organization,
            billing_period=self.booked_in,
            charge_period=self.billing_period,
            revision=self.revision,
            billing_currency=self.billing_currency,
        )


def check_earlier(revisions: Iterable[PostedRevision], books: Books) -> Decimal:
    """What the books hold of earlier revisions, in all; raises PostingMismatch as ``check_books`` does.

    A revision that posted nothing, because nobody kept books or everybody owed nothing, is not looked for; neither is
    one in another table than that which is posted to now.
    """
    return total(_check_revision(revision, books) for revision in revisions if _is_in(books.table, revision))


def _check_revision(revision: PostedRevision, books: Books) -> Decimal:
    owed = {line.cost_center: line.amount for line in revision.postings}
    summary = run_files.summary_key(revision.billing_period, revision.revision)
    remedy = (
        "A later revision books the difference to it: put the lines right as they were, each under its key in the "
        f"ledger bucket's {summary}, then run again"
    )
    held = _as_charged(owed, revision.batch, books.read_batch(revision.batch.prefix))
    return compare_books(owed, revision.batch, held, books.table, remedy)


def _as_charged(owed: Mapping[str, Decimal], batch: ChargeBatch, held: HeldCharges) -> HeldCharges:
    """The lines with the cost centers of their keys: those in the books may have been renamed since."""
    centers = {batch.key(center): center for center in owed}
    lines = [line._replace(cost_center=centers.get(line.key, line.cost_center)) for line in held.lines]
    return held._replace(lines=lines)


def _is_in(table: str, revision: PostedRevision) -> bool:
    return bool(revision.postings) and {line.table for line in revision.postings} == {table}
