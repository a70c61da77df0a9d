"""``python -m local explain``: from a number on a statement down to the line items of the bill behind it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from functions.render_queries.logic import fold_values
from functions.render_statement.model import ADJUSTMENT, ADJUSTMENT_RULE
from functions.shared import run_files
from functions.shared.compiled_policy import AdjustmentOfRun, PolicyOfRun
from functions.shared.delivery import Delivery
from functions.shared.money import format_cents, parse_money, total
from functions.shared.sql_catalog import render, render_over
from local.outcome import CLOSED, UsageError
from local.progress import Show
from local.queries import Row, query
from local.world import CONFIG, World, open_world

_SHOWN = 12
_MICROS = 6


class ExplainOptions(NamedTuple):
    """Which number: a cost center's, or of it one service's direct cost, or its share of one pool."""

    out: Path
    period: str | None
    cost_center: str
    service: str | None
    pool: str | None


class ClosedMonth(NamedTuple):
    """A closed month as its summary and evidence tell it."""

    period: str
    summary: dict[str, Any]
    evidence: dict[str, Any]

    @property
    def run_id(self) -> str:
        """The run whose tables explain the month."""
        run_id: str = self.evidence["run"]["run_id"]
        return run_id

    @property
    def currency(self) -> str:
        """The billing currency."""
        currency: str = self.summary["billing_currency"]
        return currency


def explain(options: ExplainOptions, show: Show) -> int:
    """Shows the parts of the number, each level adding up to the one above it, and writes the line items as CSV."""
    month = _closed_month(options)
    with open_world(options.out) as world:
        entries = query(
            world,
            render("x010_ledger_entries", {"charge_period": month.period, "cost_center": options.cost_center}),
        )
        if not entries:
            raise UsageError(f"{options.cost_center}: the ledger of {month.period} has no entry for it")
        if options.pool:
            _explain_pool(world, month, options, entries, show)
        elif options.service:
            _explain_direct(world, month, options, entries, show)
        else:
            _explain_total(world, month, options, entries, show)
    return CLOSED


def _closed_month(options: ExplainOptions) -> ClosedMonth:
    closed = sorted(path.parent.name for path in options.out.glob("????-??/evidence.json"))
    if not closed:
        raise UsageError(f"{options.out}: no month is closed there; close one first")
    period = options.period or closed[-1]
    if period not in closed:
        raise UsageError(f"{options.out}: {period} is not closed there; closed are {', '.join(closed)}")
    folder = options.out / period
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    evidence = json.loads((folder / "evidence.json").read_text(encoding="utf-8"))
    if summary["status"] != "CLOSED":
        raise UsageError(f"{folder}: holds a preview, which is in no ledger; close the month first")
    return ClosedMonth(period, summary, evidence)


def _explain_total(world: World, month: ClosedMonth, options: ExplainOptions, entries: list[Row], show: Show) -> None:
    direct = [entry for entry in entries if entry["allocation_method"] == "direct"]
    adjusted = [entry for entry in direct if entry["charge_class"] == ADJUSTMENT]
    shared = [entry for entry in entries if entry["allocation_method"] == "shared"]
    show(f"{options.cost_center}, {month.period}: {_money(_cents(entries))} {month.currency}")
    show(f"= direct {_money(_cents(direct))} + shared {_money(_cents(shared))}")
    show("\nDirect cost by service (--service NAME goes down to its line items)")
    _show_groups([entry for entry in direct if entry["charge_class"] != ADJUSTMENT], "service_name", show)
    if adjusted:
        show("\nAdjustments of the policy, part of the direct cost")
        _show_adjustments(world, month, adjusted, show)
    show("\nShared cost by pool (--pool ID shows how the share was computed)")
    _show_groups(shared, "pool_id", show)


def _show_adjustments(world: World, month: ClosedMonth, entries: list[Row], show: Show) -> None:
    known = _policy(world, month).adjustments
    for (rule,), cost in _grouped(entries, "rule_id", column="cost"):
        name = rule.removeprefix(ADJUSTMENT_RULE)
        show(f"  {name:<42} {_money(cost):>16}  {_reason(known.get(name))}")


def _reason(adjustment: AdjustmentOfRun | None) -> str:
    """Between whom and why; nothing when a later policy no longer has the adjustment."""
    if adjustment is None:
        return "no longer in the policy"
    settles = f" (settles {adjustment.settles})" if adjustment.settles else ""
    return f"{adjustment.from_cost_center} to {adjustment.to_cost_center}: {adjustment.reason}{settles}"


def _policy(world: World, month: ClosedMonth) -> PolicyOfRun:
    return PolicyOfRun.model_validate_json(world.read_work(run_files.policy_key(month.run_id)))


def _explain_direct(world: World, month: ClosedMonth, options: ExplainOptions, entries: list[Row], show: Show) -> None:
    service = options.service or ""
    chosen = [e for e in entries if e["allocation_method"] == "direct" and e["service_name"] == service]
    if not chosen:
        services = sorted({e["service_name"] for e in entries if e["allocation_method"] == "direct"})
        raise UsageError(f"{service}: {options.cost_center} has no direct cost of it; it has {', '.join(services)}")
    show(f"{options.cost_center}, {month.period}, {service}: {_money(_cents(chosen))} {month.currency}, direct")
    show("\nLedger entries: decided by, account, charge class, exact cost, rounded to the invoice")
    for entry in chosen:
        show(
            f"  {entry['rule_id']:<28} {entry['sub_account_id']}  {entry['charge_class']:<18}"
            f" {entry['exact_cost']:>20} {_money(parse_money(entry['cost'])):>16}"
        )
    exact = _exact(chosen)
    show(f"  {'sum':<28} {'':12}  {'':<18} {exact:>20f} {_money(_cents(chosen)):>16}")
    items = _line_items(world, month, "cost_center", options.cost_center, service)
    _show_line_items(month, options, items, exact, f"{options.cost_center}-{service}", show)


def _explain_pool(world: World, month: ClosedMonth, options: ExplainOptions, entries: list[Row], show: Show) -> None:
    pool = options.pool or ""
    chosen = [e for e in entries if e["pool_id"] == pool]
    if not chosen:
        pools = sorted({e["pool_id"] for e in entries if e["pool_id"]})
        raise UsageError(f"{pool}: {options.cost_center} has no share of it; it has shares of {', '.join(pools)}")
    flows = query(world, render("x040_pool_flow", {"run_id": month.run_id, "pool_id": pool}))
    show(f"{options.cost_center}, {month.period}, pool {pool}: {_money(_cents(chosen))} {month.currency}, shared")
    show("\nHow the pool was split: invoice, pool's cost, weight of total, share")
    for flow in (f for f in flows if f["flow"] == "shared" and f["other_party"] == options.cost_center):
        pool_cost = _cents(f for f in flows if f["flow"] != "shared" and f["invoice_id"] == flow["invoice_id"])
        weight, of = (Decimal(flow[name]).scaleb(-_MICROS) for name in ("weight", "total_weight"))
        show(
            f"  {flow['invoice_id'] or '(not issued)':<24} {_money(pool_cost):>16}  {flow['split_method']}: "
            f"{weight:,f} of {of:,f}  {_money(parse_money(flow['cost'])):>14}"
        )
    show("\nWhat the pool is made of")
    received = [flow for flow in flows if flow["flow"] == "received"]
    for flow in received:
        show(f"  {flow['other_party']:<42} {_money(parse_money(flow['cost'])):>16}  (received)")
    owner = {"owner_kind": "pool", "owner_id": pool, "service_name": ""}
    owned = query(world, render("x030_owned_cost", {"run_id": month.run_id, **owner}))
    for (rule, service), cost in _grouped(owned, "rule_id", "service_name", column="exact_cost"):
        show(f"  {rule + ' · ' + service:<42} {cost:>20f}")
    exact = _exact(owned)
    show(f"  {'collected from the invoices, exact':<42} {exact:>20f}")
    items = _line_items(world, month, "pool", pool, "")
    _show_line_items(month, options, items, exact, f"pool-{pool}", show)


def _line_items(world: World, month: ClosedMonth, owner_kind: str, owner_id: str, service: str) -> list[Row]:
    delivery = Delivery.model_validate_json(world.read_work(run_files.delivery_key(month.run_id)))
    policy = _policy(world, month)
    values, flat_tags = fold_values(
        delivery, policy, flattened_tags=CONFIG.flattened_tags, billing_bucket=world.billing_bucket
    )
    owner = {"owner_kind": owner_kind, "owner_id": owner_id, "service_name": service}
    bases = ["f010_charges", "a020_owned_charges"]
    sql = render_over("x020_line_items", bases, {**values, **owner, "run_id": month.run_id}, flat_tags=flat_tags)
    return query(world, sql)


def _show_line_items(
    month: ClosedMonth, options: ExplainOptions, items: list[Row], exact: Decimal, name: str, show: Show
) -> None:
    """The largest line items, the file with all of them, and the proof that they add up."""
    found = _exact(items)
    show(f"\nLine items of the bill ({len(items):,}), the largest first")
    largest = sorted(items, key=lambda item: -abs(parse_money(item["exact_cost"])))
    for item in largest[:_SHOWN]:
        show(
            f"  {item['exact_cost']:>20}  {item['line_item_type']:<24} {item['identity_time_interval'][:13]:<13}"
            f"  {item['identity_line_item_id'][:20]:<20}  {item['resource_id'][-48:]}"
        )
    show(f"  {found:>20f}  sum of all line items")
    if divided := exact - found:
        show(f"  {divided:>20f}  divided among pods and tasks (EKS, ECS)")
    show(f"  {exact:>20f}  = the exact cost above")
    show(f"\nall of them, with file and version: {_write_line_items(month, options, items, name)}")


def _write_line_items(month: ClosedMonth, options: ExplainOptions, items: list[Row], name: str) -> Path:
    versions = {file["key"]: file["version_id"] for file in month.evidence["run"]["bill"]["files"]}
    path = options.out / month.period / "explain" / f"{run_files.safe_name(name)}.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        columns = [*items[0], "version_id"] if items else ["version_id"]
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for item in items:
            key = item["data_file"].removeprefix("s3://").partition("/")[2]
            writer.writerow({**item, "version_id": versions.get(key, "")})
    return path


def _show_groups(entries: list[Row], column: str, show: Show) -> None:
    for (name,), cost in _grouped(entries, column, column="cost"):
        show(f"  {name:<42} {_money(cost):>16}")


def _grouped(rows: Iterable[Row], *keys: str, column: str) -> list[tuple[tuple[str, ...], Decimal]]:
    sums: dict[tuple[str, ...], Decimal] = {}
    for row in rows:
        key = tuple(row[name] for name in keys)
        sums[key] = total([sums.get(key, Decimal(0)), parse_money(row[column])])
    return sorted(sums.items(), key=lambda item: (-item[1], item[0]))


def _cents(rows: Iterable[Row]) -> Decimal:
    return total(parse_money(row["cost"]) for row in rows)


def _exact(rows: Iterable[Row]) -> Decimal:
    return total(parse_money(row["exact_cost"]) for row in rows)


def _money(amount: Decimal) -> str:
    return f"{Decimal(format_cents(amount)):,f}"
