"""The first page: who pays how much for which month, how that changed, what it is for, and which cost centers it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from functions.render_statement import pdf_style as style
from functions.render_statement import pdf_words as words
from functions.render_statement.model import CostCenterStatement, StatementModel
from functions.render_statement.pdf_charts import Chart, RankChart, TrendChart, place_charts
from functions.render_statement.pdf_columns import Cell, Column, amounts, ids
from functions.render_statement.pdf_flow import Flow, draw_lines, paragraph, unabridged
from functions.render_statement.pdf_numbers import NONE, amount, change, month, per_mille, percent
from functions.render_statement.pdf_pen import Pen
from functions.render_statement.pdf_tables import Table
from functions.render_statement.pdf_text import BOLD, REGULAR, fit, text_width
from functions.shared.money import ZERO, total

_SPLIT_BAR = 6.0
_KEY = 5.5


def place_summary(flow: Flow, statement: StatementModel) -> None:
    """The first page; the cost-center table flows on when it is long."""
    flow.open("Sect")
    flow.mark(lambda pen, top: pen.bookmark("Summary", top, 0))
    _place_heading(flow, statement)
    flow.gap(14)
    _place_total(flow, statement)
    flow.gap(17)
    _place_charts(flow, statement)
    _cost_center_table(statement).place(flow)
    flow.close()


def in_statement_order(statement: StatementModel) -> list[CostCenterStatement]:
    """Cost centers as the statement lists them: largest total first."""
    return sorted(statement.cost_centers, key=lambda center: (-center.total, center.cost_center))


def _place_heading(flow: Flow, statement: StatementModel) -> None:
    organization = fit(statement.organization, REGULAR, style.PROSE, flow.width)
    unit = fit(words.business_unit(statement), REGULAR, style.HEAD, flow.width, 2)
    title = "Cloud cost statement"

    def draw(pen: Pen, top: float) -> None:
        with pen.content("P", unabridged(statement.organization, organization)):
            top = draw_lines(pen, 0, top, organization, REGULAR, style.PROSE, style.GREY)
        whole = unabridged(words.business_unit(statement), unit)
        with pen.content("H1", whole and f"{title} {whole}"):
            top = draw_lines(pen, 0, top, [title], BOLD, style.TITLE, style.INK)
            draw_lines(pen, 0, top, unit, REGULAR, style.HEAD, style.ACCENT)

    flow.put(sum(map(style.leading, (style.PROSE, style.TITLE, *(style.HEAD for _ in unit)))), draw)
    flow.gap(11)
    _place_facts(flow, statement)
    if statement.adjustment:
        flow.gap(8)
        paragraph(flow, _adjustment_note(statement))
    if statement.draft:
        flow.gap(8)
        paragraph(flow, "Draft: AWS has not finalised this month. Amounts will change and nothing is posted.")


def _place_facts(flow: Flow, statement: StatementModel) -> None:
    """Labels over values, evenly across the page, between hairlines."""
    facts = {
        "Charge period": month(statement.charge_period),
        "Billing period": month(statement.billing_period),
        "Revision": f"{statement.revision}" + (" (adjustment)" if statement.adjustment else ""),
        "Currency": statement.billing_currency,
        "Cost basis": words.cost_basis(statement),
        "Status": "Draft" if statement.draft else "Final",
    }
    column = flow.width / len(facts)
    fitted = {label: fit(value, REGULAR, style.PROSE, column - 6, 2) for label, value in facts.items()}
    value_lines = max(map(len, fitted.values()))
    height = 12 + style.leading(style.FINE) + value_lines * style.leading(style.PROSE)

    def draw(pen: Pen, top: float) -> None:
        for number, (label, lines) in enumerate(fitted.items()):
            with pen.content("P", unabridged(facts[label], lines) and f"{label} {facts[label]}"):
                under = draw_lines(pen, number * column, top - 6, [label], REGULAR, style.FINE, style.GREY)
                draw_lines(pen, number * column, under, lines, REGULAR, style.PROSE, style.INK)
        with pen.decoration():
            for y in (top, top - height):
                pen.line(0, y, flow.width, y, style.HAIR, style.HAIRLINE)

    flow.put(height, draw)


def _adjustment_note(statement: StatementModel) -> str:
    return (
        f"Adjustment of {month(statement.charge_period)}, booked in {month(statement.billing_period)}: AWS restated "
        "the closed month. This revision carries the differences only; added to the earlier revisions it gives the "
        "restated cost."
    )


def _place_total(flow: Flow, statement: StatementModel) -> None:
    figure = f"{statement.billing_currency} {amount(statement.total)}"
    size = style.FIGURE
    while text_width(figure, BOLD, size) > flow.width and size > style.BODY:
        size -= 1
    label = f"{'Adjustment' if statement.adjustment else 'Total'} for {month(statement.charge_period)}"

    def draw(pen: Pen, top: float) -> None:
        with pen.content("P"):
            top = draw_lines(pen, 0, top, [label], REGULAR, style.PROSE, style.GREY)
            draw_lines(pen, 0, top, fit(figure, BOLD, size, flow.width), BOLD, size, style.ACCENT)

    flow.put(style.leading(style.PROSE) + style.leading(size), draw)
    flow.gap(7)
    if _split_shows(statement):
        flow.put(_SPLIT_BAR, lambda pen, top: _draw_split(pen, top, statement, flow.width))
        flow.gap(6)
    _place_parts(flow, statement)


def _split_shows(statement: StatementModel) -> bool:
    return statement.direct >= 0 and statement.shared >= 0 and statement.total > 0


def _draw_split(pen: Pen, top: float, statement: StatementModel, width: float) -> None:
    """Direct and shared cost as the two parts of one bar."""
    direct = width * per_mille(statement.direct, statement.total) / 1000
    with pen.decoration():
        pen.rectangle(0, top - _SPLIT_BAR, direct, _SPLIT_BAR, style.ACCENT)
        pen.rectangle(direct, top - _SPLIT_BAR, width - direct, _SPLIT_BAR, style.TINT)


def _place_parts(flow: Flow, statement: StatementModel) -> None:
    """Direct, shared, and the change against the month before, as columns of label, amount and ratio."""
    parts = [
        ("Direct cost", amount(statement.direct), _of_total(statement.direct, statement), style.ACCENT),
        ("Shared cost", amount(statement.shared), _of_total(statement.shared, statement), style.TINT),
    ]
    prior = words.prior_month_total(statement)
    if prior is not None:
        difference = statement.total - prior
        ratio = (
            f"{percent(difference, prior, signed=True)} of {amount(prior)}" if prior > 0 else f"from {amount(prior)}"
        )
        parts.append((f"Change against {words.prior_month_name(statement)}", change(difference), ratio, ""))
    size = style.SUBHEAD + 1.5

    def draw(pen: Pen, top: float) -> None:
        for number, (label, figure, ratio, colour) in enumerate(parts):
            x = number * flow.width / 3
            indent = 0.0
            if colour and _split_shows(statement):
                indent = _KEY + 4
                with pen.decoration():
                    pen.rectangle(x, style.baseline(top, style.FINE) - 0.2, _KEY, _KEY, colour)
            with pen.content("P"):
                y = draw_lines(pen, x + indent, top, [label], REGULAR, style.FINE, style.GREY)
                y = draw_lines(pen, x, y, [figure], BOLD, size, style.INK)
                draw_lines(pen, x, y, [ratio], REGULAR, style.BODY, style.GREY)

    flow.put(style.leading(style.FINE) + style.leading(size) + style.leading(style.BODY), draw)


def _of_total(part: Decimal, statement: StatementModel) -> str:
    ratio = percent(part, statement.total)
    return "" if ratio == NONE else f"{ratio} of the total"


def _place_charts(flow: Flow, statement: StatementModel) -> None:
    """The months over the whole width, then services and pools side by side; what would show nothing is left out."""
    if len(statement.trend) > 1 and not statement.adjustment:
        place_charts(flow, [TrendChart(statement.trend, statement.billing_currency)])
        flow.gap(15)
    currency = statement.billing_currency
    services = _sums((service.service_name, service.cost) for c in statement.cost_centers for service in c.services)
    names = {pool.pool_id: pool.pool_name or pool.pool_id for c in statement.cost_centers for pool in c.pool_shares}
    shares = _sums((pool.pool_id, pool.share) for c in statement.cost_centers for pool in c.pool_shares)
    pools = [(names[pool], share) for pool, share in shares]
    charts: list[Chart] = []
    if len(services) > 1:
        charts.append(RankChart("Direct cost by service", services, currency, "{} other services"))
    if len(pools) > 1:
        charts.append(RankChart("Shared cost by pool", pools, currency, "{} other pools", style.TINT))
    if charts:
        place_charts(flow, charts)
        flow.gap(13)


def _sums(costs: Iterable[tuple[str, Decimal]]) -> list[tuple[str, Decimal]]:
    """Costs added up by name; names without any cost are left out."""
    sums: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    for name, cost in costs:
        sums[name] += cost
    return [(name, cost) for name, cost in sums.items() if cost]


def _cost_center_table(statement: StatementModel) -> Table:
    prior = words.prior_month_total(statement)
    columns = [ids("Cost center"), Column("Name", part=1), amounts("Direct"), amounts("Shared"), amounts("Total")]
    totals: list[str | Decimal] = ["Total", "", statement.direct, statement.shared, statement.total]
    rows: list[list[Cell]] = [
        [c.cost_center, c.name, c.direct, c.shared, c.total, *(_comparison(c) if prior is not None else ())]
        for c in in_statement_order(statement)
    ]
    if prior is not None:
        columns += [amounts(words.prior_month_name(statement)), amounts("Change", change)]
        totals += [prior, statement.total - prior]
        rows += _gone(statement, prior)
    return Table("Cost centers", columns, rows, totals, closing=_reading_guide(statement), title_tag="H2")


def _comparison(center: CostCenterStatement) -> list[Cell]:
    if center.prior_total is None:
        return [NONE, center.total]
    return [center.prior_total, center.total - center.prior_total]


def _gone(statement: StatementModel, prior: Decimal) -> list[list[Cell]]:
    """Last month's cost of cost centers that this statement does not list, so that the columns add up."""
    listed = total(c.prior_total for c in statement.cost_centers if c.prior_total is not None)
    if listed == prior:
        return []
    return [["Others", "No longer in this business unit", *[NONE] * 3, prior - listed, listed - prior]]


def _reading_guide(statement: StatementModel) -> str:
    guide = (
        "Direct cost is what a cost center's own accounts and resources cost; shared cost is its part of pools that "
        "several pay together. "
    )
    part = percent(statement.total, statement.bill.billed_cost)
    if statement.adjustment or statement.total <= 0 or part == NONE:
        return guide + "The last section reconciles this statement to AWS's invoices, to the cent."
    billed = f"{statement.billing_currency} {amount(statement.bill.billed_cost)}"
    return (
        f"{guide}This statement is {part} of {statement.organization}'s AWS bill of {billed}; the last section "
        "reconciles it to AWS's invoices, to the cent."
    )
