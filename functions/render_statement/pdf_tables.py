"""Tables that break well: the header on every page, no row alone, and what the rows so far come to carried forward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, partial
from itertools import accumulate
from typing import NamedTuple

from functions.render_statement import pdf_style as style
from functions.render_statement.pdf_columns import (
    TITLE_LINES,
    Cell,
    Column,
    FittedCell,
    column_widths,
    fit_cell,
    paddings,
)
from functions.render_statement.pdf_flow import SUBHEADING_HEIGHT, Flow, draw_lines, draw_subheading
from functions.render_statement.pdf_pen import Pen
from functions.render_statement.pdf_structure import HEADER_CELL
from functions.render_statement.pdf_text import BOLD, REGULAR, fit, text_width
from functions.shared.money import ZERO

_ROW_PAD = 2.4
_BAR_HEIGHT = 4.8
_KEPT_ROWS = 3
"""So many rows at least stand together, before a page break and after it."""
_KEPT_WHOLE = 6
"""A table of so many rows is not broken."""

_NOTE_LINES = 5
_NOTE_GAP, _CLOSING_GAP = 2.0, 8.0

CARRIED, BROUGHT = "Carried forward", "Brought forward"


class _Row(NamedTuple):
    cells: tuple[FittedCell, ...]
    height: float


@dataclass(frozen=True)
class Table:
    """Rows under a title and a header; ``totals`` is a bold row that ends it. Columns whose total is an amount show at
    every page break what the rows so far come to. ``note`` stands between title and header, ``closing`` below all."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    totals: Sequence[str | Decimal] = ()
    note: str = ""
    closing: str = ""
    width: float = 0.0
    title_tag: str = "H3"

    def place(self, flow: Flow) -> None:
        """Puts the table onto the pages."""
        _Placed(self, flow).place()


