"""Makes something in the books exactly once, though requests, answers and processes get lost on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from functions.shared.errors import BooksRateLimited, BooksUnavailable, PostingRejected

ThingT = TypeVar("ThingT")


def make_once(
    find: Callable[[], ThingT | None], make: Callable[[], ThingT | None], settle: Callable[[], None] | None = None
) -> tuple[ThingT | None, bool]:
    """What is in the books, and whether this very attempt has made it: finds it, or makes it.

    ``make`` answers what it made, or None if it has to be looked up. When it is refused, or its answer is lost, it is
    looked for once more, as another attempt may have come first, or this one have arrived after all; its error stands
    if nothing is there. None when what was made is not shown.
    """
    there = find()
    if there is not None:
        return there, False
    try:
        made = make()
    except BooksRateLimited:
        raise
    except (PostingRejected, BooksUnavailable) as error:
        there = find()
        if there is None and settle and isinstance(error, BooksUnavailable) and error.is_pending:
            settle()
            there = find()
        if there is None:
            raise
        return there, False
    return (made if made is not None else find()), True
