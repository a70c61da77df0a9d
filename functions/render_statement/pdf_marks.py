"""Things we draw ourselves: the base of all of them, and the marks that take no room on the page."""

# mypy: untyped-calls-exclude=reportlab

from __future__ import annotations

from reportlab.platypus.flowables import Flowable

from functions.render_statement import pdf_style as style
from functions.render_statement.pdf_text import REGULAR, printable

PAGE_COUNT = "page-count"


class Drawn(Flowable):
    """A flowable of fixed size that draws itself."""

    def __init__(self, width: float, height: float) -> None:
        Flowable.__init__(self)
        self.size = (width, height)

    def wrap(self, _available_width: float, _available_height: float) -> tuple[float, float]:
        return self.size


class Bookmark(Drawn):
    """An entry of the outline that readers show beside the pages."""

    def __init__(self, key: str, title: str, level: int = 0) -> None:
        super().__init__(0, 0)
        self._key, self._title, self._level = key, printable(title), level

    def draw(self) -> None:
        self.canv.bookmarkHorizontal(self._key, 0, 24)
        self.canv.addOutlineEntry(self._title, self._key, self._level, closed=False)


class PageCount(Drawn):
    """Ends the story: here the number of pages is known, and every footer shows it."""

    def __init__(self) -> None:
        super().__init__(0, 0)

    def draw(self) -> None:
        pages = self.canv.getPageNumber()
        self.canv.beginForm(PAGE_COUNT)
        self.canv.setFont(REGULAR, style.FINE)
        self.canv.setFillColor(style.GREY)
        self.canv.drawString(0, 0, str(pages))
        self.canv.endForm()
