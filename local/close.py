"""``python -m local close``: closes months of an export, or of the sample organisation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from functions.shared.adapters.policy_source import PolicySource
from functions.shared.periods import BillingPeriod
from functions.shared.policy import compile_policy, load_policy
from local.assembly import ROOT
from local.export_run import export_run
from local.outcome import CLOSED, UsageError, exit_code_of
from local.progress import Show, follow
from local.sample.month import write_month
from local.world import World, open_world

SAMPLE_POLICY = ROOT / "policy" / "meridian.yaml"
SAMPLE_MONTHS = ("2026-03", "2026-04", "2026-05")
SAMPLE_SEED = 7


class CloseOptions(NamedTuple):
    """What the command line asks for; without ``cur`` the sample organisation's months."""

    cur: Path | None
    policy: Path | None
    periods: tuple[BillingPeriod, ...]
    out: Path
    preview: bool
    line_items: int


def close(options: CloseOptions, show: Show) -> int:
    """Closes every month asked for, in order, and stops at the first that cannot be closed; returns the exit code."""
    policy_path = options.policy or SAMPLE_POLICY
    _check_policy(policy_path, options.periods)
    cur = options.cur or _make_sample(options, show)
    if not cur.is_dir():
        raise UsageError(f"{cur}: there is no such folder; --cur names a Data Exports folder with data/ and metadata/")
    show("Starting the local cloud and deploying the stacks …")
    with open_world(options.out) as world:
        policy_key = world.put_policy(policy_path)
        for period in options.periods:
            world.deliver(cur, period)
            code = _close_month(world, period, policy_key, preview=options.preview, show=show)
            if code != CLOSED:
                return code
    return CLOSED


def _check_policy(path: Path, periods: Sequence[BillingPeriod]) -> None:
    """Refuses a policy before anything is started; the deployed function checks it again."""
    source = PolicySource.from_folder(path)
    policy = load_policy(source.text, source.drivers, name=str(path))
    for period in periods:
        compile_policy(policy, period)


def _make_sample(options: CloseOptions, show: Show) -> Path:
    folder = options.out / f"sample-cur-{options.line_items}"
    for period in options.periods:
        if not (folder / "metadata" / f"BILLING_PERIOD={period}").is_dir():
            show(f"Making {period} of the sample organisation, {options.line_items:,} line items …")
            write_month(folder, str(period), line_items=options.line_items, seed=SAMPLE_SEED)
    return folder


def _close_month(world: World, period: BillingPeriod, policy_key: str, *, preview: bool, show: Show) -> int:
    show(f"\n{period}  {'Previewing' if preview else 'Closing'} {period.title}")
    request = {"billing_period": str(period), "preview": preview, "policy_key": policy_key}
    execution = follow(world.cloud.client("stepfunctions"), world.start_close(request), show)
    if execution["status"] != "SUCCEEDED":
        error, cause = execution.get("error", execution["status"]), execution.get("cause", "no cause given")
        show(f"{period}  {error}: {cause}")
        return exit_code_of(error)
    output = json.loads(execution["output"])
    if output["period"]["action"] == "closed":
        folder = world.out / str(period)
        show(f"{period}  is closed already (revision {output['period']['revision']}); nothing to do: {folder}")
        return CLOSED
    _show_summary(export_run(world, str(period), execution), show)
    return CLOSED


def _show_summary(folder: Path, show: Show) -> None:
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    currency = summary["billing_currency"]
    show(
        f"{summary['billing_period']}  {summary['status']}: billed {_thousands(summary['billed_cost'])} {currency}, "
        f"allocated {_thousands(summary['allocated_cost'])} {currency}, delta {summary['delta']}"
    )
    show(f"  summary     {folder / 'summary.json'}")
    show(f"  statements  {folder / 'statements'}  ({len(summary['statements'])} business units)")
    show(f"  ledger      {folder / 'ledger'}")
    show(f"  evidence    {folder / 'evidence.json'}")


def _thousands(amount: str) -> str:
    whole, _, cents = amount.partition(".")
    return f"{int(whole):,}.{cents}" if whole not in {"-0"} else amount
