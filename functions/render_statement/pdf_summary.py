"""The first page: who pays how much for which month, how that changed, and which cost centers it is."""

# mypy: untyped-calls-exclude=reportlab

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from reportlab.platypus.flowables import CondPageBreak, Flowable
from reportlab.platypus.tables import Table

from functions.render_statement import pdf_style as style
from functions.render_statement import pdf_words as words
from functions.render_statement.model import CostCenterStatement, StatementModel
from functions.render_statement.pdf_charts import Key, RankChart, SplitBar, TrendChart
from functions.render_statement.pdf_numbers import NONE, amount, change, month, percent
from functions.render_statement.pdf_tables import Column, amounts, ids, make_table, side_by_side
from functions.render_statement.pdf_text import BOLD, REGULAR, fit, text_width
from functions.shared.money import ZERO, total

_CHART_HEIGHT = 104
_RANKED_SERVICES = 6


def summary(statement: StatementModel, width: float) -> list[Flowable]:
    """The first page; the cost-center table flows on when it is long."""
    return [
        *_heading(statement, width),
        style.gap(16),
        *_total(statement, width),
        style.gap(18),
        *_charts(statement, width),
        *_cost_center_table(statement, width),
        style.gap(9),
        style.prose(_reading_guide(statement), style.NOTE_STYLE),
    ]


def in_statement_order(statement: StatementModel) -> list[CostCenterStatement]:
    """Cost centers as the statement lists them: largest total first."""
    return sorted(statement.cost_centers, key=lambda center: (-center.total, center.cost_center))


def _heading(statement: StatementModel, width: float) -> list[Flowable]:
    lines = [
        *_lines(statement.organization, REGULAR, style.PROSE, style.GREY, width),
        *_lines("Cloud cost statement", BOLD, style.TITLE, style.INK, width),
        *_lines(words.business_unit(statement), REGULAR, style.HEAD, style.ACCENT, width, max_lines=2),
    ]
    facts = {
        "Charge period": month(statement.charge_period),
        "Billing period": month(statement.billing_period),
        "Revision": f"{statement.revision}" + (" (adjustment)" if statement.adjustment else ""),
        "Currency": statement.billing_currency,
        "Cost basis": words.cost_basis(statement),
        "Status": "Draft" if statement.draft else "Final",
    }
    heading: list[Flowable] = [_stack(lines, width), style.gap(12), _facts(facts, width)]
    if statement.adjustment:
        heading += [style.gap(8), style.prose(_adjustment_note(statement))]
    if statement.draft:
        heading += [
            style.gap(8),
            style.prose("Draft: AWS has not finalised this month. Amounts will change and nothing is posted."),
        ]
    return heading


def _adjustment_note(statement: StatementModel) -> str:
    return (
        f"Adjustment of {month(statement.charge_period)}, booked in {month(statement.billing_period)}: AWS restated "
        "the closed month. This revision carries the differences only; added to the earlier revisions it gives the "
        "restated cost."
    )


_Line = tuple[str, str, float, object]


def _lines(text: str, font: str, size: float, colour: object, width: float, max_lines: int = 1) -> list[_Line]:
    return [(line, font, size, colour) for line in fit(text, font, size, width, max_lines)]


