"""Text that fits and prints: typefaces, characters they lack, wrapping, shortening.

The typeface is Bitstream Vera, which comes with reportlab and is embedded. It covers Western European Latin and some
more. What it lacks is printed without its accent, or else as Unicode numbers, ``[U+4E2D U+6587]``, never as empty
boxes.
"""

# mypy: untyped-calls-exclude=reportlab

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Literal

import reportlab
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR, BOLD, ITALIC, MONO = "Statement", "Statement-Bold", "Statement-Italic", "Courier"

# By full path: reportlab looks in the machine's font folders first, and other bytes there would change ours.
_FONTS = Path(reportlab.__file__).parent / "fonts"
for _name, _file in ((REGULAR, "Vera.ttf"), (BOLD, "VeraBd.ttf"), (ITALIC, "VeraIt.ttf")):
    pdfmetrics.registerFont(TTFont(_name, str(_FONTS / _file)))
_COVERED = frozenset(pdfmetrics.getFont(REGULAR).face.charToGlyph)

_BREAK_AFTER = " /:-_.,@"
_ELLIPSIS = "…"

Keep = Literal["start", "ends"]


def printable(text: str) -> str:
    """The text on one line, in characters that the typeface has."""
    glyphs = "".join(_glyphs(character) for character in unicodedata.normalize("NFC", " ".join(text.split())))
    return glyphs.replace("][U+", " U+")


def lacks_glyphs(text: str) -> bool:
    """Whether some character of the text has to be printed another way."""
    return any(ord(character) not in _COVERED for character in unicodedata.normalize("NFC", " ".join(text.split())))


@lru_cache(maxsize=4096)
def _glyphs(character: str) -> str:
    if ord(character) in _COVERED:
        return character
    if unicodedata.category(character) == "Cf":  # invisible: joiners, marks that turn the reading direction
        return ""
    plain = "".join(part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part))
    if plain and all(ord(part) in _COVERED for part in plain):
        return plain
    return f"[U+{ord(character):04X}]"


def text_width(text: str, font: str, size: float) -> float:
    """Width in points."""
    return float(pdfmetrics.stringWidth(text, font, size))


@lru_cache(maxsize=65536)
def fit(text: str, font: str, size: float, width: float, max_lines: int = 1, keep: Keep = "start") -> tuple[str, ...]:
    """Breaks the text into lines of at most that width; what does not fit gives way to an ellipsis, at the end or in
    the middle."""
    text = printable(text)
    lines = _wrap(text, font, size, width)
    if len(lines) <= max_lines:
        return tuple(lines)
    shortened = _shortened_start if keep == "start" else _shortened_ends
    fits = _most(len(text), lambda length: len(_wrap(shortened(text, length), font, size, width)) <= max_lines)
    return tuple(_wrap(shortened(text, fits), font, size, width))


def _shortened_start(text: str, length: int) -> str:
    return text[:length].rstrip() + _ELLIPSIS


def _shortened_ends(text: str, length: int) -> str:
    tail = length // 2
    return text[: length - tail] + _ELLIPSIS + (text[-tail:] if tail else "")


def _most(limit: int, holds: Callable[[int], bool]) -> int:
    """The largest number up to the limit for which a condition that stops holding once still holds."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def _wrap(text: str, font: str, size: float, width: float) -> list[str]:
    lines: list[str] = []
    line = ""
    for piece in _pieces(text):
        if text_width((line + piece).rstrip(), font, size) <= width:
            line += piece
            continue
        if line:
            lines.append(line.rstrip())
        line = piece
        while text_width(line.rstrip(), font, size) > width and len(line) > 1:
            cut = max(1, _most(len(line) - 1, lambda n: text_width(line[:n], font, size) <= width))  # noqa: B023
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line.rstrip()]


def _pieces(text: str) -> list[str]:
    """The text cut after every character where a line may end."""
    pieces, start = [], 0
    for end, character in enumerate(text, 1):
        if character in _BREAK_AFTER:
            pieces.append(text[start:end])
            start = end
    return [*pieces, text[start:]]
