"""Encoded queries: conditions joined by ``^``, with ``ORDERBY`` and ``ORDERBYDESC``."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

_CONDITION = re.compile(r"([a-z][a-z0-9_]*)(STARTSWITH|LIKE|!=|=)(.*)", re.DOTALL)
_WHO_ASKS = "javascript:gs.getUserID()"
_ORDER = re.compile(r"ORDERBY(DESC)?([a-z][a-z0-9_]*)")

# Each compares exactly: SQL's own LIKE would take letters of either case, and would have wildcards.
_OPERATORS: Mapping[str, Callable[[str], str]] = {
    "=": lambda column: f'"{column}" = ?',
    "!=": lambda column: f'"{column}" <> ?',
    "LIKE": lambda column: f'instr("{column}", ?) > 0',
    "STARTSWITH": lambda column: f'instr("{column}", ?) = 1',
}


class UnsupportedQuery(ValueError):
    """The instance would understand this query; the stand-in does not, and says so instead of guessing."""


@dataclass(frozen=True)
class EncodedQuery:
    """Conditions (column, operator, value) that must all hold, and (column, descending) pairs to sort by."""

    conditions: tuple[tuple[str, str, str], ...]
    order: tuple[tuple[str, bool], ...]

    @classmethod
    def parse(cls, text: str, columns: Collection[str], caller: str = "") -> EncodedQuery:
        """Leaves out what names no column of the table: unless told otherwise, an instance ignores it, too.

        ``caller`` is the sys_id of who asks: the value of the one script that is run.
        """
        conditions: list[tuple[str, str, str]] = []
        order: list[tuple[str, bool]] = []
        for term in filter(None, text.split("^")):
            if sort := _ORDER.fullmatch(term):
                order.append((sort[2], bool(sort[1])))
            elif (condition := _CONDITION.fullmatch(term)) and not term.startswith(("OR", "NQ")):
                value = caller if condition[3] == _WHO_ASKS else condition[3]
                conditions.append((condition[1], condition[2], value))
            else:
                raise UnsupportedQuery(f"the stand-in understands conditions, ^ and ORDERBY, not {term!r}")
        return cls(
            conditions=tuple(each for each in conditions if each[0] in columns),
            order=tuple(each for each in order if each[0] in columns),
        )

    @property
    def where(self) -> str:
        """An SQL condition with one placeholder per value."""
        return " AND ".join(_OPERATORS[operator](column) for column, operator, _ in self.conditions) or "1 = 1"

    @property
    def values(self) -> tuple[str, ...]:
        """The values of the placeholders, in order."""
        return tuple(value for _, _, value in self.conditions)

    @property
    def order_by(self) -> str:
        """SQL sort terms; the order of creation last."""
        terms = [f'"{column}" DESC' if descending else f'"{column}"' for column, descending in self.order]
        return ", ".join([*terms, "rowid"])
