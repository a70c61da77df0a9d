"""``python -m local validate``: measures how well a month is tagged, with the state machine that does it every day."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from functions.measure_hygiene.model import Hygiene
from functions.shared import run_files
from functions.shared.adapters.hygiene_table import HygieneTable
from functions.shared.periods import BillingPeriod
from functions.shared.policy.ticket_groups import all_ticket_groups
from local.close import check_policy, make_folder, read_policy
from local.executions import run_validation
from local.outcome import CLOSED, ExecutionFailed, UsageError
from local.progress import Show, counted
from local.world import World, check_columns, open_world


class ValidateOptions(NamedTuple):
    """A month of an export folder, the policy to measure it by, and where the result goes."""

    cur: Path
    policy: Path
    period: BillingPeriod
    out: Path


def validate(options: ValidateOptions, show: Show) -> int:
    """Measures the month and writes ``hygiene.json``; returns the exit code.

    Raises BadInputError for what is found wrong before anything is started, ExecutionFailed for what the state machine
    reports.
    """
    check_policy(options.policy, [options.period])
    if not options.cur.is_dir():
        raise UsageError(f"--cur {options.cur}: no such folder; name a Data Exports folder, with data/ and metadata/")
    check_columns(options.cur, options.period)
    make_folder(options.out)
    with open_world(options.out, tell=show) as world:
        request = {"billing_period": str(options.period), "policy_key": world.put_policy(options.policy)}
        world.deliver(options.cur, options.period)
        world.make_groups(all_ticket_groups(read_policy(options.policy).document))
        show(f"\n{options.period}  Validating {options.period.title}")
        try:
            output = run_validation(world, request, show)
        except ExecutionFailed as failure:
            raise ExecutionFailed(failure.error, world.in_paths_of(options.cur, str(failure))) from failure
        hygiene = _write(world, options, output)
    _show_hygiene(hygiene, options.out / "hygiene.json", show)
    return CLOSED


def _write(world: World, options: ValidateOptions, output: dict[str, Any]) -> dict[str, Any]:
    """Writes what was measured, each account with its history; a month without any line has no accounts."""
    hygiene = empty_hygiene(options.period)
    if "hygiene" in output:
        content = world.read_work(run_files.hygiene_key(output["delivery"]["run_id"]))
        hygiene = with_history(Hygiene.model_validate_json(content), HygieneTable(world.hygiene_table))
    text = json.dumps(hygiene, indent=1, ensure_ascii=False)
    (options.out / "hygiene.json").write_text(text + "\n", encoding="utf-8")
    return hygiene


def empty_hygiene(period: BillingPeriod) -> dict[str, Any]:
    """The result of a month of which nothing is delivered yet."""
    return {"billing_period": str(period), "untagged_ratio": "0.0000", "shared_pool_share": "0.0000", "accounts": []}


def with_history(hygiene: Hygiene, table: HygieneTable) -> dict[str, Any]:
    """What was measured, and of every account the ratios of all its days, the oldest first."""
    measured = hygiene.model_dump(mode="json")
    for account in measured["accounts"]:
        account["history"] = [
            {"period_day": record.period_day, "untagged_ratio": record.untagged_ratio}
            for record in table.history(account["account_id"])
        ]
    return measured


def _show_hygiene(hygiene: dict[str, Any], path: Path, show: Show) -> None:
    accounts = hygiene["accounts"]
    over = sum(account["over_threshold"] for account in accounts)
    show(
        f"{hygiene['billing_period']}  untagged {hygiene['untagged_ratio']} of what could be tagged, shared pools "
        f"{hygiene['shared_pool_share']} of the bill; {counted(len(accounts), 'account')}, {over} over the threshold"
    )
    show(f"  {'hygiene':<11} {path}")
