"""A cost center's section: how its total comes about, pool by pool, account by account, service by service."""

# mypy: untyped-calls-exclude=reportlab

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from reportlab.platypus.flowables import CondPageBreak, Flowable, KeepTogether
from reportlab.platypus.tables import Table

from functions.render_statement import pdf_style as style
from functions.render_statement import pdf_words as words
from functions.render_statement.model import CostCenterStatement, ServiceCost, StatementModel
from functions.render_statement.pdf_marks import Bookmark
from functions.render_statement.pdf_numbers import amount, change, decimals, exact, per_mille, percent
from functions.render_statement.pdf_tables import Bar, Cell, Column, Noted, amounts, ids, make_table, side_by_side
from functions.render_statement.pdf_text import BOLD, REGULAR, fit, text_width
from functions.shared.money import ZERO

_START_NEEDS = 210
_TABLE_NEEDS = 74
_SHORT = 14
_GUTTER = 24


def section(center: CostCenterStatement, statement: StatementModel, width: float) -> list[Flowable]:
    """Everything about one cost center."""
    return [
        CondPageBreak(_START_NEEDS),
        Bookmark(f"cost-center-{center.cost_center}", f"{center.cost_center} {center.name}".strip(), level=1),
        heading(f"{center.cost_center}  {center.name}", f"{statement.billing_currency} {amount(center.total)}", width),
        style.gap(9),
        _how_it_adds_up(center, statement, width),
        *_pools(center, width),
        *_accounts(center, width),
        *_services_and_classes(center, width),
        *_resources(center, width),
        style.gap(26),
    ]


def heading(text: str, figure: str, width: float) -> Table:
    """A section's heading with its amount on the right, over an accent rule."""
    figure_width = text_width(figure, BOLD, style.HEAD) + 2 if figure else 0
    lines = fit(text, BOLD, style.HEAD, width - figure_width - 12, 2)
    table = Table([["\n".join(lines), figure]], colWidths=[width - figure_width, figure_width])
    table.setStyle(
        [
            ("FONT", (0, 0), (-1, -1), BOLD, style.HEAD, style.HEAD * 1.3),
            ("TEXTCOLOR", (0, 0), (-1, -1), style.ACCENT),
            ("ALIGN", (1, 0), (1, 0), "RIGHT"),
            ("VALIGN", (0, 0), (-1, -1), "BOTTOM"),
            ("LINEBELOW", (0, 0), (-1, -1), style.RULE, style.ACCENT),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 0),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
        ]
    )
    table.hAlign = "LEFT"
    return table