class _Placed:
    """A table at the width of a flow."""

    def __init__(self, table: Table, flow: Flow) -> None:
        self._table, self._flow = table, flow
        width = table.width or flow.width
        every = [*table.rows, table.totals] if table.totals else list(table.rows)
        self._widths = column_widths(table.columns, every, width)
        self._lefts = self._left_edges()
        self._right = self._lefts[-1] + self._widths[-1]
        self._titles = [
            fit(c.title, REGULAR, style.FINE, w, TITLE_LINES) for c, w in zip(table.columns, self._widths, strict=True)
        ]
        self._rows = [self._fit_row(row, REGULAR) for row in table.rows]
        self._totals = self._fit_row(table.totals, BOLD) if table.totals else None
        self._carries = any(isinstance(cell, Decimal) for cell in table.totals)
        self._note = fit(table.note, REGULAR, style.BODY, flow.width, _NOTE_LINES) if table.note else ()
        self._closing = fit(table.closing, REGULAR, style.BODY, flow.width, _NOTE_LINES) if table.closing else ()
        self._carry_height = _row_height(1) if self._carries else 0.0
        self._sums = [ZERO] * len(table.columns)
        self._summed_rows = 0

    def _left_edges(self) -> list[float]:
        outer = [b + w + a for (b, a), w in zip(paddings(self._table.columns), self._widths, strict=True)]
        starts = accumulate([0.0, *outer[:-1]])
        return [start + before for start, (before, _) in zip(starts, paddings(self._table.columns), strict=True)]

    def _fit_row(self, row: Sequence[Cell], font: str) -> _Row:
        cells = tuple(
            fit_cell(c, column, w, font) for c, column, w in zip(row, self._table.columns, self._widths, strict=True)
        )
        return _Row(cells, _row_height(max(1, *(len(cell.lines) for cell in cells))))

    @cached_property
    def _header_height(self) -> float:
        return max(map(len, self._titles)) * style.leading(style.FINE) + 2 * _ROW_PAD

    @cached_property
    def _heights_from(self) -> list[float]:
        """The height of everything from a row on, with what ends the table."""
        end = (self._totals.height if self._totals else 0.0) + _note_height(self._closing, _CLOSING_GAP)
        heights = [*(row.height for row in self._rows), end]
        return list(accumulate(reversed(heights)))[::-1]

    def place(self) -> None:
        flow, table = self._flow, self._table
        rows = len(self._rows)
        whole = self._heights_from[0]
        first = whole if rows <= _KEPT_WHOLE else sum(r.height for r in self._rows[:_KEPT_ROWS]) + self._carry_height
        note_height = _note_height(self._note, _NOTE_GAP)
        flow.need(SUBHEADING_HEIGHT + note_height + self._header_height + first)
        flow.put(SUBHEADING_HEIGHT, lambda pen, top: draw_subheading(pen, 0, top, table.title, table.title_tag))
        if self._note:
            flow.put(note_height, lambda pen, top: _draw_note(pen, top, self._note))
        self._place_table()
        if self._closing:
            height = _note_height(self._closing, _CLOSING_GAP)
            flow.put(height, lambda pen, top: _draw_note(pen, top - _CLOSING_GAP, self._closing))

    def _place_table(self) -> None:
        flow = self._flow
        flow.open("Table")
        flow.open("THead")
        flow.put(self._header_height, self._draw_header)
        flow.close()
        flow.open("TBody")
        self._place_rows()
        flow.close()
        if self._totals:
            flow.open("TFoot")
            flow.put(self._totals.height, partial(self._draw_totals, self._totals))
            flow.close()
        flow.close()

    def _place_rows(self) -> None:
        """Row by row; where the rest does not fit on the page, it breaks so that enough rows follow."""
        flow = self._flow
        last_before_break = len(self._rows) - 1 - _KEPT_ROWS
        on_page = 0
        for index, row in enumerate(self._rows):
            rest_fits = flow.has_room(self._heights_from[index])
            fits = flow.has_room(row.height + self._carry_height) and index <= last_before_break
            if not (rest_fits or fits) and on_page:
                self._break_before(index)
                on_page = 0
            flow.put(row.height, partial(self._draw_row, row))
            on_page += 1

    def _break_before(self, index: int) -> None:
        flow = self._flow
        carried = self._carried(index) if self._carries else None
        if carried:
            flow.put(carried.height, partial(self._draw_carried, CARRIED, carried))
        flow.new_page()
        flow.put(self._header_height, self._repeat_header)
        if carried:
            flow.put(carried.height, partial(self._draw_carried, BROUGHT, carried))

    def _carried(self, rows: int) -> _Row:
        """What the first rows come to, column by column; asked for more rows every time."""
        for row in self._table.rows[self._summed_rows : rows]:
            for i, cell in enumerate(row):
                if isinstance(cell, Decimal):
                    self._sums[i] += cell
        self._summed_rows = rows
        shown = [self._sums[i] if isinstance(t, Decimal) else "" for i, t in enumerate(self._table.totals)]
        return self._fit_row(shown, REGULAR)

    # Drawing

    def _draw_header(self, pen: Pen, top: float) -> None:
        with pen.element("TR"):
            for i, column in enumerate(self._table.columns):
                if not column.decorates:
                    with pen.content("TH", entries=HEADER_CELL):
                        self._draw_title(pen, top, i)
        with pen.decoration():
            self._rule(pen, top - self._header_height, style.RULE, style.INK)

    def _repeat_header(self, pen: Pen, top: float) -> None:
        with pen.decoration():
            for i in range(len(self._titles)):
                self._draw_title(pen, top, i)
            self._rule(pen, top - self._header_height, style.RULE, style.INK)

    def _draw_title(self, pen: Pen, top: float, i: int) -> None:
        lines = self._titles[i]
        first = top - self._header_height + _ROW_PAD + len(lines) * style.leading(style.FINE)
        for number, line in enumerate(lines):
            y = style.baseline(first - number * style.leading(style.FINE), style.FINE)
            self._write(pen, i, y, line, REGULAR, style.FINE, style.GREY, joined=number > 0)

    def _draw_row(self, row: _Row, pen: Pen, top: float) -> None:
        self._draw_cells(pen, top, row, REGULAR)
        with pen.decoration():
            self._rule(pen, top - row.height, style.HAIR, style.HAIRLINE)

    def _draw_totals(self, totals: _Row, pen: Pen, top: float) -> None:
        with pen.decoration():
            self._rule(pen, top, style.RULE, style.INK)
        self._draw_cells(pen, top, totals, BOLD)

    def _draw_cells(self, pen: Pen, top: float, row: _Row, font: str) -> None:
        pen.open("TR")
        for i, (column, cell) in enumerate(zip(self._table.columns, row.cells, strict=True)):
            if column.decorates:
                if cell.per_mille:
                    with pen.decoration():
                        self._draw_bar(pen, top, i, cell.per_mille)
            elif cell.empty:
                pen.open("TD")
                pen.close()
            else:
                with pen.content("TD", cell.whole):
                    self._draw_cell(pen, top, i, cell, font)
        pen.close()

    def _draw_cell(self, pen: Pen, top: float, i: int, cell: FittedCell, font: str) -> None:
        y = style.baseline(top - _ROW_PAD, style.BODY)
        right = self._lefts[i] + self._widths[i]
        for part in reversed(cell.parts):
            right -= text_width(part.text, font, style.BODY)
        for number, part in enumerate(cell.parts):
            pen.text(right, y, part.text, font, style.BODY, part.colour, joined=number > 0)
            right += text_width(part.text, font, style.BODY)
        colour = ""
        for line in cell.lines:
            self._write(pen, i, y, line.text, font, style.BODY, line.colour, joined=line.colour == colour)
            y -= style.leading(style.BODY)
            colour = line.colour

    def _draw_carried(self, label: str, carried: _Row, pen: Pen, top: float) -> None:
        y = style.baseline(top - _ROW_PAD, style.BODY)
        with pen.decoration():
            pen.text(0, y, label, REGULAR, style.BODY, style.GREY)
            for i, cell in enumerate(carried.cells):
                for line in cell.lines:
                    self._write(pen, i, y, line.text, REGULAR, style.BODY, style.GREY)
            if label == BROUGHT:
                self._rule(pen, top - carried.height, style.HAIR, style.HAIRLINE)

    def _draw_bar(self, pen: Pen, top: float, i: int, per_mille: int) -> None:
        middle = top - _ROW_PAD - style.leading(style.BODY) / 2
        pen.rectangle(
            self._lefts[i], middle - _BAR_HEIGHT / 2, self._widths[i] * per_mille / 1000, _BAR_HEIGHT, style.TINT
        )

    def _write(
        self, pen: Pen, i: int, y: float, text: str, font: str, size: float, colour: str, *, joined: bool = False
    ) -> None:
        if self._table.columns[i].right:
            pen.text_right(self._lefts[i] + self._widths[i], y, text, font, size, colour, joined=joined)
        else:
            pen.text(self._lefts[i], y, text, font, size, colour, joined=joined)

    def _rule(self, pen: Pen, y: float, thickness: float, colour: str) -> None:
        pen.line(0, y, self._right, y, thickness, colour)


def _row_height(lines: int) -> float:
    return lines * style.leading(style.BODY) + 2 * _ROW_PAD


def _note_height(lines: Sequence[str], gap: float) -> float:
    return len(lines) * style.leading(style.BODY) + gap if lines else 0.0


def _draw_note(pen: Pen, top: float, lines: Sequence[str]) -> None:
    with pen.content("P"):
        draw_lines(pen, 0, top, lines, REGULAR, style.BODY, style.GREY)
