"""The PDF as a document: its sections in order, and what every page carries around its content."""

# mypy: untyped-calls-exclude=reportlab

from __future__ import annotations

import io
from math import hypot

from reportlab.lib.pagesizes import A4, LETTER

from functions.render_statement import pdf_style as style
from functions.render_statement import pdf_words as words
from functions.render_statement.model import StatementModel
from functions.render_statement.pdf_audit import place_provenance, place_reconciliation, place_signature
from functions.render_statement.pdf_cost_center import place_section
from functions.render_statement.pdf_file import close_document, open_document
from functions.render_statement.pdf_flow import Flow
from functions.render_statement.pdf_numbers import month
from functions.render_statement.pdf_pen import Pen
from functions.render_statement.pdf_summary import in_statement_order, place_summary
from functions.render_statement.pdf_text import BOLD, REGULAR, fit, text_width

_SIZES = {"A4": A4, "Letter": LETTER}
_HEADER_ABOVE = 22.0
_FOOTER_BELOW = 24.0


def write_pdf(statement: StatementModel, *, csv: bytes) -> bytes:
    """Writes the statement's pages; ``csv`` is the file that goes with them, whose hash they state."""
    target = io.BytesIO()
    width, height = _SIZES[statement.paper]
    flow = Flow(width - 2 * style.MARGIN, height - style.TOP - style.BOTTOM)
    _place(flow, statement, csv)
    canvas = open_document(target, statement, (width, height))
    pen = Pen(canvas)
    around = _Around(statement, width, height, pages=len(flow.pages))
    for number, page in enumerate(flow.pages, 1):
        pen.begin_page()
        around.draw(pen, number)
        for draw, top in page:
            draw(pen, top)
        pen.end_page()
    pen.end()
    close_document(canvas)
    return target.getvalue()


def _place(flow: Flow, statement: StatementModel, csv: bytes) -> None:
    place_summary(flow, statement)
    flow.new_page()
    flow.mark(lambda pen, top: pen.bookmark("Cost centers", top, 0))
    for center in in_statement_order(statement):
        place_section(flow, center, statement)
    place_reconciliation(flow, statement)
    place_provenance(flow, statement, csv)
    place_signature(flow, statement)


class _Around:
    """Header, footer and watermark. The first page has its own heading, so no running header."""

    def __init__(self, statement: StatementModel, width: float, height: float, pages: int) -> None:
        self._statement, self._pages = statement, pages
        self._page = (width, height)
        self._width = width - 2 * style.MARGIN
        self._top = height - style.TOP - style.BOTTOM

    def draw(self, pen: Pen, number: int) -> None:
        """Draws all of it, under what follows."""
        with pen.decoration():
            if self._statement.draft:
                self._draw_watermark(pen)
            self._draw_header(pen, number)
            self._draw_footer(pen, number)

    def _draw_header(self, pen: Pen, number: int) -> None:
        y = self._top + _HEADER_ABOVE
        if self._statement.draft:
            pen.text_right(self._width, y, words.DRAFT, BOLD, style.PROSE, style.ACCENT)
        elif number > 1:
            pen.text_right(self._width, y, "Cloud cost statement", REGULAR, style.FINE, style.GREY)
        if number > 1:
            organization = fit(self._statement.organization, REGULAR, style.FINE, self._width / 2)[0]
            pen.text(0, y, organization, REGULAR, style.FINE, style.GREY)
            self._hairline(pen, y - 6)

    def _draw_footer(self, pen: Pen, number: int) -> None:
        y = -_FOOTER_BELOW
        self._hairline(pen, y + 11)
        pen.text(0, y, f"Page {number} of {self._pages}", REGULAR, style.FINE, style.GREY)
        tail = f" · {month(self._statement.charge_period)} · {words.revision(self._statement)}"
        room = self._width - 80 - text_width(tail, REGULAR, style.FINE)
        name = fit(words.business_unit(self._statement), REGULAR, style.FINE, room)[0]
        pen.text_right(self._width, y, name + tail, REGULAR, style.FINE, style.GREY)

    def _hairline(self, pen: Pen, y: float) -> None:
        pen.line(0, y, self._width, y, style.HAIR, style.HAIRLINE)

    def _draw_watermark(self, pen: Pen) -> None:
        """From corner to corner and under the content, so that no figure gets harder to read."""
        width, height = self._page
        diagonal = hypot(width, height)
        size = 10 * diagonal * 0.78 / text_width(words.DRAFT, BOLD, 10)
        middle = (width / 2 - style.MARGIN, height / 2 - style.BOTTOM)
        pen.slanted_text(*middle, (width / diagonal, height / diagonal), words.DRAFT, BOLD, size, style.WATERMARK)
