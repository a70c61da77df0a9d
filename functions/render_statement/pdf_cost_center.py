"""A cost center's section: how its total comes about, pool by pool, account by account, service by service."""

from __future__ import annotations

from collections.abc import Iterator

from functions.render_statement import pdf_style as style
from functions.render_statement import pdf_words as words
from functions.render_statement.model import CostCenterStatement, StatementModel
from functions.render_statement.pdf_columns import Cell, Column, Exact, Noted, amounts, bar, ids, ratio_columns
from functions.render_statement.pdf_flow import Flow, heading
from functions.render_statement.pdf_numbers import amount, change, decimals, percent
from functions.render_statement.pdf_pen import Pen
from functions.render_statement.pdf_tables import Table
from functions.render_statement.pdf_text import BOLD, REGULAR, fit
from functions.shared.money import total

_START_NEEDS = 190.0
_LABEL_WIDTH = 92.0
_FIGURE_WIDTH = 110.0
_NARROW = 0.5
"""The part of the width of a table that has a name and an amount only."""


def place_section(flow: Flow, center: CostCenterStatement, statement: StatementModel) -> None:
    """Everything about one cost center."""
    title = f"{center.cost_center}  {center.name}".strip()
    flow.gap(26)
    flow.need(_START_NEEDS)
    flow.open("Sect")
    flow.mark(lambda pen, top: pen.bookmark(title, top, 1))
    heading(flow, title, f"{statement.billing_currency} {amount(center.total)}")
    flow.gap(8)
    _place_sum(flow, center, statement)
    for table in _tables(center, flow.width):
        flow.gap(13)
        table.place(flow)
    flow.close()


def _place_sum(flow: Flow, center: CostCenterStatement, statement: StatementModel) -> None:
    """How direct and shared cost add up, and the change against the month before."""
    pools = len(center.pool_shares)
    shared = f"its part of {pools} shared pool{'s' if pools != 1 else ''}" if pools else "no part in a shared pool"
    rows = [
        ("Direct cost", "what its own accounts and resources cost", amount(center.direct)),
        ("+ Shared cost", shared, amount(center.shared)),
        ("= Total", "", amount(center.total)),
    ]
    if center.prior_total is not None and not statement.adjustment:
        difference = center.total - center.prior_total
        against = f"{words.prior_month_name(statement)}: {amount(center.prior_total)}"
        if center.prior_total > 0:
            against += f", {percent(difference, center.prior_total, signed=True)}"
        rows.append(("Change", against, change(difference)))
    step = style.leading(style.PROSE) + 3

    def draw(pen: Pen, top: float) -> None:
        for number, (label, explanation, figure) in enumerate(rows):
            y = style.baseline(top - number * step - 1.5, style.PROSE)
            is_total, is_change = number == 2, number == 3
            font = BOLD if is_total else REGULAR
            colour = style.GREY if is_change else style.INK
            if is_total:
                with pen.decoration():
                    pen.line(0, top - number * step, flow.width, top - number * step, style.RULE, style.INK)
            with pen.content("P"):
                pen.text(0, y, label, font, style.PROSE, colour)
                room = flow.width - _LABEL_WIDTH - _FIGURE_WIDTH
                pen.text(
                    _LABEL_WIDTH, y, fit(explanation, REGULAR, style.PROSE, room)[0], REGULAR, style.PROSE, style.GREY
                )
                pen.text_right(flow.width, y, figure, font, style.PROSE, colour)

    flow.put(len(rows) * step, draw)


def _tables(center: CostCenterStatement, width: float) -> Iterator[Table]:
    if center.pool_shares:
        yield _pool_table(center)
    if center.accounts:
        yield _account_table(center)
    if center.services:
        yield _service_table(center)
    if len(center.charge_classes) > 1:
        yield _class_table(center, width * _NARROW)
    if center.adjustments:
        yield _adjustment_table(center)
    if center.top_resources:
        yield _resource_table(center)


