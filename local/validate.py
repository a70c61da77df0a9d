"""``python -m local validate``: measures how well a month is tagged, with the state machine that does it every day."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from functions.measure_hygiene.model import Hygiene
from functions.shared import run_files
from functions.shared.adapters.hygiene_table import HygieneTable
from functions.shared.periods import BillingPeriod
from functions.shared.policy.ticket_groups import all_ticket_groups
from local.close import (
    SAMPLE_MONTHS,
    SAMPLE_POLICY,
    check_policy,
    check_sample_years,
    make_folder,
    make_sample,
    read_policy,
)
from local.executions import run_validation
from local.hygiene_report.page import render
from local.outcome import CLOSED, ExecutionFailed, UsageError
from local.progress import Show, counted
from local.world import World, check_columns, open_world

NEWEST_SAMPLES = SAMPLE_MONTHS[-2:]
"""Two months, so that the later one has another to be compared with."""


class ValidateOptions(NamedTuple):
    """Months of an export folder, the policy to measure them by, and where the result goes.

    Without ``cur`` they are months of the sample organisation.
    """

    cur: Path | None
    policy: Path | None
    periods: tuple[BillingPeriod, ...]
    out: Path
    line_items: int


def validate(options: ValidateOptions, show: Show) -> int:
    """Measures the months in order, writes ``hygiene.json`` and ``hygiene.html`` of the last; returns the exit code.

    Raises BadInputError for what is found wrong before anything is started, ExecutionFailed for what the state machine
    reports.
    """
    policy = options.policy or SAMPLE_POLICY
    check_policy(policy, options.periods)
    if options.cur:
        _check_export(options.cur, options.periods)
    else:
        check_sample_years(options.periods)
    make_folder(options.out)
    cur = options.cur or make_sample(options.out, options.periods, options.line_items, show)
    with open_world(options.out, tell=show) as world:
        policy_key = world.put_policy(policy)
        world.make_groups(all_ticket_groups(read_policy(policy).document))
        for period in options.periods:
            world.deliver(cur, period)
            hygiene = _write(world, period, _measured(world, cur, period, policy_key, show))
    _show_hygiene(hygiene, options.out, show)
    return CLOSED


def _check_export(cur: Path, periods: Sequence[BillingPeriod]) -> None:
    if not cur.is_dir():
        raise UsageError(f"--cur {cur}: no such folder; name a Data Exports folder, with data/ and metadata/")
    for period in periods:
        check_columns(cur, period)


def _measured(world: World, cur: Path, period: BillingPeriod, policy_key: str, show: Show) -> dict[str, Any]:
    """The output of the state machine."""
    show(f"\n{period}  Validating {period.title}")
    try:
        return run_validation(world, {"billing_period": str(period), "policy_key": policy_key}, show)
    except ExecutionFailed as failure:
        raise ExecutionFailed(failure.error, world.in_paths_of(cur, str(failure))) from failure


def _write(world: World, period: BillingPeriod, output: dict[str, Any]) -> dict[str, Any]:
    """Writes what was measured, each account with its history, and its page; a month without a line has no accounts."""
    hygiene = empty_hygiene(period)
    if "hygiene" in output:
        content = world.read_work(run_files.hygiene_key(output["delivery"]["run_id"]))
        hygiene = with_history(Hygiene.model_validate_json(content), HygieneTable(world.hygiene_table))
    text = json.dumps(hygiene, indent=1, ensure_ascii=False)
    (world.out / "hygiene.json").write_text(text + "\n", encoding="utf-8")
    (world.out / "hygiene.html").write_text(render(hygiene), encoding="utf-8")
    return hygiene


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


def _show_hygiene(hygiene: dict[str, Any], out: Path, show: Show) -> None:
    accounts = hygiene["accounts"]
    over = sum(account["over_threshold"] for account in accounts)
    show(
        f"{hygiene['billing_period']}  untagged {hygiene['untagged_ratio']} of what could be tagged, shared pools "
        f"{hygiene['shared_pool_share']} of the bill; {counted(len(accounts), 'account')}, {over} over the threshold"
    )
    show(f"  {'hygiene':<11} {out / 'hygiene.html'}")
    show(f"  {'exact':<11} {out / 'hygiene.json'}")
