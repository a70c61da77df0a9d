"""Compares what the books hold with the ledger, line by line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from functions.check_postings.logic import PostingsChecked, owed_charges
from functions.post_charge.keys import ChargeBatch
from functions.post_charge.logic import BookedCharge, HeldCharges
from functions.prepare_statements.totals import RunTotals
from functions.shared.errors import DuplicatePosting, MissingPosting, PostingMismatch, UnexpectedPosting
from functions.shared.money import format_cents, total

_DIFFERENCES_SHOWN = 10


class Difference(NamedTuple):
    """One thing that the books and the ledger do not have in common, and the error that it is."""

    kind: type[PostingMismatch]
    words: str


def check_books(totals: RunTotals, batch: ChargeBatch, held: HeldCharges, table: str) -> PostingsChecked:
    """Compares the lines that the books hold of a batch, all of them, with the ledger.

    Raises PostingMismatch that names every line that differs, is missing, is held more than once or is nobody's, and by
    how much; one of its kinds when all differences are of that kind.
    """
    remedy = "Correct the lines that are wrong, then run again: what is missing is posted then"
    in_books = compare_books(owed_charges(totals), batch, held, table, remedy)
    return PostingsChecked(charges=len(held.lines), total=in_books)


def compare_books(
    owed: Mapping[str, Decimal], batch: ChargeBatch, held: HeldCharges, table: str, remedy: str
) -> Decimal:
    """What the books hold of a batch. Raises PostingMismatch, with the remedy, unless that is what is owed."""
    differences = list(_differences(owed, batch, held))
    in_books = total(line.amount for line in held.lines if line.currency == batch.billing_currency)
    if not differences:
        return in_books
    in_ledger = total(owed.values())
    shown = "; ".join(difference.words for difference in differences[:_DIFFERENCES_SHOWN])
    more = len(differences) - _DIFFERENCES_SHOWN
    kinds = {difference.kind for difference in differences}
    kind = kinds.pop() if len(kinds) == 1 else PostingMismatch
    raise kind(
        f"{table}: the books hold {in_books:f} {batch.billing_currency} in {_lines(len(held.lines))} for "
        f"{batch.billing_period} r{batch.revision}, the ledger has {format_cents(in_ledger)} in {len(owed)} "
        f"({_signed(in_books - in_ledger)}): {shown}{f'; and {more} more' if more > 0 else ''}. {remedy}"
    )


def _differences(owed: Mapping[str, Decimal], batch: ChargeBatch, held: HeldCharges) -> Iterator[Difference]:
    lines: dict[str, list[BookedCharge]] = defaultdict(list)
    for line in held.lines:
        lines[line.key].append(line)
    for center in sorted(owed):
        found = lines.pop(batch.key(center), [])
        if not found:
            yield Difference(MissingPosting, f"{center}: {format_cents(owed[center])} is missing")
        elif len(found) > 1:
            yield Difference(
                DuplicatePosting,
                f"{center}: {format_cents(owed[center])} is booked {len(found)} times, as "
                f"{' and '.join(f'{line.sys_id} ({_held(line)})' for line in found)}",
            )
        else:
            yield from _wrong(center, owed[center], batch.billing_currency, found[0])
    for line in sorted((line for found in lines.values() for line in found), key=lambda line: line.sys_id):
        words = f"record {line.sys_id} with key {line.key} holds {_held(line)} of {line.cost_center!r}"
        yield Difference(UnexpectedPosting, f"{words}, which the ledger has not")
    if held.hidden:
        yield Difference(PostingMismatch, f"{_lines(held.hidden)} hidden from us; let our user read every line")


def _wrong(center: str, amount: Decimal, currency: str, line: BookedCharge) -> Iterator[Difference]:
    if (line.amount, line.currency) != (amount, currency):
        by = f" ({_signed(line.amount - amount)})" if line.currency == currency else ""
        words = f"{center}: record {line.sys_id} holds {_held(line)}, the ledger has {format_cents(amount)} {currency}"
        yield Difference(PostingMismatch, words + by)
    if line.cost_center != center:
        words = f"{center}: record {line.sys_id} charges {_held(line)} to {line.cost_center!r}"
        yield Difference(PostingMismatch, words)


def _held(line: BookedCharge) -> str:
    """An amount as the books have it, even if it is not a whole number of cents."""
    return f"{line.amount:f} {line.currency}"


def _lines(count: int) -> str:
    return f"{count} line{'' if count == 1 else 's'}"


def _signed(amount: Decimal) -> str:
    return f"{amount:+f}"
