"""The look of a statement: one accent colour, greys, one type scale, hairlines. Reads as well in black and white.

A colour is the three numbers that a PDF writes for it. The accent is the darkest, its tint the lightest of what is
filled, so the two differ in print without colour and for people who see colours differently.
"""

from __future__ import annotations


def _rgb(code: str) -> str:
    return " ".join(f"{int(code[i : i + 2], 16) / 255:.3f}" for i in (0, 2, 4))


ACCENT = _rgb("17496B")
TINT = _rgb("A8C2D4")
INK = _rgb("1F272E")
GREY = _rgb("5C6770")
RULE_GREY = _rgb("98A2AB")
HAIRLINE = _rgb("CFD6DC")
WATERMARK = _rgb("E9ECEF")

FINE, BODY, PROSE, SUBHEAD, HEAD, TITLE, FIGURE = 7.0, 8.0, 8.5, 10.0, 14.0, 21.0, 29.0
LEADING = 1.36
CAPITAL = 0.714
"""The height of a capital letter, in parts of the size."""

MARGIN = 52.0
TOP, BOTTOM = 62.0, 60.0

HAIR, RULE = 0.35, 0.7


def leading(size: float) -> float:
    """The height of one line."""
    return size * LEADING


def baseline(top: float, size: float) -> float:
    """Where the letters of a line stand whose box begins at ``top``: capitals are in its middle."""
    return top - (leading(size) + CAPITAL * size) / 2
