"""The charts of a statement's first page. Every bar begins at zero and bears its amount.

Direct cost is dark and shared cost light, in every chart, and differs in grey. What is below zero is drawn on the other
side of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from functions.render_statement import pdf_style as style
from functions.render_statement.model import MonthTotal
from functions.render_statement.pdf_flow import SUBHEADING_HEIGHT, Flow, draw_subheading
from functions.render_statement.pdf_numbers import amount, month, per_mille, percent, rounded
from functions.render_statement.pdf_pen import Pen
from functions.render_statement.pdf_text import BOLD, REGULAR, fit, printable, text_width
from functions.shared.money import ZERO, total
from functions.shared.periods import BillingPeriod

_TREND_HEIGHT = 106.0
_BAR_PART = 0.6
_WIDEST_BAR = 40.0
_FEWEST_SLOTS = 6
_LABEL_GAP = 3.0
_KEY = 5.5
_KEY_GAP = 14.0
_MULTIPLES = ("", "thousand ", "million ", "billion ")

_RANKED = 5
_RANK_STEP = 18.5
_RANK_BAR = 4.5


class Chart(Protocol):
    """A picture of numbers, with its title and with the same in words."""

    @property
    def title(self) -> str:
        """What it is about."""

    @property
    def height(self) -> float:
        """In points, without the title."""

    @property
    def alternate(self) -> str:
        """What there is to see, in words."""

    def draw(self, pen: Pen, x: float, top: float, width: float) -> None:
        """Draws everything but the title."""


def place_charts(flow: Flow, charts: Sequence[Chart], gutter: float = 26) -> None:
    """Puts charts beside each other, under their titles."""
    width = (flow.width - gutter * (len(charts) - 1)) / len(charts)

    def draw(pen: Pen, top: float) -> None:
        for number, chart in enumerate(charts):
            x = number * (width + gutter)
            upper = top - SUBHEADING_HEIGHT
            draw_subheading(pen, x, top, chart.title, "H2")
            with pen.figure(chart.alternate, (x, upper - chart.height, x + width, upper)):
                chart.draw(pen, x, upper, width)

    flow.put(SUBHEADING_HEIGHT + max(chart.height for chart in charts), draw)


@dataclass(frozen=True)
class TrendChart:
    """A bar a month, oldest first; shared cost is stacked upon direct cost, below zero what is negative."""

    months: Sequence[MonthTotal]
    currency: str
    title: str = "Cost by month"
    height: float = _TREND_HEIGHT

    @property
    def alternate(self) -> str:
        """Month by month: the total and its two parts."""
        months = (
            f"{month(m.billing_period)}: {amount(m.total)}, of which direct {amount(m.direct)} and shared "
            f"{amount(m.shared)}."
            for m in self.months
        )
        return " ".join([f"Bar chart of the cost by month in {self.currency}.", *months])

    def draw(self, pen: Pen, x: float, top: float, width: float) -> None:
        """Scales the bars so that the highest and its label take all the height."""
        slot = width / max(_FEWEST_SLOTS, len(self.months))
        multiple, labels = self._labels(slot)
        self._draw_key(pen, x + width, top + SUBHEADING_HEIGHT, f"{_MULTIPLES[multiple]}{self.currency}")
        line = style.leading(style.FINE)
        highest = max(ZERO, *(_above(m) for m in self.months))
        lowest = min(ZERO, *(_below(m) for m in self.months))
        bottom = top - self.height + 2 * line + (line if lowest < 0 else 0)
        room = top - bottom - line - _LABEL_GAP
        zero = bottom + room * per_mille(-lowest, highest - lowest) / 1000
        scale = [room * per_mille(v, highest - lowest) / 1000 for m in self.months for v in (m.direct, m.shared)]
        bar = min(slot * _BAR_PART, _WIDEST_BAR)
        for number, m in enumerate(self.months):
            centre = x + (number + 0.5) * slot
            edges = _draw_stack(pen, centre - bar / 2, zero, bar, scale[2 * number], scale[2 * number + 1])
            self._draw_label(pen, centre, edges, labels[number], number)
            self._draw_month(pen, centre, top - self.height, m, number)
        pen.line(x, zero, x + slot * len(self.months), zero, style.RULE, style.RULE_GREY)

    def _labels(self, slot: float) -> tuple[int, list[str]]:
        """The totals in the smallest unit in which all labels fit."""
        for multiple in range(len(_MULTIPLES)):
            labels = [rounded(m.total, multiple) for m in self.months]
            if max(text_width(label, BOLD, style.FINE) for label in labels) <= slot - _LABEL_GAP:
                break
        return multiple, labels

    def _draw_key(self, pen: Pen, right: float, top: float, unit: str) -> None:
        y = style.baseline(top, style.SUBHEAD)
        words = ("Direct", "Shared", printable(f"in {unit}"))
        x = right - sum(text_width(word, REGULAR, style.FINE) for word in words) - 2 * (_KEY + 3.5) - 2 * _KEY_GAP
        for word, colour in zip(words, (style.ACCENT, style.TINT, ""), strict=True):
            if colour:
                pen.rectangle(x, y - 0.2, _KEY, _KEY, colour)
                x += _KEY + 3.5
            pen.text(x, y, word, REGULAR, style.FINE, style.GREY)
            x += text_width(word, REGULAR, style.FINE) + _KEY_GAP

    def _is_last(self, number: int) -> bool:
        return number == len(self.months) - 1

    def _draw_label(self, pen: Pen, centre: float, edges: tuple[float, float], label: str, number: int) -> None:
        last = self._is_last(number)
        low, high = edges
        below = self.months[number].total < 0
        y = low - _LABEL_GAP - style.CAPITAL * style.FINE if below else high + _LABEL_GAP
        pen.text_centred(centre, y, label, BOLD if last else REGULAR, style.FINE, style.INK if last else style.GREY)

    def _draw_month(self, pen: Pen, centre: float, bottom: float, m: MonthTotal, number: int) -> None:
        period = BillingPeriod.parse(m.billing_period)
        last = self._is_last(number)
        upper = style.baseline(bottom + 2 * style.leading(style.FINE), style.FINE)
        colour = style.INK if last else style.GREY
        pen.text_centred(centre, upper, period.title[:3], BOLD if last else REGULAR, style.FINE, colour)
        if number == 0 or period.month == 1:
            lower = style.baseline(bottom + style.leading(style.FINE), style.FINE)
            pen.text_centred(centre, lower, str(period.year), REGULAR, style.FINE, style.GREY)


def _above(m: MonthTotal) -> Decimal:
    return total(part for part in (m.direct, m.shared) if part > 0)


def _below(m: MonthTotal) -> Decimal:
    return total(part for part in (m.direct, m.shared) if part < 0)


def _draw_stack(pen: Pen, x: float, zero: float, width: float, direct: float, shared: float) -> tuple[float, float]:
    """Draws what is positive upwards and what is negative downwards; returns the lower and the upper edge."""
    low = high = zero
    for height, colour in ((direct, style.ACCENT), (shared, style.TINT)):
        bottom = high if height >= 0 else low + height
        pen.rectangle(x, bottom, width, abs(height), colour)
        low, high = min(low, bottom), max(high, bottom + abs(height))
    return low, high


@dataclass(frozen=True)
class RankChart:
    """A bar below each name and amount, the largest first; what is not among them is one bar more."""

    title: str
    entries: Sequence[tuple[str, Decimal]]
    currency: str
    others: str
    colour: str = style.ACCENT

    @property
    def height(self) -> float:
        """One step an entry."""
        return _RANK_STEP * len(self._bars)

    @property
    def alternate(self) -> str:
        """Name by name, as drawn."""
        parts = (f"{name}: {amount(cost)}{self._part(cost)}." for name, cost in self._bars)
        return " ".join([f"Bar chart of the {self.title.lower()} in {self.currency}.", *parts])

    @property
    def _bars(self) -> list[tuple[str, Decimal]]:
        ordered = sorted(self.entries, key=lambda entry: (-abs(entry[1]), entry[0]))
        shown = [entry for entry in ordered[:_RANKED] if entry[1]] or ordered[:1]
        rest = [cost for _, cost in ordered[len(shown) :]]
        if len(rest) == 1 and rest[0]:
            return ordered
        return [*shown, (self.others.format(len(rest)), total(rest))] if any(rest) else shown

    def _part(self, cost: Decimal) -> str:
        whole = total(cost for _, cost in self.entries)
        return f" ({percent(cost, whole)})" if whole > 0 else ""

    def draw(self, pen: Pen, x: float, top: float, width: float) -> None:
        """Bars share one scale; it has room for negative ones on the left of zero when there are any."""
        bars = self._bars
        highest = max(ZERO, *(cost for _, cost in bars))
        lowest = min(ZERO, *(cost for _, cost in bars))
        zero = x + width * per_mille(-lowest, highest - lowest) / 1000
        for number, (name, cost) in enumerate(bars):
            upper = top - number * _RANK_STEP
            self._draw_entry(pen, x, upper, width, name, cost)
            length = width * per_mille(abs(cost), highest - lowest) / 1000
            bottom = upper - style.leading(style.FINE) - _RANK_BAR - 1
            pen.rectangle(zero - length if cost < 0 else zero, bottom, length, _RANK_BAR, self.colour)
            if lowest < 0:
                pen.line(zero, bottom - 1, zero, bottom + _RANK_BAR + 1, style.RULE, style.RULE_GREY)

    def _draw_entry(self, pen: Pen, x: float, top: float, width: float, name: str, cost: Decimal) -> None:
        y = style.baseline(top, style.FINE)
        part = self._part(cost).strip(" ()")
        figure = amount(cost)
        part_width = text_width("−100.0%", REGULAR, style.FINE) + 5 if part else 0.0
        room = width - part_width - text_width(figure, REGULAR, style.FINE) - 8
        pen.text(x, y, fit(name, REGULAR, style.FINE, room)[0], REGULAR, style.FINE)
        pen.text_right(x + width - part_width, y, figure, REGULAR, style.FINE)
        pen.text_right(x + width, y, part, REGULAR, style.FINE, style.GREY)
