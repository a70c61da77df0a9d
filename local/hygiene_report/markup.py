"""HTML in which every text is escaped: names of accounts and values of tags are other people's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

_WITHOUT_AN_END = {"meta"}


class Markup(str):
    """Text that is HTML already, and so is not escaped again."""

    __slots__ = ()


class Column(NamedTuple):
    """A column of a table: its title, and whether it holds numbers."""

    title: str
    numeric: bool = False


def element(name: str, /, *children: str, **attributes: str) -> Markup:
    """An element; children that are no Markup are escaped, as all attributes are.

    An attribute ``aria_label`` is written ``aria-label``, and ``class_`` ``class``.
    """
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    if name in _WITHOUT_AN_END:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(children)}</{name}>")


def joined(parts: Iterable[str]) -> Markup:
    """Parts one after another, each escaped unless it is Markup."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))


def table(caption: str, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> Markup:
    """A table, its rows named by their first cell; one too wide for the screen scrolls by itself, by keys as well."""
    heads = [element("th", column.title, scope="col", **_class_of(column)) for column in columns]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row", **_class_of(columns[0])),
            *(element("td", cell, **_class_of(column)) for column, cell in zip(columns[1:], row[1:], strict=True)),
        )
        for row in rows
    ]
    whole = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *heads)),
        element("tbody", *body),
    )
    return element("div", whole, class_="scrolls", tabindex="0", role="region", aria_label=caption)


def _class_of(column: Column) -> dict[str, str]:
    return {"class_": "number"} if column.numeric else {}
