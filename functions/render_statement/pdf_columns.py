"""Columns and cells of a table: amounts get the width they need, texts share the rest and wrap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import inf
from typing import NamedTuple

from functions.render_statement import pdf_style as style
from functions.render_statement.pdf_flow import unabridged
from functions.render_statement.pdf_numbers import amount, exact, per_mille
from functions.render_statement.pdf_text import BOLD, REGULAR, Keep, fit, printable, text_width

PAD = 5.0
TITLE_LINES = 2
_SHORT_TITLE = 14
_WIDEST_ID = 92.0
_BAR_WIDTH = 62.0


class Bar(NamedTuple):
    """A bar beside the figures it shows: thousandths of its column's width, nothing for a negative amount."""

    per_mille: int


class Noted(NamedTuple):
    """A text with a grey note below it."""

    text: str
    note: str


class Exact(NamedTuple):
    """An amount before rounding, its decimals after the cents in grey; ``places`` is how many the column shows."""

    value: Decimal
    places: int


Cell = str | Decimal | Bar | Noted | Exact


@dataclass(frozen=True)
class Column:
    """``part`` is the column's part of the width that is left over by the columns as wide as their content (0), which
    are at most ``limit`` wide. ``show`` writes the column's amounts. A column without a title only decorates."""

    title: str
    part: int = 0
    right: bool = False
    max_lines: int = 3
    keep: Keep = "start"
    limit: float = inf
    show: Callable[[Decimal], str] = amount

    @property
    def decorates(self) -> bool:
        """Whether what the column shows is said in another column too."""
        return not self.title


def amounts(title: str, show: Callable[[Decimal], str] = amount) -> Column:
    """A column of right-aligned figures."""
    return Column(title, right=True, max_lines=1, show=show)


def ids(title: str) -> Column:
    """A column as wide as its ids, within reason."""
    return Column(title, limit=_WIDEST_ID)


def ratio_columns() -> list[Column]:
    """A bar, a percentage and an amount."""
    return [Column("", limit=_BAR_WIDTH), amounts("Part"), amounts("Cost")]


def bar(cost: Decimal, largest: Decimal) -> Bar:
    """A cost as a bar beside the largest of its column."""
    return Bar(max(0, min(1000, per_mille(cost, largest)))) if largest > 0 else Bar(0)


class Line(NamedTuple):
    """Printable text in one colour."""

    text: str
    colour: str


class FittedCell(NamedTuple):
    """A cell as it is drawn: lines, or the parts of one line side by side, or a bar; ``whole`` is its text when the
    lines say less."""

    lines: tuple[Line, ...] = ()
    parts: tuple[Line, ...] = ()
    per_mille: int = 0
    whole: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to read in it."""
        return not (self.parts or any(line.text for line in self.lines))


def fit_cell(cell: Cell, column: Column, width: float, font: str) -> FittedCell:
    """Breaks a cell's text into the lines its column has room for."""
    match cell:
        case Bar():
            return FittedCell(per_mille=cell.per_mille)
        case Exact():
            cents, decimals = exact(cell.value, cell.places)
            return FittedCell(parts=(Line(cents, style.INK), Line(decimals, style.GREY)))
        case Noted():
            texts = fit(cell.text, font, style.BODY, width, 2)
            notes = fit(cell.note, font, style.BODY, width, 2) if cell.note else ()
            less = unabridged(cell.text, texts) or unabridged(cell.note, notes)
            whole = f"{cell.text} {cell.note}" if less else ""
            inked = tuple(Line(text, style.INK) for text in texts)
            return FittedCell(inked + tuple(Line(text, style.GREY) for text in notes), whole=whole)
        case Decimal():
            return FittedCell((Line(column.show(cell), style.INK),))
        case str():
            texts = fit(cell, font, style.BODY, width, column.max_lines, column.keep)
            return FittedCell(tuple(Line(text, style.INK) for text in texts), whole=unabridged(cell, texts))


def column_widths(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: float) -> list[float]:
    """Each column's width without the white space around it."""
    tight = [
        0.0 if column.part else _content_width(column, [row[i] for row in rows]) for i, column in enumerate(columns)
    ]
    left = max(0.0, width - sum(tight) - sum(before + after for before, after in paddings(columns)))
    parts = sum(column.part for column in columns)
    return [left * c.part / parts if c.part else w for c, w in zip(columns, tight, strict=True)]


def paddings(columns: Sequence[Column]) -> list[tuple[float, float]]:
    """White space before and after each column; none outside the table."""
    last = len(columns) - 1
    return [(PAD if i else 0.0, PAD if i < last else 0.0) for i in range(len(columns))]


def _content_width(column: Column, cells: Sequence[Cell]) -> float:
    if column.decorates:
        return column.limit
    widest = max([_title_width(column.title), *(_cell_width(cell, column) for cell in cells)])
    return min(column.limit, widest + 0.5)


def _title_width(title: str) -> float:
    """The least width at which a long title takes two lines, and a short one takes one."""
    lines = 1 if len(title) <= _SHORT_TITLE else TITLE_LINES
    width = max(text_width(word, REGULAR, style.FINE) for word in title.split(" "))
    while len(fit(title, REGULAR, style.FINE, width, 9)) > lines:
        width += 2
    return width


def _cell_width(cell: Cell, column: Column) -> float:
    match cell:
        case Decimal():
            return text_width(column.show(cell), BOLD, style.BODY)
        case Exact():
            return text_width("".join(exact(cell.value, cell.places)), BOLD, style.BODY)
        case str():
            return text_width(printable(cell), BOLD, style.BODY)
        case _:
            return 0.0
