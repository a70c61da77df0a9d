"""An account's untagged ratio from day to day, as a small graph and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from local.hygiene_report.figures import percent
from local.hygiene_report.markup import Markup, element

DAYS_SHOWN = 60
WIDTH, HEIGHT, MARGIN = 120, 28, 3


def trend(history: Sequence[Mapping[str, str]], threshold: str) -> Markup:
    """The newest days of a history (``period_day`` and ``untagged_ratio``, the oldest first), with the threshold.

    Whoever does not see the graph hears its first, last and highest day.
    """
    shown = history[-DAYS_SHOWN:]
    if not shown:
        return Markup("")
    ratios = [max(Decimal(0), Decimal(day["untagged_ratio"])) for day in shown]
    top = max(*ratios, Decimal(threshold), Decimal("0.0001"))
    points = [(_across(index, len(ratios)), _height(ratio, top)) for index, ratio in enumerate(ratios)]
    limit, words = _height(Decimal(threshold), top), _in_words(shown)
    last_x, last_y = points[-1]
    return element(
        "svg",
        element("title", words),
        element("line", x1="0", x2=str(WIDTH), y1=limit, y2=limit, class_="limit"),
        element("polyline", points=" ".join(f"{x},{y}" for x, y in points), class_="line"),
        element("circle", cx=last_x, cy=last_y, r="2.5", class_="last"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=str(WIDTH),
        height=str(HEIGHT),
        role="img",
        aria_label=words,
    )


def _across(index: int, count: int) -> str:
    if count == 1:
        return str(WIDTH - MARGIN)
    return f"{MARGIN + Decimal(index * (WIDTH - 2 * MARGIN)) / (count - 1):.1f}"


def _height(ratio: Decimal, top: Decimal) -> str:
    return f"{HEIGHT - MARGIN - ratio * (HEIGHT - 2 * MARGIN) / top:.1f}"


def _in_words(shown: Sequence[Mapping[str, str]]) -> str:
    first, last = shown[0], shown[-1]
    highest = max(shown, key=lambda day: Decimal(day["untagged_ratio"]))
    if len(shown) == 1:
        return f"Untagged {_on(first)}, the only day"
    return f"Untagged {_on(first)}, {_on(last)}; highest {_on(highest)}; {len(shown)} days"


def _on(record: Mapping[str, str]) -> str:
    month, _, day = record["period_day"].partition("#")
    of_month = "" if day.startswith(month) else f", of {month}"
    return f"{percent(record['untagged_ratio'])} on {day}{of_month}"