def _stack(lines: Sequence[_Line], width: float) -> Table:
    """Lines of different sizes, one under the other."""
    table = Table([[text] for text, *_ in lines], colWidths=[width])
    commands: list[tuple[object, ...]] = [
        *((f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM"))
    ]
    for row, (_, font, size, colour) in enumerate(lines):
        commands += [("FONT", (0, row), (0, row), font, size, size * 1.42), ("TEXTCOLOR", (0, row), (0, row), colour)]
    table.setStyle(commands)
    table.hAlign = "LEFT"
    return table


def _facts(facts: dict[str, str], width: float) -> Table:
    """Labels over values, evenly across the page, between hairlines."""
    column = width / len(facts)
    fitted = ["\n".join(fit(value, REGULAR, style.PROSE, column - 6, 2)) for value in facts.values()]
    table = Table([list(facts), fitted], colWidths=[column] * len(facts))
    table.setStyle(
        [
            ("FONT", (0, 0), (-1, 0), REGULAR, style.FINE, style.FINE * 1.3),
            ("TEXTCOLOR", (0, 0), (-1, 0), style.GREY),
            ("FONT", (0, 1), (-1, 1), REGULAR, style.PROSE, style.PROSE * 1.3),
            ("TEXTCOLOR", (0, 1), (-1, 1), style.INK),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 4),
            ("TOPPADDING", (0, 0), (-1, 0), 6),
            ("BOTTOMPADDING", (0, 0), (-1, 0), 1),
            ("TOPPADDING", (0, 1), (-1, 1), 0),
            ("BOTTOMPADDING", (0, 1), (-1, 1), 6),
            ("LINEABOVE", (0, 0), (-1, 0), style.HAIR, style.HAIRLINE),
            ("LINEBELOW", (0, 1), (-1, 1), style.HAIR, style.HAIRLINE),
        ]
    )
    table.hAlign = "LEFT"
    return table


def _total(statement: StatementModel, width: float) -> list[Flowable]:
    figure = f"{statement.billing_currency} {amount(statement.total)}"
    size: float = style.FIGURE
    while text_width(figure, BOLD, size) > width and size > style.BODY:
        size -= 1
    label = "Adjustment" if statement.adjustment else "Total"
    lines = [
        *_lines(f"{label} for {month(statement.charge_period)}", REGULAR, style.PROSE, style.GREY, width),
        *_lines(figure, BOLD, size, style.ACCENT, width),
    ]
    story: list[Flowable] = [_stack(lines, width), style.gap(10)]
    if _split_shows(statement):
        story += [SplitBar(statement.direct, statement.shared, width), style.gap(5)]
    return [*story, _parts(statement, width)]


def _split_shows(statement: StatementModel) -> bool:
    return statement.direct >= 0 and statement.shared >= 0 and statement.total > 0


def _parts(statement: StatementModel, width: float) -> Table:
    """Direct, shared, and the change against the month before, as three columns of label, amount and ratio."""
    direct, shared = (
        (Key("Direct cost", style.ACCENT), Key("Shared cost", style.TINT))
        if _split_shows(statement)
        else ("Direct cost", "Shared cost")
    )
    columns: list[tuple[str | Key, str, str]] = [
        (direct, amount(statement.direct), _of_total(statement.direct, statement)),
        (shared, amount(statement.shared), _of_total(statement.shared, statement)),
    ]
    prior = words.prior_month_total(statement)
    if prior is not None:
        difference = statement.total - prior
        ratio = (
            f"{percent(difference, prior, signed=True)} of {amount(prior)}" if prior > 0 else f"from {amount(prior)}"
        )
        columns.append((f"Change against {words.prior_month_name(statement)}", change(difference), ratio))
    table = Table(list(zip(*columns, strict=True)), colWidths=[width / 3] * len(columns))
    table.setStyle(
        [
            ("FONT", (0, 0), (-1, 0), REGULAR, style.FINE, style.FINE * 1.3),
            ("TEXTCOLOR", (0, 0), (-1, 0), style.GREY),
            ("FONT", (0, 1), (-1, 1), BOLD, style.SUBHEAD + 1.5, style.SUBHEAD * 1.45),
            ("TEXTCOLOR", (0, 1), (-1, 1), style.INK),
            ("FONT", (0, 2), (-1, 2), REGULAR, style.BODY, style.BODY * 1.3),
            ("TEXTCOLOR", (0, 2), (-1, 2), style.GREY),
            *((f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT")),
            *((f"{side}PADDING", (0, 0), (-1, -1), 0.8) for side in ("TOP", "BOTTOM")),
        ]
    )
    table.hAlign = "LEFT"
    return table


def _of_total(part: Decimal, statement: StatementModel) -> str:
    ratio = percent(part, statement.total)
    return "" if ratio == NONE else f"{ratio} of the total"


def _charts(statement: StatementModel, width: float) -> list[Flowable]:
    """Months on the left, services on the right; a chart that would show nothing gives way to the other."""
    gutter = 26
    half = (width - gutter) / 2
    services = _largest_services(statement)
    trend = len(statement.trend) > 1 and not statement.adjustment
    if trend and services:
        left = [_title("Cost by month"), TrendChart(statement.trend, half, _CHART_HEIGHT)]
        right = [_title("Largest services, direct cost"), RankChart(services, half, _CHART_HEIGHT)]
        return [side_by_side(left, right, (half, half), gutter), style.gap(14)]
    if trend:
        return [_title("Cost by month"), TrendChart(statement.trend, width, _CHART_HEIGHT), style.gap(14)]
    if len(services) > 1:
        height = 15 * len(services)
        return [_title("Largest services, direct cost"), RankChart(services, width, height), style.gap(14)]
    return []


def _title(text: str) -> Flowable:
    return style.prose(text, style.SUBHEAD_STYLE)


def _largest_services(statement: StatementModel) -> list[tuple[str, Decimal]]:
    costs: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    for center in statement.cost_centers:
        for service in center.services:
            costs[service.service_name] += service.cost
    positive = [(name, cost) for name, cost in costs.items() if cost > 0]
    return sorted(positive, key=lambda entry: (-entry[1], entry[0]))[:_RANKED_SERVICES]


def _cost_center_table(statement: StatementModel, width: float) -> list[Flowable]:
    prior = words.prior_month_total(statement)
    columns = [
        ids("Cost center"),
        Column("Name", part=1),
        amounts("Direct"),
        amounts("Shared"),
        amounts("Total"),
    ]
    totals = ["Total", "", amount(statement.direct), amount(statement.shared), amount(statement.total)]
    rows = [
        [c.cost_center, c.name, amount(c.direct), amount(c.shared), amount(c.total)]
        + (_comparison(c) if prior is not None else [])
        for c in in_statement_order(statement)
    ]
    if prior is not None:
        columns += [amounts(words.prior_month_name(statement)), amounts("Change")]
        totals += [amount(prior), change(statement.total - prior)]
        rows += _gone(statement, prior)
    return [CondPageBreak(80), _title("Cost centers"), make_table(columns, rows, width, totals)]


def _comparison(center: CostCenterStatement) -> list[str]:
    if center.prior_total is None:
        return [NONE, change(center.total)]
    return [amount(center.prior_total), change(center.total - center.prior_total)]


def _gone(statement: StatementModel, prior: Decimal) -> list[list[str]]:
    """Last month's cost of cost centers that this statement does not list, so that the columns add up."""
    listed = total(c.prior_total for c in statement.cost_centers if c.prior_total is not None)
    if listed == prior:
        return []
    return [["Others", "No longer in this business unit", *[NONE] * 3, amount(prior - listed), change(listed - prior)]]


def _reading_guide(statement: StatementModel) -> str:
    guide = (
        "Direct cost is what each cost center's own accounts and resources cost. Shared cost is its part of pools "
        "that several cost centers pay together; the following pages show every pool with its split. "
    )
    part = percent(statement.total, statement.bill.billed_cost)
    if statement.adjustment or statement.total <= 0 or part == NONE:
        return guide + "The last section reconciles this statement to AWS's invoices, to the cent."
    billed = f"{statement.billing_currency} {amount(statement.bill.billed_cost)}"
    return (
        f"{guide}This statement is {part} of {statement.organization}'s AWS bill of {billed}; the last section "
        "reconciles it to AWS's invoices, to the cent."
    )
