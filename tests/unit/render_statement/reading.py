"""Reads a statement's PDF as programs read it: its pages as text, and its logical structure as a tree."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pypdf import PdfReader
from pypdf.generic import ContentStream

from functions.render_statement.logic import render_statement
from functions.render_statement.model import StatementModel

_MAPPING = re.compile(r"<([0-9A-Fa-f]{2})>\s*<([0-9A-Fa-f]{4})>")


def open_pdf(model: StatementModel) -> PdfReader:
    """The statement's PDF."""
    return PdfReader(io.BytesIO(render_statement(model).pdf))


def page_texts(model: StatementModel) -> list[str]:
    """Each page's text with its white space collapsed, since a long name or title may wrap anywhere."""
    return [" ".join(page.extract_text().split()) for page in open_pdf(model).pages]


@dataclass
class Node:
    """An element of the structure: its tag, what it says itself, and the elements in it."""

    tag: str
    text: str = ""
    alternate: str = ""
    actual: str = ""
    content: tuple[int, int] | None = None
    kids: list[Node] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        """This element and all below it, in reading order."""
        yield self
        for kid in self.kids:
            yield from kid.walk()

    def find(self, *tags: str) -> list[Node]:
        """All elements with one of the tags, in reading order."""
        return [node for node in self.walk() if node.tag in tags]


def read_structure(reader: PdfReader) -> Node:
    """The structure tree, each leaf with the text of its marked content."""
    texts = [marked_texts(page)[0] for page in reader.pages]
    numbers = {page.indirect_reference.idnum: number for number, page in enumerate(reader.pages)}  # type: ignore[union-attr]

    def node(element: Any) -> Node:
        found = Node(
            tag=element["/S"].removeprefix("/"),
            alternate=str(element.get("/Alt", "")),
            actual=str(element.get("/ActualText", "")),
        )
        kids = element["/K"]
        if isinstance(kids, int):
            page = numbers[element.raw_get("/Pg").idnum]
            found.content = (page, kids)
            found.text = texts[page][kids]
        else:
            found.kids = [node(kid.get_object()) for kid in kids]
        return found

    [document] = reader.root_object["/StructTreeRoot"]["/K"]  # type: ignore[index]
    return node(document.get_object())


def marked_texts(page: Any) -> tuple[dict[int, str], str, str]:
    """The text of each marked content of a page by its id, that of the decoration, and that of neither."""
    by_id: dict[int, str] = {}
    decoration = unmarked = ""
    fonts = {name: _codes(font.get_object()) for name, font in page["/Resources"]["/Font"].items()}
    codes: dict[int, str] = {}
    current: int | str | None = None
    for operands, operator in ContentStream(page.get_contents(), page.pdf).operations:
        if operator == b"BDC":
            current = int(operands[1]["/MCID"])
            by_id[current] = ""
        elif operator == b"BMC":
            current = "decoration"
        elif operator == b"EMC":
            current = None
        elif operator == b"Tf":
            codes = fonts[operands[0]]
        elif operator == b"Tj":
            text = "".join(codes[code] for code in operands[0].original_bytes)
            if isinstance(current, int):
                by_id[current] += text
            elif current:
                decoration += text
            else:
                unmarked += text
    return by_id, decoration, unmarked


def _codes(font: Any) -> dict[int, str]:
    cmap = font["/ToUnicode"].get_data().decode("ascii")
    return {int(code, 16): chr(int(character, 16)) for code, character in _MAPPING.findall(cmap)}