def _pool_table(center: CostCenterStatement) -> Table:
    columns = [
        Column("Pool", part=10),
        amounts("Pool cost"),
        Column("Split by", part=14),
        Column("Your weight of total", right=True, max_lines=1),
        amounts("Your share"),
    ]
    rows: list[list[Cell]] = []
    for pool in sorted(center.pool_shares, key=lambda p: (-abs(p.share), p.pool_id)):
        method, weights = words.split_by(pool)
        id_note = "" if pool.pool_id == pool.pool_name else pool.pool_id
        named = Noted(pool.pool_name or pool.pool_id, id_note)
        weight = percent(pool.weight, pool.total_weight)
        rows.append([named, pool.pool_cost, Noted(method, weights), weight, pool.share])
    return Table("Shared cost, pool by pool", columns, rows, ["Shared cost", "", "", "", center.shared])


def _account_table(center: CostCenterStatement) -> Table:
    ordered = sorted(center.accounts, key=lambda a: (-a.cost, a.sub_account_id, a.sub_account_name))
    largest = ordered[0].cost
    columns = [ids("Account"), Column("Name", part=1), *ratio_columns()]
    rows: list[list[Cell]] = [
        [a.sub_account_id, a.sub_account_name, bar(a.cost, largest), percent(a.cost, center.direct), a.cost]
        for a in ordered
    ]
    return Table("Direct cost by account", columns, rows, ["Direct cost", "", "", "", center.direct])


def _service_table(center: CostCenterStatement) -> Table:
    ordered = sorted(center.services, key=lambda s: (-s.cost, s.service_name))
    largest = ordered[0].cost
    columns = [Column("Service", part=1), *ratio_columns()]
    rows: list[list[Cell]] = [
        [s.service_name or words.NO_SERVICE, bar(s.cost, largest), percent(s.cost, center.direct), s.cost]
        for s in ordered
    ]
    classes = [words.charge_class(c.charge_class) for c in center.charge_classes]
    closing = f"All of it is of one charge class: {classes[0]}." if len(classes) == 1 else ""
    return Table("Direct cost by service", columns, rows, ["Direct cost", "", "", center.direct], closing=closing)


def _class_table(center: CostCenterStatement, width: float) -> Table:
    ordered = sorted(center.charge_classes, key=lambda c: (-c.cost, c.charge_class))
    rows: list[list[Cell]] = [[words.charge_class(c.charge_class), c.cost] for c in ordered]
    columns = [Column("Charge class", part=1), amounts("Cost")]
    return Table("Direct cost by charge class", columns, rows, ["Direct cost", center.direct], width=width)


def _adjustment_table(center: CostCenterStatement) -> Table:
    columns = [ids("Adjustment"), Column("Reason", part=1), ids("Moved"), amounts("Cost")]
    rows: list[list[Cell]] = [
        [
            a.adjustment_id,
            Noted(a.reason, f"settles {a.settles}" if a.settles else ""),
            f"{'from' if a.cost > 0 else 'to'} {a.other_cost_center}" if a.other_cost_center else "",
            a.cost,
        ]
        for a in sorted(center.adjustments, key=lambda a: a.adjustment_id)
    ]
    added = total(a.cost for a in center.adjustments)
    text = "Cost that the policy moves between cost centers this month; part of the direct cost above."
    return Table("Adjustments", columns, rows, ["Adjustments", "", "", added], note=text)


def _resource_table(center: CostCenterStatement) -> Table:
    ordered = sorted(center.top_resources, key=lambda r: (-r.cost, r.resource_id, r.sub_account_id))
    places = max(decimals(resource.cost) for resource in ordered)
    columns = [
        Column("Resource", part=12, keep="ends"),
        Column("Service", part=5),
        ids("Account"),
        amounts("Exact cost"),
    ]
    rows: list[list[Cell]] = [[r.resource_id, r.service_name, r.sub_account_id, Exact(r.cost, places)] for r in ordered]
    text = "For information: exact cost before rounding to the invoice; part of the direct cost above."
    return Table("Largest resources", columns, rows, note=text)
