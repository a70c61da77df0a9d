"""The PDF as a document: pages, running header and footer, watermark, metadata, and nothing that varies.

reportlab's invariant mode pins the clock; the dates in the metadata are the charge period's last day, and the document
id is a hash of the statement.
"""

# mypy: untyped-calls-exclude=reportlab

from __future__ import annotations

import io
from hashlib import md5
from math import atan2, degrees, hypot
from typing import Literal

from reportlab.lib.pagesizes import A4, LETTER
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus.doctemplate import BaseDocTemplate, NextPageTemplate, PageTemplate
from reportlab.platypus.flowables import Flowable, PageBreak
from reportlab.platypus.frames import Frame

from functions.render_statement import pdf_style as style
from functions.render_statement import pdf_words as words
from functions.render_statement.model import StatementModel
from functions.render_statement.pdf_audit import provenance, reconciliation
from functions.render_statement.pdf_cost_center import section
from functions.render_statement.pdf_marks import PAGE_COUNT, Bookmark, PageCount
from functions.render_statement.pdf_numbers import month
from functions.render_statement.pdf_summary import in_statement_order, summary
from functions.render_statement.pdf_text import BOLD, REGULAR, fit, printable, text_width
from functions.shared.periods import BillingPeriod

PageSize = Literal["A4", "LETTER"]

_SIZES = {"A4": A4, "LETTER": LETTER}


def write_pdf(statement: StatementModel, *, csv: bytes, page_size: PageSize) -> bytes:
    """Writes the statement's pages; ``csv`` is the file that goes with them, whose hash they state."""
    target = io.BytesIO()
    width, height = _SIZES[page_size]
    document = BaseDocTemplate(
        target,
        pagesize=(width, height),
        title=words.document_title(statement),
        author=statement.organization,
        subject=f"AWS cost of {words.business_unit(statement)} in {month(statement.charge_period)}",
        creator="chargeback",
        keywords=[statement.business_unit.id, statement.charge_period, words.revision(statement)],
        lang="en",
        initialFontName=REGULAR,
        displayDocTitle=1,
        invariant=1,
        pageCompression=1,
    )
    pages = _Pages(statement, width, height)
    document.addPageTemplates(
        [
            PageTemplate("first", [_frame(width, height)], onPage=pages.first),
            PageTemplate("later", [_frame(width, height)], onPage=pages.later),
        ]
    )
    document.build(_story(statement, csv, width - 2 * style.MARGIN))
    return target.getvalue()


def _frame(width: float, height: float) -> Frame:
    return Frame(
        style.MARGIN,
        style.BOTTOM,
        width - 2 * style.MARGIN,
        height - style.TOP - style.BOTTOM,
        leftPadding=0,
        rightPadding=0,
        topPadding=0,
        bottomPadding=0,
    )


def _story(statement: StatementModel, csv: bytes, width: float) -> list[Flowable]:
    story: list[Flowable] = [
        NextPageTemplate("later"),
        Bookmark("summary", "Summary"),
        *summary(statement, width),
        PageBreak(),
        Bookmark("cost-centers", "Cost centers"),
    ]
    for center in in_statement_order(statement):
        story += section(center, statement, width)
    return [*story, *reconciliation(statement, width), *provenance(statement, csv, width), PageCount()]


class _Pages:
    """Draws what every page carries around its content."""

    def __init__(self, statement: StatementModel, width: float, height: float) -> None:
        self._statement = statement
        self._width, self._height = width, height

    def first(self, canvas: Canvas, _document: BaseDocTemplate) -> None:
        """The first page has its own heading, so no running header."""
        self._pin(canvas)
        self._around(canvas)

    def later(self, canvas: Canvas, _document: BaseDocTemplate) -> None:
        canvas.saveState()
        y = self._height - style.TOP + 22
        canvas.setFont(REGULAR, style.FINE)
        canvas.setFillColor(style.GREY)
        room = self._width / 2 - style.MARGIN
        canvas.drawString(style.MARGIN, y, fit(self._statement.organization, REGULAR, style.FINE, room)[0])
        if not self._statement.draft:
            canvas.drawRightString(self._width - style.MARGIN, y, "Cloud cost statement")
        self._hairline(canvas, y - 6)
        canvas.restoreState()
        self._around(canvas)

    def _pin(self, canvas: Canvas) -> None:
        day = BillingPeriod.parse(self._statement.charge_period).last_day
        stamp = f"D:{day:%Y%m%d}000000+00'00'"
        canvas.setDateFormatter(lambda *_: stamp)
        # reportlab's id is a hash of the title and of SOURCE_DATE_EPOCH; make it one of the whole statement instead.
        canvas._doc.signature = md5(self._statement.model_dump_json().encode(), usedforsecurity=False)

    def _around(self, canvas: Canvas) -> None:
        canvas.saveState()
        if self._statement.draft:
            self._watermark(canvas)
            canvas.setFont(BOLD, style.PROSE)
            canvas.setFillColor(style.ACCENT)
            canvas.drawRightString(self._width - style.MARGIN, self._height - style.TOP + 22, words.DRAFT)
        y = style.BOTTOM - 24
        self._hairline(canvas, y + 11)
        canvas.setFont(REGULAR, style.FINE)
        canvas.setFillColor(style.GREY)
        page = f"Page {canvas.getPageNumber()} of "
        canvas.drawString(style.MARGIN, y, page)
        canvas.translate(style.MARGIN + text_width(page, REGULAR, style.FINE), y)
        canvas.doForm(PAGE_COUNT)
        canvas.restoreState()
        self._signature_line(canvas, y)

    def _signature_line(self, canvas: Canvas, y: float) -> None:
        tail = f" · {month(self._statement.charge_period)} · {words.revision(self._statement)}"
        room = self._width - 2 * style.MARGIN - 80 - text_width(tail, REGULAR, style.FINE)
        name = fit(words.business_unit(self._statement), REGULAR, style.FINE, room)[0]
        canvas.saveState()
        canvas.setFont(REGULAR, style.FINE)
        canvas.setFillColor(style.GREY)
        canvas.drawRightString(self._width - style.MARGIN, y, printable(name) + tail)
        canvas.restoreState()

    def _hairline(self, canvas: Canvas, y: float) -> None:
        canvas.setStrokeColor(style.HAIRLINE)
        canvas.setLineWidth(style.HAIR)
        canvas.line(style.MARGIN, y, self._width - style.MARGIN, y)

    def _watermark(self, canvas: Canvas) -> None:
        """Under the content, so that no figure gets harder to read."""
        size = 10 * hypot(self._width, self._height) * 0.78 / text_width(words.DRAFT, BOLD, 10)
        canvas.saveState()
        canvas.translate(self._width / 2, self._height / 2)
        canvas.rotate(degrees(atan2(self._height, self._width)))
        canvas.setFont(BOLD, size)
        canvas.setFillColor(style.WATERMARK)
        canvas.drawCentredString(0, -size / 3, words.DRAFT)
        canvas.restoreState()
