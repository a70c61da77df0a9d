"""The logical structure of a document, for readers that do not look at pages: which content is a heading, which a cell.

Every leaf of the tree stands for one stretch of marked content on one page; content that only decorates belongs to no
element. reportlab has no such tree, so its objects are written here (ISO 32000-1, 14.7 and 14.8).
"""

# mypy: untyped-calls-exclude=reportlab

from __future__ import annotations

from typing import Any

from reportlab.pdfbase.pdfdoc import (
    PDFArray,
    PDFArrayCompact,
    PDFDictionary,
    PDFDocument,
    PDFName,
    PDFObject,
    PDFPage,
    PDFString,
)

_PAGE_ENTRIES = (*PDFPage.__NoDefault__, "StructParents", "Tabs")


class _Element(PDFObject):
    """A node of the tree, written compactly: a long statement has tens of thousands."""

    __RefOnly__ = 1

    def __init__(self, document: PDFDocument, tag: str, parent: bytes, entries: bytes = b"") -> None:
        self._head = b"<</S/%s/P %s%s" % (tag.encode("ascii"), parent, entries)
        self.reference: bytes = document.Reference(self).format(document)
        self.kids: list[bytes] = []
        self.place: tuple[bytes, int] | None = None

    def format(self, _document: PDFDocument) -> bytes:
        if self.place is None:
            return b"%s/K[%s]>>" % (self._head, b" ".join(self.kids))
        return b"%s/Pg %s/K %d>>" % (self._head, *self.place)


class Structure:
    """The tree while its document is written, page by page and in reading order."""

    def __init__(self, document: PDFDocument) -> None:
        self._document = document
        self._root = PDFDictionary({"Type": PDFName("StructTreeRoot")})
        root_reference = document.Reference(self._root).format(document)
        self._open = [_Element(document, "Document", root_reference)]
        self._root["K"] = PDFArray([self._open[0].reference])
        self._on_page: list[_Element] = []
        self._pages: list[list[bytes]] = []

    def open(self, tag: str) -> None:
        """Begins an element; what follows is in it until it is closed, on later pages too."""
        self._open.append(self._child(tag, b""))

    def close(self) -> None:
        """Ends the element that was opened last."""
        self._open.pop()

    def mark(self, tag: str, entries: bytes = b"") -> int:
        """Adds a leaf and returns the id of its marked content, which the page's content has to begin next."""
        self._on_page.append(self._child(tag, entries))
        return len(self._on_page) - 1

    def _child(self, tag: str, entries: bytes) -> _Element:
        parent = self._open[-1]
        child = _Element(self._document, tag, parent.reference, entries)
        parent.kids.append(child.reference)
        return child

    def end_page(self, page: Any) -> None:
        """Notes which elements the page's marked contents belong to."""
        page.__NoDefault__ = _PAGE_ENTRIES
        page.StructParents, page.Tabs = len(self._pages), PDFName("S")
        reference = self._document.Reference(page).format(self._document)
        for content_id, leaf in enumerate(self._on_page):
            leaf.place = (reference, content_id)
        self._pages.append([leaf.reference for leaf in self._on_page])
        self._on_page = []

    def write(self) -> None:
        """Hangs the tree into the document's catalog."""
        numbered = [entry for n, leaves in enumerate(self._pages) for entry in (n, PDFArrayCompact(leaves))]
        self._root["ParentTree"] = PDFDictionary({"Nums": PDFArray(numbered)})
        self._root["ParentTreeNextKey"] = len(self._pages)
        catalog: Any = self._document.Catalog
        catalog.StructTreeRoot = self._root
        catalog.MarkInfo = PDFDictionary({"Marked": "true"})


def text_entry(name: str, text: str, document: PDFDocument) -> bytes:
    """An entry of an element that says in words what is drawn: Alt for a figure, ActualText for a shortened name."""
    return b"/%s %s" % (name.encode("ascii"), PDFString(text).format(document))


HEADER_CELL = b"/A<</O/Table/Scope/Column>>"
"""The entry of a header cell that heads its column."""


def figure_entry(left: float, bottom: float, right: float, top: float) -> bytes:
    """The entry of a figure that says where on its page it is, in points from the page's lower left corner."""
    return b"/A<</O/Layout/Placement/Block/BBox[%.2f %.2f %.2f %.2f]>>" % (left, bottom, right, top)
