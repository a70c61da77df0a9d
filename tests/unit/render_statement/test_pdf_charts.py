"""Charts tell the truth: every bar begins at zero, is as long as its amount says, and bears it."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

import pytest

from functions.render_statement import pdf_style as style
from functions.render_statement.model import StatementModel
from functions.render_statement.pdf_charts import RankChart
from functions.render_statement.pdf_numbers import amount
from tests.unit.render_statement.builders import Sample, statement, statement_data
from tests.unit.render_statement.reading import open_pdf, read_structure

TREND, SERVICES, POOLS = range(3)
_NUMBER = r"(-?[\d.]+)"
_BAR = re.compile(rf"(?:({'|'.join((style.ACCENT, style.TINT))}) rg)|(?:{_NUMBER} {_NUMBER} {_NUMBER} {_NUMBER} re f)")
_KEY_HEIGHT = 5.5


class Bar(NamedTuple):
    """A filled rectangle of a chart."""

    x: float
    y: float
    width: float
    height: float
    colour: str


def bars(model: StatementModel, chart: int) -> list[Bar]:
    """The bars of a chart of the first page, in the order in which they are drawn."""
    page = open_pdf(model).pages[0]
    content = page.get_contents().get_data().decode("latin-1")  # type: ignore[union-attr]
    figure = content.split("/Figure <<")[chart + 1].split("EMC")[0]
    found, colour = [], ""
    for match in _BAR.finditer(figure):
        if match[1]:
            colour = match[1]
        else:
            found.append(Bar(*map(float, match.groups()[1:]), colour=colour))
    return [bar for bar in found if bar.height != _KEY_HEIGHT]


def test_the_months_are_as_high_as_they_cost_with_shared_cost_upon_direct_cost() -> None:
    model = statement()
    drawn = bars(model, TREND)
    months = list(zip(drawn[::2], drawn[1::2], strict=True))
    assert len(months) == len(model.trend) == 12
    scale = drawn[-2].height / float(model.trend[-1].direct)
    for (direct, shared), month in zip(months, model.trend, strict=True):
        assert direct.y == drawn[0].y, "all begin at zero"
        assert (direct.colour, shared.colour) == (style.ACCENT, style.TINT)
        assert shared.y == pytest.approx(direct.y + direct.height, abs=0.02)
        assert direct.height == pytest.approx(float(month.direct) * scale, abs=0.2)
        assert shared.height == pytest.approx(float(month.shared) * scale, abs=0.2)


def test_every_month_bears_its_total() -> None:
    model = statement()
    trend = read_structure(open_pdf(model)).find("Figure")[TREND].text
    for month in model.trend:
        assert f"{month.total.quantize(Decimal(1)):,}" in trend
    assert "in USD" in trend


def test_amounts_too_long_for_their_bars_are_labelled_in_thousands_or_more() -> None:
    data = statement_data()
    for month in data["trend"][:-1]:
        month.update(direct="1234567890.00", shared="0.00", total="1234567890.00")
    trend = read_structure(open_pdf(StatementModel.model_validate(data))).find("Figure")[TREND]
    assert "in thousand USD" in trend.text
    assert "1,234,567.9 " in trend.text
    assert "1,234,567,890.00" in trend.alternate


def test_a_month_of_credits_is_drawn_below_zero() -> None:
    data = statement_data(Sample(months=3))
    data["trend"][0].update(direct="-50000.00", shared="20000.00", total="-30000.00")
    drawn = bars(StatementModel.model_validate(data), TREND)
    zero = drawn[2].y
    direct, shared = drawn[:2]
    assert direct.y + direct.height == pytest.approx(zero, abs=0.02)
    assert shared.y == pytest.approx(zero, abs=0.02)


@pytest.mark.parametrize("chart", [SERVICES, POOLS])
def test_bars_of_services_and_pools_are_as_long_as_they_cost(chart: int) -> None:
    model = statement()
    drawn = bars(model, chart)
    text = read_structure(open_pdf(model)).find("Figure")[chart].text
    costs = [Decimal(cost.replace(",", "")) for cost in re.findall(r"[\d,]+\.\d\d(?!\d*%)", text)]
    assert len(drawn) == len(costs) > 3
    assert {bar.x for bar in drawn} == {drawn[0].x}, "all begin at zero"
    for bar, cost in zip(drawn, costs, strict=True):
        assert bar.width == pytest.approx(float(cost / max(costs)) * drawn[0].width, abs=0.2)


def test_a_chart_adds_up_to_what_it_is_about() -> None:
    entries = [(f"service {number}", Decimal(number * number)) for number in range(1, 12)]
    chart = RankChart("Direct cost by service", entries, "USD", "{} other services")
    assert "6 other services: 91.00 (18.0%)." in chart.alternate
    shown = re.findall(r": ([\d,.]+) \(", chart.alternate)
    assert sum(map(Decimal, shown)) == sum(cost for _, cost in entries)


def test_a_single_other_service_is_called_by_its_name() -> None:
    entries = [(f"service {number}", Decimal(number)) for number in range(1, 7)]
    chart = RankChart("Direct cost by service", entries, "USD", "{} other services")
    assert "service 1: 1.00" in chart.alternate
    assert "other" not in chart.alternate


def test_credits_are_drawn_to_the_other_side_of_zero() -> None:
    data = statement_data(Sample(cost_centers=1))
    center = data["cost_centers"][0]
    credit = center["pool_shares"][-1]
    assert Decimal(credit["share"]) > 0
    _shift(data, center, credit["pool_id"], Decimal(credit["share"]) + 500)
    model = StatementModel.model_validate(data)
    drawn = bars(model, POOLS)
    negative = next(bar for bar in drawn if bar.x < max(other.x for other in drawn))
    assert negative.x + negative.width == pytest.approx(max(bar.x for bar in drawn), abs=0.02)
    assert amount(Decimal(-500)) in read_structure(open_pdf(model)).find("Figure")[POOLS].text


def _shift(data: dict[str, object], center: dict[str, object], pool_id: str, by: Decimal) -> None:
    """Takes an amount off a pool's share, and off everything that it is part of."""

    def less(row: dict[str, object], *fields: str) -> None:
        for name in fields:
            row[name] = f"{Decimal(str(row[name])) - by:.2f}"

    less(center, "shared", "total")
    less(next(pool for pool in center["pool_shares"] if pool["pool_id"] == pool_id), "share")  # type: ignore[attr-defined]
    line = next(line for line in data["ledger_lines"] if line["pool_id"] == pool_id)  # type: ignore[attr-defined]
    less(line, "cost")
    less(data["trend"][-1], "shared", "total")  # type: ignore[index]
    bill = next(i for i in data["bill"]["invoices"] if i["invoice_id"] == line["invoice_id"])  # type: ignore[index]
    less(bill, "business_unit_cost")


def test_direct_shared_and_paper_differ_in_grey() -> None:
    def luminance(colour: str) -> float:
        red, green, blue = map(float, colour.split())
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    greys = sorted([luminance(style.ACCENT), luminance(style.TINT), 1.0])
    assert all(lighter - darker > 0.2 for darker, lighter in pairwise(greys))
