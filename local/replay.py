"""``python -m local replay``: derives a closed month again from what was sealed, and compares it with the filed one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from functions.compare_replay.logic import Comparison
from functions.read_manifest.logic import name_run
from functions.shared import run_files
from functions.shared.errors import ReplayDiffers
from functions.shared.periods import BillingPeriod
from local.executions import run_replay
from local.outcome import CLOSED, ExecutionFailed, UsageError
from local.progress import Show, counted
from local.world import World, open_world


class ReplayOptions(NamedTuple):
    """A closed month, and which revision of it; None is the newest."""

    period: BillingPeriod
    revision: int | None
    out: Path


def replay(options: ReplayOptions, show: Show) -> int:
    """Replays the month; returns the exit code of an identical one.

    Raises ExecutionFailed with ReplayDiffers when anything differs, after every difference was shown.
    """
    if options.revision is not None and options.revision < 1:
        raise UsageError(f"--revision {options.revision}: the first one of a month is 1")
    if not (options.out / ".cloud").is_dir():
        raise UsageError(f"--out {options.out}: nothing was closed there")
    with open_world(options.out, tell=show) as world:
        asked = f", revision {options.revision}" if options.revision else ""
        show(f"\n{options.period}  Replaying {options.period.title}{asked}")
        request: dict[str, Any] = {"billing_period": str(options.period)}
        if options.revision:
            request["revision"] = options.revision
        arn = world.start_replay(request)
        try:
            run_replay(world, arn, show)
        except ExecutionFailed as failure:
            if failure.error == ReplayDiffers.__name__:
                _show_differences(_export(world, options.period, arn), show)
            raise
        _show_identical(_export(world, options.period, arn), show)
    return CLOSED


def _export(world: World, period: BillingPeriod, execution_arn: str) -> tuple[Comparison, Path]:
    """Copies the result to where people look for it."""
    content = world.read_work(run_files.replay_key(name_run(period, execution_arn, 1)))
    comparison = Comparison.model_validate_json(content)
    path = world.out / "replay" / f"{comparison.charge_period}-revision-{comparison.revision}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(json.loads(content), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return comparison, path


def _show_identical(exported: tuple[Comparison, Path], show: Show) -> None:
    comparison, path = exported
    entries = counted(comparison.entries, "ledger entry", "ledger entries")
    show(
        f"{comparison.charge_period}  revision {comparison.revision} identical: "
        f"{counted(len(comparison.files), 'file')}, {entries}, signed by {comparison.signed_by}"
    )
    _show_rest(comparison, path, show)


def _show_differences(exported: tuple[Comparison, Path], show: Show) -> None:
    comparison, path = exported
    differing = len({difference.file for difference in comparison.differences})
    show(f"{comparison.charge_period}  revision {comparison.revision} DIFFERS in {counted(differing, 'file')}:")
    for difference in comparison.differences:
        show(f"  {difference}")
    _show_rest(comparison, path, show)


def _show_rest(comparison: Comparison, path: Path, show: Show) -> None:
    for note in comparison.notes:
        show(f"  {'note':<11} {note}")
    show(f"  {'result':<11} {path}")
