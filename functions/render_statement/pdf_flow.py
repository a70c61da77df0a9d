"""Puts content onto pages, top to bottom, and remembers it: it is drawn when it is known how many pages there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from functions.render_statement import pdf_style as style
from functions.render_statement.pdf_pen import Pen
from functions.render_statement.pdf_text import BOLD, REGULAR, fit, printable, text_width

_ROUNDING = 0.01

Draw = Callable[[Pen, float], None]
"""Draws something whose upper edge is at a height above the frame's lower edge."""


class Flow:
    """Pages of one size that fill up. Everything put must fit on one page; what is longer is put in parts."""

    def __init__(self, width: float, height: float) -> None:
        self.width = width
        self._height = height
        self._room = 0.0
        self.pages: list[list[tuple[Draw, float]]] = []
        self.new_page()

    def has_room(self, height: float) -> bool:
        """Whether that much is left of the page."""
        return height <= self._room + _ROUNDING

    @property
    def at_top(self) -> bool:
        """Whether nothing that takes room is on the page yet."""
        return self._room == self._height

    def put(self, height: float, draw: Draw) -> None:
        """Puts something of that height here, or on the next page when it does not fit."""
        self.need(height)
        self.pages[-1].append((draw, self._room))
        self._room -= height

    def mark(self, draw: Draw) -> None:
        """Puts something here that takes no room: the beginning or end of an element, a bookmark."""
        self.pages[-1].append((draw, self._room))

    def gap(self, height: float) -> None:
        """White space, of which there is none at the top of a page."""
        if not self.at_top:
            self._room = max(0.0, self._room - height)

    def need(self, height: float) -> None:
        """Begins a page unless that much is left of this one."""
        if not (self.has_room(height) or self.at_top):
            self.new_page()

    def new_page(self) -> None:
        """Begins a page."""
        self.pages.append([])
        self._room = self._height

    def open(self, tag: str) -> None:
        """What is put from here on is in an element."""
        self.mark(lambda pen, _: pen.open(tag))

    def close(self) -> None:
        """The element that was opened last is complete."""
        self.mark(lambda pen, _: pen.close())


def draw_lines(pen: Pen, x: float, top: float, lines: Sequence[str], font: str, size: float, colour: str) -> float:
    """Draws lines of one text, one under the other; returns where they end."""
    for number, line in enumerate(lines):
        pen.text(x, style.baseline(top, size), line, font, size, colour, joined=number > 0)
        top -= style.leading(size)
    return top


def unabridged(text: str, lines: Sequence[str]) -> str:
    """The text when its printed lines say less than it, else nothing."""
    return "" if "".join(lines) == " ".join(text.split()) else text


def paragraph(flow: Flow, text: str, *, size: float = style.PROSE, colour: str = style.INK) -> None:
    """Running text."""
    lines = fit(text, REGULAR, size, flow.width, max_lines=99)

    def draw(pen: Pen, top: float) -> None:
        with pen.content("P", unabridged(text, lines)):
            draw_lines(pen, 0, top, lines, REGULAR, size, colour)

    flow.put(len(lines) * style.leading(size), draw)


def note(flow: Flow, text: str) -> None:
    """Running text in the small print."""
    paragraph(flow, text, size=style.BODY, colour=style.GREY)


def heading(flow: Flow, text: str, figure: str = "") -> None:
    """A section's heading, with its amount on the right, over an accent rule."""
    figure_width = text_width(figure, BOLD, style.HEAD) + 12 if figure else 0
    lines = fit(text, BOLD, style.HEAD, flow.width - figure_width, 2)
    height = len(lines) * style.leading(style.HEAD) + 5

    def draw(pen: Pen, top: float) -> None:
        last_line = top - (len(lines) - 1) * style.leading(style.HEAD)
        with pen.content("H2", unabridged(text, lines) and f"{text} {figure}".strip()):
            draw_lines(pen, 0, top, lines, BOLD, style.HEAD, style.ACCENT)
            pen.text_right(flow.width, style.baseline(last_line, style.HEAD), figure, BOLD, style.HEAD, style.ACCENT)
        with pen.decoration():
            pen.line(0, top - height, flow.width, top - height, style.RULE, style.ACCENT)

    flow.put(height, draw)


SUBHEADING_HEIGHT = style.leading(style.SUBHEAD) + 3


def draw_subheading(pen: Pen, x: float, top: float, text: str, tag: str) -> None:
    """The heading of a table or a chart; ``tag`` is H2 where no section's heading is above it, else H3."""
    with pen.content(tag):
        pen.text(x, style.baseline(top, style.SUBHEAD), printable(text), BOLD, style.SUBHEAD)
