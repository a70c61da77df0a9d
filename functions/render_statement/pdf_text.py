"""Text that fits and prints: typefaces, characters they lack, wrapping, shortening.

The typeface is Roboto, embedded: Latin, Greek and Cyrillic with everything that is written in them. What it lacks is
printed without its accent, or else as Unicode numbers, ``[U+4E2D U+6587]``, never as empty boxes. Scripts whose letters
change their shape or run from right to left are among what it lacks, as nothing here could set them right.
"""

# mypy: untyped-calls-exclude=reportlab

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Literal

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR, BOLD, MONO = "Statement", "Statement-Bold", "Statement-Mono"

# By full path: reportlab looks in the machine's font folders first, and other bytes there would change ours.
FONTS = Path(__file__).parent / "fonts"
for _name, _file in ((REGULAR, "Roboto-Regular"), (BOLD, "Roboto-Bold"), (MONO, "JetBrainsMono-Regular")):
    pdfmetrics.registerFont(TTFont(_name, str(FONTS / f"{_file}.ttf"), asciiReadable=1))
_COVERED = frozenset(pdfmetrics.getFont(REGULAR).face.charToGlyph)
_WIDTHS = {
    font: {chr(code): float(width) for code, width in pdfmetrics.getFont(font).face.charWidths.items()}
    for font in (REGULAR, BOLD, MONO)
}

_BREAK_AFTER = " /:-_.,@"
_ELLIPSIS = "…"
_NOT_TEXT = ("Cc", "Cs")
_NO_CHARACTERS = "\ufffe\uffff"

Keep = Literal["start", "ends"]


def printable(text: str) -> str:
    """The text on one line, in characters that the typeface has."""
    line = one_line(text)
    if line.isascii() and line.isprintable():
        return line
    return "".join(map(_glyphs, line)).replace("][U+", " U+")


def one_line(text: str) -> str:
    """The text as it would be printed if the typeface had every character: composed, its white space collapsed."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


def without_controls(text: str) -> str:
    """The text on one line without characters that mean nothing in XML."""
    return "".join(
        character
        for character in one_line(text)
        if unicodedata.category(character) not in _NOT_TEXT and character not in _NO_CHARACTERS
    )


def lacks_glyphs(text: str) -> bool:
    """Whether some character of the text has to be printed another way."""
    return printable(text) != one_line(text)


@lru_cache(maxsize=4096)
def _glyphs(character: str) -> str:
    kind = unicodedata.category(character)
    if kind == "Cf":  # invisible: joiners, marks that turn the reading direction
        return ""
    if kind in _NOT_TEXT or kind == "Co":  # private characters mean another thing to everybody
        return f"[U+{ord(character):04X}]"
    if ord(character) in _COVERED:
        return character
    plain = "".join(part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part))
    if plain and all(ord(part) in _COVERED for part in plain):
        return plain
    return f"[U+{ord(character):04X}]"


def text_width(text: str, font: str, size: float) -> float:
    """Width in points of printable text."""
    return sum(map(_WIDTHS[font].__getitem__, text)) * size / 1000


@lru_cache(maxsize=65536)
def fit(text: str, font: str, size: float, width: float, max_lines: int = 1, keep: Keep = "start") -> tuple[str, ...]:
    """Breaks the text into lines of at most that width; what does not fit gives way to an ellipsis, at the end or in
    the middle. A line that was broken at a space ends with it, and it is no wider than the others without it."""
    text = printable(text)
    if text_width(text, font, size) <= width:
        return (text,)
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
            lines.append(line)
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
