"""The two charts of a statement's first page: cost month by month, and the largest services."""

# mypy: untyped-calls-exclude=reportlab

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from reportlab.lib.colors import Color

from functions.render_statement import pdf_style as style
from functions.render_statement.model import MonthTotal
from functions.render_statement.pdf_marks import Drawn
from functions.render_statement.pdf_numbers import amount, per_mille
from functions.render_statement.pdf_text import BOLD, REGULAR, fit, text_width
from functions.shared.money import ZERO
from functions.shared.periods import BillingPeriod

_LABEL = 9
_BAR_PART = 0.62
_KEY = 5


class TrendChart(Drawn):
    """A bar a month, direct cost below shared cost; months with a negative part show their total alone."""

    def __init__(self, months: Sequence[MonthTotal], width: float, height: float) -> None:
        super().__init__(width, height)
        self._months = list(months)

    def draw(self) -> None:
        width, height = self.size
        highest = max(ZERO, *(month.total for month in self._months))
        lowest = min(ZERO, *(month.total for month in self._months))
        span = highest - lowest
        below = 2 * _LABEL + 3
        room = height - below - _LABEL - 2
        zero = below + room * per_mille(-lowest, span) / 1000
        slot = width / max(6, len(self._months))
        for number, month in enumerate(self._months):
            left = number * slot
            for base, value, colour in _stack(month):
                bottom = zero + room * per_mille(base, span) / 1000
                self._bar(left, bottom, slot * _BAR_PART, room * per_mille(value, span) / 1000, colour)
            self._month_label(number, left, slot)
        self._rule(zero, slot * (len(self._months) - 1) + slot * _BAR_PART)
        self._last_amount(slot, zero + room * per_mille(max(ZERO, self._months[-1].total), span) / 1000)

    def _bar(self, x: float, y: float, width: float, height: float, colour: Color) -> None:
        self.canv.setFillColor(colour)
        self.canv.rect(x, y, width, height, stroke=0, fill=1)

    def _rule(self, y: float, length: float) -> None:
        self.canv.setStrokeColor(style.GREY)
        self.canv.setLineWidth(style.HAIR)
        self.canv.line(0, y, length, y)

    def _month_label(self, number: int, left: float, slot: float) -> None:
        period = BillingPeriod.parse(self._months[number].billing_period)
        centre = left + slot * _BAR_PART / 2
        last = number == len(self._months) - 1
        self.canv.setFillColor(style.INK if last else style.GREY)
        self.canv.setFont(BOLD if last else REGULAR, style.FINE)
        self.canv.drawCentredString(centre, _LABEL + 2, period.title[:3])
        if number == 0 or period.month == 1:
            self.canv.setFillColor(style.GREY)
            self.canv.setFont(REGULAR, style.FINE)
            self.canv.drawCentredString(centre, 2, str(period.year))

    def _last_amount(self, slot: float, top: float) -> None:
        text = amount(self._months[-1].total)
        right = slot * (len(self._months) - 1) + slot * _BAR_PART
        right = max(right, text_width(text, BOLD, style.FINE))
        self.canv.setFont(BOLD, style.FINE)
        self.canv.setFillColor(style.INK)
        self.canv.drawRightString(right, top + 3, text)


def _stack(month: MonthTotal) -> list[tuple[Decimal, Decimal, Color]]:
    if month.direct >= 0 and month.shared >= 0:
        return [(ZERO, month.direct, style.ACCENT), (month.direct, month.shared, style.TINT)]
    return [(ZERO, month.total, style.ACCENT)]


class RankChart(Drawn):
    """Horizontal bars, largest first, with name and amount."""

    def __init__(self, entries: Sequence[tuple[str, Decimal]], width: float, height: float) -> None:
        super().__init__(width, height)
        self._entries = list(entries)

    def draw(self) -> None:
        width, height = self.size
        largest = max((value for _, value in self._entries), default=ZERO)
        figures = max((text_width(amount(value), REGULAR, style.FINE) for _, value in self._entries), default=0)
        name_width = width * 0.36
        bar_width = width - name_width - figures - 12
        step = min(15, height / max(1, len(self._entries)))
        for number, (name, value) in enumerate(self._entries, 1):
            base = height - number * step + 4
            self.canv.setFont(REGULAR, style.FINE)
            self.canv.setFillColor(style.INK)
            self.canv.drawString(0, base, fit(name, REGULAR, style.FINE, name_width - 4)[0])
            self.canv.drawRightString(width, base, amount(value))
            self.canv.setFillColor(style.ACCENT)
            length = bar_width * max(0, per_mille(value, largest)) / 1000 if largest > 0 else 0
            self.canv.rect(name_width, base - 1.2, length, 7, stroke=0, fill=1)


class Key(Drawn):
    """What a colour stands for."""

    def __init__(self, text: str, colour: Color) -> None:
        super().__init__(_KEY + 4 + text_width(text, REGULAR, style.FINE), style.FINE * 1.3)
        self._text, self._colour = text, colour

    def draw(self) -> None:
        self.canv.setFillColor(self._colour)
        self.canv.rect(0, 1.5, _KEY, _KEY, stroke=0, fill=1)
        self.canv.setFont(REGULAR, style.FINE)
        self.canv.setFillColor(style.GREY)
        self.canv.drawString(_KEY + 4, 2, self._text)


class SplitBar(Drawn):
    """Direct and shared cost as the two parts of one bar."""

    def __init__(self, direct: Decimal, shared: Decimal, width: float) -> None:
        super().__init__(width, 6)
        self._direct_part = per_mille(direct, direct + shared)

    def draw(self) -> None:
        width, height = self.size
        direct_width = width * self._direct_part / 1000
        self.canv.setFillColor(style.TINT)
        self.canv.rect(0, 0, width, height, stroke=0, fill=1)
        self.canv.setFillColor(style.ACCENT)
        self.canv.rect(0, 0, direct_width, height, stroke=0, fill=1)
