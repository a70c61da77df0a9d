"""Tables whose columns fit what is in them: amounts get the width they need, texts share the rest and wrap."""

# mypy: untyped-calls-exclude=reportlab

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import inf
from typing import Literal

from reportlab.lib.colors import Color
from reportlab.platypus.flowables import Flowable
from reportlab.platypus.tables import LongTable, Table

from functions.render_statement import pdf_style as style
from functions.render_statement.pdf_marks import Drawn
from functions.render_statement.pdf_text import BOLD, REGULAR, Keep, fit, printable, text_width

_PAD = 5
_ROW_PAD = 2.7
_BAR_HEIGHT = 4.6
_TITLE_LEADING = 1.25
_TITLE_LINES = 2
_SHORT_TITLE = 14
_KEPT_ROWS = 3
_WIDEST_ID = 88


class Bar(Drawn):
    """A bar in a table cell: thousandths of the column's width; nothing for a negative amount."""

    def __init__(self, per_mille: int, width: float = 62) -> None:
        super().__init__(width, style.BODY)
        self._per_mille = max(0, min(1000, per_mille))

    def draw(self) -> None:
        if self._per_mille:
            self.canv.setFillColor(style.TINT)
            self.canv.rect(0, 1, self.size[0] * self._per_mille / 1000, _BAR_HEIGHT, stroke=0, fill=1)


class Noted(Drawn):
    """A text with a grey note below it, as wide as its column."""

    def __init__(self, text: str, note: str, max_lines: int = 2) -> None:
        super().__init__(0, 0)
        self._text, self._note, self._max_lines = text, note, max_lines
        self._lines: list[tuple[str, Color]] = []

    def wrap(self, available_width: float, _available_height: float) -> tuple[float, float]:
        texts = fit(self._text, REGULAR, style.BODY, available_width, self._max_lines)
        notes = fit(self._note, REGULAR, style.BODY, available_width, self._max_lines) if self._note else ()
        self._lines = [*((line, style.INK) for line in texts), *((line, style.GREY) for line in notes)]
        self.size = (available_width, len(self._lines) * style.BODY * style.LEADING)
        return self.size

    def draw(self) -> None:
        leading = style.BODY * style.LEADING
        for number, (line, colour) in enumerate(self._lines, 1):
            self.canv.setFont(REGULAR, style.BODY)
            self.canv.setFillColor(colour)
            self.canv.drawString(0, self.size[1] - number * leading + (style.LEADING - 1) * style.BODY * 0.75, line)


Cell = str | Bar | Noted


@dataclass(frozen=True)
class Column:
    """``part`` is the column's part of the width that is left over by the columns as wide as their content (0), which
    are at most ``limit`` wide. A ``joined`` column continues the one before it, without space between."""

    title: str
    part: int = 0
    align: Literal["LEFT", "RIGHT"] = "LEFT"
    max_lines: int = 3
    keep: Keep = "start"
    colour: Color = style.INK
    limit: float = inf
    joined: bool = False


def amounts(title: str) -> Column:
    """A column of right-aligned figures."""
    return Column(title, align="RIGHT", max_lines=1)


def ids(title: str) -> Column:
    """A column as wide as its ids, within reason."""
    return Column(title, limit=_WIDEST_ID)


def make_table(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: float, totals: Sequence[str] | None = None
) -> LongTable:
    """A table that repeats its header on every page; the totals row, if any, is bold under a rule."""
    widths = _widths(columns, [*rows, totals] if totals else rows, width)
    header = ["\n".join(_fitted(c.title, w, c, size=style.FINE)) for c, w in zip(columns, widths, strict=True)]
    body = [_fitted_row(row, columns, widths, REGULAR) for row in rows]
    foot = [_fitted_row(totals, columns, widths, BOLD)] if totals else []
    table = LongTable(
        [header, *body, *foot], colWidths=[w + p for w, p in zip(widths, _paddings(columns), strict=True)], repeatRows=1
    )
    table.setStyle(_commands(columns, len(rows), has_totals=bool(totals)))
    table.hAlign = "LEFT"
    return table


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: float) -> list[float]:
    tight = [0.0 if column.part else _content_width(column, i, rows) for i, column in enumerate(columns)]
    left = max(0.0, width - sum(tight) - sum(_paddings(columns)))
    parts = sum(column.part for column in columns)
    return [left * c.part / parts if c.part else w for c, w in zip(columns, tight, strict=True)]


