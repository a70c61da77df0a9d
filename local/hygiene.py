"""How well months are tagged: measured by the state machine that does it every day, told in a file and on a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from functions.measure_hygiene.model import Hygiene
from functions.record_failure.logic import CaughtError, explain
from functions.shared import run_files
from functions.shared.adapters.hygiene_table import HygieneTable
from functions.shared.periods import BillingPeriod
from local.executions import run_validation
from local.hygiene_report.page import render
from local.outcome import ExecutionFailed
from local.progress import Show, counted
from local.world import World

PAGE = "hygiene.html"
EXACT = "hygiene.json"


def measure_month(world: World, cur: Path, period: BillingPeriod, policy_key: str, show: Show) -> dict[str, Any]:
    """Runs the daily validation on a month that was delivered; returns what was written to the run's output folder.

    A month without a line has no accounts. Raises ExecutionFailed for what the state machine reports.
    """
    show(f"\n{period}  Validating {period.title}")
    try:
        output = run_validation(world, {"billing_period": str(period), "policy_key": policy_key}, show)
    except ExecutionFailed as failure:
        raise ExecutionFailed(failure.error, world.in_paths_of(cur, str(failure))) from failure
    hygiene = empty_hygiene(period)
    if "hygiene" in output:
        content = world.read_work(run_files.hygiene_key(output["delivery"]["run_id"]))
        hygiene = with_history(Hygiene.model_validate_json(content), HygieneTable(world.hygiene_table))
    else:
        reason = explain(CaughtError.model_validate(output["caught"]))
        show(f"{period}  nothing measured: {world.in_paths_of(cur, reason.cause)}")
    text = json.dumps(hygiene, indent=1, ensure_ascii=False)
    (world.out / EXACT).write_text(text + "\n", encoding="utf-8")
    (world.out / PAGE).write_text(render(hygiene), encoding="utf-8")
    return hygiene


def show_hygiene(hygiene: dict[str, Any], show: Show) -> None:
    """Says in one line how well the month is tagged."""
    accounts = hygiene["accounts"]
    over = sum(account["over_threshold"] for account in accounts)
    told = (
        f"untagged {hygiene['untagged_ratio']} of what could be tagged, shared pools {hygiene['shared_pool_share']} of "
        f"the bill; {counted(len(accounts), 'account')}, {over} over the threshold"
    )
    show(f"{hygiene['billing_period']}  {told if accounts else 'nothing to measure'}")


def show_page(period: str, out: Path, show: Show) -> None:
    """Says where the rest is, which is of the month that was measured last."""
    show(f"  {'hygiene':<11} {out / PAGE}  (of {period})")


def empty_hygiene(period: BillingPeriod) -> dict[str, Any]:
    """The result of a month of which nothing is delivered yet."""
    return {
        "billing_period": str(period),
        "untagged_ratio": "0.0000",
        "shared_pool_share": "0.0000",
        "business_units": [],
        "accounts": [],
    }


def with_history(hygiene: Hygiene, table: HygieneTable) -> dict[str, Any]:
    """What was measured, and of every account the ratios of all its days, the oldest first."""
    measured = hygiene.model_dump(mode="json")
    for account in measured["accounts"]:
        account["history"] = [
            {"period_day": record.period_day, "untagged_ratio": record.untagged_ratio}
            for record in table.history(account["account_id"])
        ]
    return measured
