"""Draws on the pages of a document, and says of everything drawn what it is: content of an element, or decoration.

Lengths are points; the origin is the lower left corner of the page's frame, which the margins surround.
"""

# mypy: untyped-calls-exclude=reportlab

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reportlab.pdfgen.canvas import Canvas

from functions.render_statement import pdf_style as style
from functions.render_statement.pdf_encoding import Encoding
from functions.render_statement.pdf_file import calibrated_resources
from functions.render_statement.pdf_structure import Structure, figure_entry, text_entry
from functions.render_statement.pdf_text import one_line, printable, text_width


class Pen:
    """Writes the pages' operators itself: a long statement has a hundred thousand, and reportlab's own ways to draw a
    text save and restore more than a table needs."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._document = canvas._doc
        self._structure = Structure(self._document)
        self._encoding = Encoding(self._document)
        self._operators: list[str] = []
        self._bookmarks = 0
        self._set_font = ("", 0.0)
        self._fill = ""
        self._follows_text = False

    def begin_page(self) -> None:
        """Puts the origin into the frame's corner."""
        self._set_font, self._fill = ("", 0.0), ""
        self._write(f"1 0 0 1 {style.MARGIN:.2f} {style.BOTTOM:.2f} cm")

    def end_page(self) -> None:
        """Ends the page."""
        self._canvas.addLiteral("\n".join(self._operators))
        self._operators.clear()
        self._canvas.showPage()
        page = self._document.Pages.pages[-1]
        page.Resources = calibrated_resources()
        self._structure.end_page(page)

    def end(self) -> None:
        """Ends the document; only writing it is left."""
        self._structure.write()

    def _write(self, operators: str) -> None:
        self._operators.append(operators)

    # What things are

    def open(self, tag: str) -> None:
        """Begins an element that other elements are in."""
        self._structure.open(tag)

    def close(self) -> None:
        """Ends the element that was opened last."""
        self._structure.close()

    @contextmanager
    def element(self, tag: str) -> Iterator[None]:
        """An element that other elements are in."""
        self._structure.open(tag)
        yield
        self._structure.close()

    @contextmanager
    def content(self, tag: str, text: str = "", entries: bytes = b"") -> Iterator[None]:
        """What is drawn inside is the content of one element.

        ``text`` is what it stands for, for when less of it is drawn: a name that is too long, or has characters that
        the typeface lacks.
        """
        if text:
            entries += text_entry("ActualText", one_line(text), self._document)
        self._write(f"/{tag} <</MCID {self._structure.mark(tag, entries)}>> BDC")
        self._follows_text = False
        yield
        self._write("EMC")

    @contextmanager
    def figure(self, alternate: str, box: tuple[float, float, float, float]) -> Iterator[None]:
        """A picture, with what there is to see in it in words; the box is left, bottom, right and top."""
        left, bottom, right, top = box
        entries = figure_entry(
            left + style.MARGIN, bottom + style.BOTTOM, right + style.MARGIN, top + style.BOTTOM
        ) + text_entry("Alt", alternate, self._document)
        with self.content("Figure", entries=entries):
            yield

    @contextmanager
    def decoration(self) -> Iterator[None]:
        """What is drawn inside says nothing that is not said elsewhere: rules, page numbers, repeated headers."""
        self._write("/Artifact BMC")
        self._follows_text = False
        yield
        self._write("EMC")

    def bookmark(self, title: str, top: float, level: int) -> None:
        """An entry of the outline that readers show beside the pages."""
        self._bookmarks += 1
        key = f"bookmark-{self._bookmarks}"
        self._canvas.bookmarkPage(key, fit="XYZ", left=0, top=top + style.BOTTOM, zoom=0)
        self._canvas.addOutlineEntry(printable(title), key, level, closed=False)

    # Drawing

    def text(
        self, x: float, y: float, text: str, font: str, size: float, colour: str = style.INK, *, joined: bool = False
    ) -> None:
        """A line of printable text from its left end, on a baseline.

        A space before it keeps it apart from the text before it in the same element, unless it is ``joined`` to that.
        """
        if not text:
            return
        if self._follows_text and not joined:
            text, x = f" {text}", x - text_width(" ", font, size)
        self._follows_text = True
        self._set_fill(colour)
        shown = []
        for name, codes in self._encoding.encode(text, font):
            if self._set_font != (name, size):
                self._set_font = (name, size)
                shown.append(f"{name} {size:g} Tf")
            shown.append(f"({codes}) Tj")
        self._write(f"BT {x:.2f} {y:.2f} Td {' '.join(shown)} ET")

    def text_right(
        self,
        x: float,
        y: float,
        text: str,
        font: str,
        size: float,
        colour: str = style.INK,
        *,
        joined: bool = False,
    ) -> None:
        """The same, with its right end at ``x``."""
        self.text(x - text_width(text.rstrip(), font, size), y, text, font, size, colour, joined=joined)

    def text_centred(self, x: float, y: float, text: str, font: str, size: float, colour: str = style.INK) -> None:
        """The same, with its middle at ``x``."""
        self.text(x - text_width(text, font, size) / 2, y, text, font, size, colour)

    def rectangle(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A filled rectangle."""
        self._set_fill(colour)
        self._write(f"{x:.2f} {y:.2f} {width:.2f} {height:.2f} re f")

    def line(self, x: float, y: float, to_x: float, to_y: float, thickness: float, colour: str) -> None:
        """A straight line."""
        self._write(f"{colour} RG {thickness:g} w {x:.2f} {y:.2f} m {to_x:.2f} {to_y:.2f} l S")

    def slanted_text(
        self, x: float, y: float, angle: tuple[float, float], text: str, font: str, size: float, colour: str
    ) -> None:
        """A text around its middle, in the direction that a cosine and a sine give."""
        cosine, sine = angle
        self._write(f"q {cosine:.5f} {sine:.5f} {-sine:.5f} {cosine:.5f} {x:.2f} {y:.2f} cm")
        self.text_centred(0, -size / 3, text, font, size, colour)
        self._write("Q")
        self._set_font, self._fill = ("", 0.0), ""

    def _set_fill(self, colour: str) -> None:
        if self._fill != colour:
            self._fill = colour
            self._write(f"{colour} rg")
