"""Reads from a PDF what it says to people: whether the total on its first page is the CSV's, and which CSV it means."""

from __future__ import annotations

import io
from decimal import Decimal

from pypdf import PdfReader

from functions.render_statement.pdf_numbers import amount


class PdfText:
    """The text of a PDF without its white space: how lines are broken does not matter."""

    def __init__(self, content: bytes) -> None:
        """Raises what pypdf raises when it cannot read the file."""
        self._pages = PdfReader(io.BytesIO(content)).pages

    def says_total(self, currency: str, total: Decimal) -> bool:
        """Whether the first page has an amount in its currency."""
        return f"{currency}{amount(total)}" in self._text(0)

    def says(self, text: str) -> bool:
        """Whether a page has a text; the last pages, which tell where everything comes from, are read first."""
        return any(text in self._text(number) for number in reversed(range(len(self._pages))))

    def _text(self, number: int) -> str:
        return "".join(self._pages[number].extract_text().split())