def _how_it_adds_up(center: CostCenterStatement, statement: StatementModel, width: float) -> Table:
    pools = len(center.pool_shares)
    shared = f"its part of {pools} shared pool{'s' if pools != 1 else ''}" if pools else "no part in a shared pool"
    rows = [
        ["Direct cost", "what its own accounts and resources cost", amount(center.direct)],
        ["+ Shared cost", shared, amount(center.shared)],
        ["= Total", "", amount(center.total)],
    ]
    if center.prior_total is not None and not statement.adjustment:
        difference = center.total - center.prior_total
        against = f"{words.prior_month_name(statement)}: {amount(center.prior_total)}"
        if center.prior_total > 0:
            against += f", {percent(difference, center.prior_total, signed=True)}"
        rows.append(["Change", against, change(difference)])
    table = Table(rows, colWidths=[92, width - 92 - 110, 110])
    table.setStyle(
        [
            ("FONT", (0, 0), (-1, -1), REGULAR, style.PROSE, style.PROSE * 1.3),
            ("TEXTCOLOR", (0, 0), (-1, -1), style.INK),
            ("TEXTCOLOR", (1, 0), (1, -1), style.GREY),
            ("ALIGN", (2, 0), (2, -1), "RIGHT"),
            *((f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT")),
            *((f"{side}PADDING", (0, 0), (-1, -1), 1.6) for side in ("TOP", "BOTTOM")),
            ("FONT", (0, 2), (-1, 2), BOLD, style.PROSE, style.PROSE * 1.3),
            ("LINEABOVE", (0, 2), (-1, 2), style.RULE, style.INK),
            ("TEXTCOLOR", (0, 3), (-1, -1), style.GREY),
        ]
    )
    table.hAlign = "LEFT"
    return table


def _titled(title: str, body: Sequence[Flowable], rows: int) -> list[Flowable]:
    """A title and its table, which stays whole when it is short."""
    titled = [style.prose(title, style.SUBHEAD_STYLE), *body]
    if rows <= _SHORT:
        return [style.gap(13), KeepTogether(titled)]
    return [style.gap(13), CondPageBreak(_TABLE_NEEDS), *titled]


def _pools(center: CostCenterStatement, width: float) -> list[Flowable]:
    if not center.pool_shares:
        return []
    columns = [
        Column("Pool", part=10),
        amounts("Pool cost"),
        Column("Split by", part=14),
        amounts("Your weight of total"),
        amounts("Your share"),
    ]
    rows: list[list[Cell]] = []
    for pool in sorted(center.pool_shares, key=lambda p: (-abs(p.share), p.pool_id)):
        method, weights = words.split_by(pool)
        note = "" if pool.pool_id == pool.pool_name else pool.pool_id
        rows.append(
            [
                Noted(pool.pool_name or pool.pool_id, note),
                amount(pool.pool_cost),
                Noted(method, weights),
                percent(pool.weight, pool.total_weight),
                amount(pool.share),
            ]
        )
    totals = ["Shared cost", "", "", "", amount(center.shared)]
    return _titled("Shared cost, pool by pool", [make_table(columns, rows, width, totals)], len(rows))


def _accounts(center: CostCenterStatement, width: float) -> list[Flowable]:
    if not center.accounts:
        return []
    columns = [ids("Account"), Column("Name", part=1), *_ratio_columns()]
    ordered = sorted(center.accounts, key=lambda a: (-a.cost, a.sub_account_id, a.sub_account_name))
    largest = max(account.cost for account in ordered)
    rows: list[list[Cell]] = [
        [a.sub_account_id, a.sub_account_name, *_ratio(a.cost, center.direct, largest)] for a in ordered
    ]
    totals = ["Direct cost", "", "", "", amount(center.direct)]
    return _titled("Direct cost by account", [make_table(columns, rows, width, totals)], len(rows))


def _ratio_columns() -> list[Column]:
    return [Column(""), amounts("Part"), amounts("Cost")]


def _ratio(cost: Decimal, whole: Decimal, largest: Decimal, bar_width: float = 62) -> list[Cell]:
    bar = per_mille(cost, largest) if largest > 0 else 0
    return [Bar(bar, bar_width), percent(cost, whole), amount(cost)]


def _services_and_classes(center: CostCenterStatement, width: float) -> list[Flowable]:
    """Side by side when both are short; one under the other when they may need more than the page has left."""
    services = sorted(center.services, key=lambda s: (-s.cost, s.service_name))
    classes = sorted(center.charge_classes, key=lambda c: (-c.cost, c.charge_class))
    if not services and not classes:
        return []
    class_rows = [[words.charge_class(c.charge_class), amount(c.cost)] for c in classes]
    class_columns = [Column("Charge class", part=1), amounts("Cost")]
    totals = ["Direct cost", amount(center.direct)]
    if len(services) > _SHORT or len(classes) > _SHORT:
        by_service = _service_table(services, center, width)
        by_class = make_table(class_columns, class_rows, width, totals)
        return [
            *_titled("Direct cost by service", [by_service], len(services)),
            *_titled("Direct cost by charge class", [by_class], len(classes)),
        ]
    left, right = (width - _GUTTER) * 0.6, (width - _GUTTER) * 0.4
    both = side_by_side(
        [
            style.prose("Direct cost by service", style.SUBHEAD_STYLE),
            _service_table(services, center, left, 40),
        ],
        [
            style.prose("Direct cost by charge class", style.SUBHEAD_STYLE),
            make_table(class_columns, class_rows, right, totals),
        ],
        (left, right),
        _GUTTER,
    )
    return [style.gap(13), both]


def _service_table(
    services: Sequence[ServiceCost], center: CostCenterStatement, width: float, bar_width: float = 62
) -> Flowable:
    columns = [Column("Service", part=1), *_ratio_columns()]
    largest = max((service.cost for service in services), default=ZERO)
    rows: list[list[Cell]] = [[s.service_name, *_ratio(s.cost, center.direct, largest, bar_width)] for s in services]
    return make_table(columns, rows, width, ["Direct cost", "", "", amount(center.direct)])


def _resources(center: CostCenterStatement, width: float) -> list[Flowable]:
    if not center.top_resources:
        return []
    ordered = sorted(center.top_resources, key=lambda r: (-r.cost, r.resource_id, r.sub_account_id))
    places = max(decimals(resource.cost) for resource in ordered)
    columns = [
        Column("Resource", part=12, keep="ends"),
        Column("Service", part=5),
        ids("Account"),
        amounts("Exact cost"),
        Column("", joined=True, colour=style.GREY, max_lines=1),
    ]
    rows: list[list[Cell]] = [
        [r.resource_id, r.service_name, r.sub_account_id, *exact(r.cost, places)] for r in ordered
    ]
    note = "For information: exact cost before rounding to the invoice; part of the direct cost above."
    table = make_table(columns, rows, width)
    return _titled("Largest resources", [style.prose(note, style.NOTE_STYLE), style.gap(3), table], len(rows))
