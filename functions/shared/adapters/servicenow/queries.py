"""Encoded queries, in which a value can only ever be a value."""

from __future__ import annotations

from functions.shared.errors import PostingRejected


def equals(column: str, value: str) -> str:
    """Records whose column holds exactly this."""
    return f"{column}={_plain(column, value)}"


def starts_with(column: str, value: str) -> str:
    """Records whose text column begins with this."""
    return f"{column}STARTSWITH{_plain(column, value)}"


def contains(column: str, value: str) -> str:
    """Records whose text column has this somewhere in it."""
    return f"{column}LIKE{_plain(column, value)}"


def is_us(column: str) -> str:
    """Records whose column refers to the user who asks: the one script that is sent, and the instance's own."""
    return f"{column}=javascript:gs.getUserID()"


def all_of(*conditions: str) -> str:
    """Records that meet every condition."""
    return "^".join(conditions)


def _plain(column: str, value: str) -> str:
    """An instance would take a caret for the next condition, and would run what comes after ``javascript:``."""
    if "^" in value or value.lstrip().lower().startswith("javascript:"):
        raise PostingRejected(f"{column}: {value!r} cannot be looked up in ServiceNow; it may hold no ^ and no script")
    return value
