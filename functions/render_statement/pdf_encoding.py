"""Text as a page writes it: in codes of the parts of typefaces that one document embeds."""

# mypy: untyped-calls-exclude=reportlab

from __future__ import annotations

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.pdfdoc import PDFDocument

_ESCAPES = {code: f"\\{code:03o}" for code in (*range(32), *range(127, 256))} | {
    ord(character): f"\\{character}" for character in "()\\"
}


class Encoding:
    """The codes of one document. reportlab hands them out, in the order in which characters are first used; they are
    kept here, so that it is asked once for each."""

    def __init__(self, document: PDFDocument) -> None:
        self._document = document
        self._known: dict[str, dict[str, str]] = {}

    def encode(self, text: str, font: str) -> list[tuple[str, str]]:
        """The text in pieces, each the page's name of a part of the typeface and an escaped string."""
        known = self._known.setdefault(font, {})
        try:
            return [(f"/{known['']}", "".join(map(known.__getitem__, text)))]
        except KeyError:
            return self._learn(text, font, known)

    def _learn(self, text: str, font: str, known: dict[str, str]) -> list[tuple[str, str]]:
        typeface = pdfmetrics.getFont(font)
        pieces = []
        for subset, codes in typeface.splitString(text, self._document):
            name = typeface.getSubsetInternalName(subset, self._document)
            pieces.append((name, "".join(_ESCAPES.get(code, chr(code)) for code in codes)))
        for character in sorted(set(text) - known.keys()):
            [(subset, codes)] = typeface.splitString(character, self._document)
            if subset == 0:
                known[character] = _ESCAPES.get(codes[0], chr(codes[0]))
                known[""] = typeface.getSubsetInternalName(0, self._document).removeprefix("/")
        return pieces
