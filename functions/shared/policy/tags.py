"""How tag keys and tag values are compared: the one place that knows about spelling."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

_NOT_IN_A_COLUMN_NAME = re.compile(r"[^a-z0-9]")
_CLOSE_ENOUGH = 0.75


def normalize_tag_value(value: str) -> str:
    """The spelling in which owner tags, cost-center ids and aliases are compared: NFC, trimmed, lower case.

    A value that is only white space becomes ``""``, which means "no value". Characters are lowered one by one, as SQL
    does it, and not by their place in the word as Python would (the final sigma of Greek).
    """
    trimmed = unicodedata.normalize("NFC", value).strip()
    return trimmed.lower() if trimmed.isascii() else "".join(char.lower()[0] for char in trimmed)


def tag_column_suffix(key: str) -> str:
    """A tag key as CUR 2.0 spells it after ``user_``: ``Cost-Center`` gives ``cost_center``.

    Lower case, and every character outside a-z and 0-9 becomes one underscore, so the result is safe in a column name.
    """
    return _NOT_IN_A_COLUMN_NAME.sub("_", key.lower())


def closest(value: str, candidates: Iterable[str]) -> str | None:
    """The candidate a mistyped tag value most likely meant, as the candidate is written; None when none is near.

    Candidates are compared as tag values are. Of several equally near the last in code-point order is taken, so the
    answer does not depend on the order they come in.
    """
    by_spelling: dict[str, str] = {}
    for candidate in sorted(candidates):
        by_spelling.setdefault(normalize_tag_value(candidate), candidate)
    found = difflib.get_close_matches(normalize_tag_value(value), by_spelling, n=1, cutoff=_CLOSE_ENOUGH)
    return by_spelling[found[0]] if found else None
