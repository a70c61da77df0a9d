"""The look of a statement: one accent colour, greys, one type scale, hairlines. Reads as well in black and white."""

# mypy: untyped-calls-exclude=reportlab

from __future__ import annotations

from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus.flowables import Spacer
from reportlab.platypus.paragraph import Paragraph

from functions.render_statement.pdf_text import BOLD, ITALIC, REGULAR, printable

ACCENT = HexColor("#17496B")
TINT = HexColor("#A8C2D4")
INK = HexColor("#1F272E")
GREY = HexColor("#66717B")
HAIRLINE = HexColor("#CFD6DC")
WATERMARK = HexColor("#E6EAED")

FINE, BODY, PROSE, SUBHEAD, HEAD, TITLE, FIGURE = 6.5, 7.5, 8, 9.5, 13, 19, 27
LEADING = 1.32

MARGIN = 52
TOP, BOTTOM = 62, 60

HAIR, RULE = 0.35, 0.7


def _style(name: str, size: float, **more: object) -> ParagraphStyle:
    return ParagraphStyle(
        name, **{"fontName": REGULAR, "fontSize": size, "leading": size * 1.45, "textColor": INK, **more}
    )


PROSE_STYLE = _style("prose", PROSE)
NOTE_STYLE = _style("note", BODY, textColor=GREY, fontName=REGULAR)
NOTHING_STYLE = _style("nothing", BODY, textColor=GREY, fontName=ITALIC)
SUBHEAD_STYLE = _style("subhead", SUBHEAD, fontName=BOLD, spaceBefore=0, spaceAfter=3)


def prose(text: str, style: ParagraphStyle = PROSE_STYLE) -> Paragraph:
    """A paragraph of plain text; nothing in it is markup."""
    return Paragraph(escape(printable(text)), style)


def gap(points: float) -> Spacer:
    """Vertical white space."""
    return Spacer(0, points)