def _content_width(column: Column, index: int, rows: Sequence[Sequence[Cell]]) -> float:
    return min(column.limit, max([_title_width(column.title), *(_cell_width(row[index]) for row in rows)]) + 0.5)


def _title_width(title: str) -> float:
    """The least width at which a long title takes two lines, and a short one takes one."""
    lines = 1 if len(title) <= _SHORT_TITLE else _TITLE_LINES
    width = max(text_width(word, REGULAR, style.FINE) for word in title.split(" "))
    while len(fit(title, REGULAR, style.FINE, width, 9)) > lines:
        width += 2
    return width


def _cell_width(cell: Cell) -> float:
    return text_width(printable(cell), BOLD, style.BODY) if isinstance(cell, str) else cell.size[0]


def _paddings(columns: Sequence[Column]) -> list[float]:
    """White space of each column: none outside the table, none between a column and the one that continues it."""
    followers = [*columns[1:], None]
    return [
        (0 if i == 0 or column.joined else _PAD) + (0 if after is None or after.joined else _PAD)
        for i, (column, after) in enumerate(zip(columns, followers, strict=True))
    ]


def _fitted_row(row: Sequence[Cell], columns: Sequence[Column], widths: Sequence[float], font: str) -> list[object]:
    return [
        "\n".join(_fitted(cell, width, column, font=font)) if isinstance(cell, str) else cell
        for cell, column, width in zip(row, columns, widths, strict=True)
    ]


def _fitted(
    text: str, width: float, column: Column, *, font: str = REGULAR, size: float = style.BODY
) -> tuple[str, ...]:
    return fit(text, font, size, width, column.max_lines if size == style.BODY else _TITLE_LINES, column.keep)


def _commands(columns: Sequence[Column], rows: int, *, has_totals: bool) -> list[tuple[object, ...]]:
    first_body, last = (0, 1), (-1, -1)
    commands: list[tuple[object, ...]] = [
        ("FONT", (0, 0), (-1, 0), REGULAR, style.FINE, style.FINE * _TITLE_LEADING),
        ("TEXTCOLOR", (0, 0), (-1, 0), style.GREY),
        ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
        ("LINEBELOW", (0, 0), (-1, 0), style.RULE, style.INK),
        ("FONT", first_body, last, REGULAR, style.BODY, style.BODY * style.LEADING),
        ("VALIGN", first_body, last, "TOP"),
        ("TOPPADDING", (0, 0), last, _ROW_PAD),
        ("BOTTOMPADDING", (0, 0), last, _ROW_PAD),
        ("LINEBELOW", first_body, (-1, rows), style.HAIR, style.HAIRLINE),
        ("TEXTCOLOR", first_body, last, style.INK),
        (
            "NOSPLIT",
            (0, max(1, rows + has_totals + 1 - _KEPT_ROWS)),
            last,
        ),  # no page has the last row alone
    ]
    for i, (column, after) in enumerate(zip_longest(columns, columns[1:])):
        commands += [
            ("ALIGN", (i, 0), (i, -1), column.align),
            ("TEXTCOLOR", (i, 1), (i, -1), column.colour),
            ("LEFTPADDING", (i, 0), (i, -1), 0 if i == 0 or column.joined else _PAD),
            ("RIGHTPADDING", (i, 0), (i, -1), 0 if after is None or after.joined else _PAD),
        ]
    if has_totals:
        commands += [
            ("FONT", (0, -1), last, BOLD, style.BODY, style.BODY * style.LEADING),
            ("TEXTCOLOR", (0, -1), last, style.INK),
            ("LINEABOVE", (0, -1), last, style.RULE, style.INK),
        ]
    return commands


def side_by_side(
    left: Sequence[Flowable], right: Sequence[Flowable], widths: tuple[float, float], gutter: float
) -> Table:
    """Two short columns of a page; both must fit on it."""
    table = Table([[list(left), "", list(right)]], colWidths=[widths[0], gutter, widths[1]])
    table.setStyle(
        [
            ("FONT", (0, 0), (-1, -1), REGULAR),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            *((f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM")),
        ]
    )
    table.hAlign = "LEFT"
    return table
