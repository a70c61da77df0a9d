"""``python -m local what-if``: what each cost center would have paid under another policy."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from functions.prepare_statements.totals import CostCenterTotal, RunTotals
from functions.shared import run_files
from functions.shared.money import ZERO, format_cents, total
from functions.shared.periods import BillingPeriod
from local.close import SAMPLE_POLICY, check_policy, make_folder, make_sample
from local.executions import run_close
from local.outcome import CLOSED, UsageError
from local.progress import Show
from local.sample.month import DEFAULT_LINE_ITEMS
from local.world import World, open_world

CSV_COLUMNS = (
    "cost_center",
    "business_unit",
    "ratified_direct",
    "ratified_shared",
    "ratified_total",
    "proposed_direct",
    "proposed_shared",
    "proposed_total",
    "difference",
)


class WhatIfOptions(NamedTuple):
    """A month under two policies; without ``cur`` and ``ratified`` the sample organisation's."""

    cur: Path | None
    ratified: Path | None
    proposed: Path
    period: BillingPeriod
    out: Path


class Comparison(NamedTuple):
    """One cost center under both policies; None where a policy charges it nothing."""

    cost_center: str
    ratified: CostCenterTotal | None
    proposed: CostCenterTotal | None

    @property
    def business_unit(self) -> str:
        """Its business unit, as the proposed policy has it if that charges it."""
        center = self.proposed or self.ratified
        return center.business_unit if center else ""

    @property
    def difference(self) -> Decimal:
        """Proposed minus ratified."""
        return total([_total(self.proposed), -_total(self.ratified)])


def what_if(options: WhatIfOptions, show: Show) -> int:
    """Previews the month under both policies, shows them side by side, and writes the table as CSV."""
    if (options.cur is None) != (options.ratified is None):
        raise UsageError("--cur and --ratified go together: a bill, and the policy in force on it")
    ratified_policy = options.ratified or SAMPLE_POLICY
    for policy in (ratified_policy, options.proposed):
        check_policy(policy, [options.period])
    make_folder(options.out)
    cur = options.cur or make_sample(options.out, [options.period], DEFAULT_LINE_ITEMS, show)
    with open_world(options.out, tell=show) as world:
        rows = preview_both(world, cur, options.period, (ratified_policy, options.proposed), show)
    show(f"\nas CSV: {write_csv(rows, options.out, options.period, options.proposed)}")
    return CLOSED


def preview_both(
    world: World, cur: Path, period: BillingPeriod, policies: tuple[Path, Path], show: Show
) -> list[Comparison]:
    """Previews a month under the ratified and under the proposed policy, and shows them side by side."""
    world.deliver(cur, period)
    ratified, proposed = (_preview(world, period, policy, show) for policy in policies)
    rows = compare(ratified, proposed)
    _show_table(rows, show)
    return rows


def compare(ratified: RunTotals, proposed: RunTotals) -> list[Comparison]:
    """Both policies side by side, the largest change first."""
    before = {center.cost_center: center for center in ratified.cost_centers}
    after = {center.cost_center: center for center in proposed.cost_centers}
    rows = [Comparison(center, before.get(center), after.get(center)) for center in sorted(before | after)]
    return sorted(rows, key=lambda row: (-abs(row.difference), row.cost_center))


def _preview(world: World, period: BillingPeriod, policy: Path, show: Show) -> RunTotals:
    show(f"\n{period}  under {policy}")
    request = {"billing_period": str(period), "preview": True, "policy_key": world.put_policy(policy)}
    _, output = run_close(world, request, show)
    return RunTotals.model_validate_json(world.read_work(run_files.totals_key(output["period"]["run_id"])))


def _show_table(rows: list[Comparison], show: Show) -> None:
    show(f"\n{'cost center':<14} {'business unit':<22} {'ratified':>16} {'proposed':>16} {'difference':>16}")
    for row in rows:
        show(
            f"{row.cost_center:<14} {row.business_unit:<22} {_money(_total(row.ratified)):>16} "
            f"{_money(_total(row.proposed)):>16} {_money(row.difference):>16}"
        )
    sums = [total(_total(row.ratified) for row in rows), total(_total(row.proposed) for row in rows)]
    difference = total([sums[1], -sums[0]])
    show(f"{'total':<14} {'':<22} {_money(sums[0]):>16} {_money(sums[1]):>16} {_money(difference):>16}")


def write_csv(rows: list[Comparison], out: Path, period: BillingPeriod, proposed: Path) -> Path:
    """Writes the table under the folder of results; returns its path."""
    path = out / "what-if" / f"{period}-{proposed.stem}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        for row in rows:
            amounts = [*_amounts(row.ratified), *_amounts(row.proposed), row.difference]
            writer.writerow([row.cost_center, row.business_unit, *(format_cents(amount) for amount in amounts)])
    return path


def _amounts(center: CostCenterTotal | None) -> tuple[Decimal, Decimal, Decimal]:
    return (center.direct, center.shared, center.total) if center else (ZERO, ZERO, ZERO)


def _total(center: CostCenterTotal | None) -> Decimal:
    return center.total if center else ZERO


def _money(amount: Decimal) -> str:
    return f"{Decimal(format_cents(amount)):,f}"
