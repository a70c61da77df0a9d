"""Copies what a run made out of the buckets, to where people look for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from functions.shared.periods import BillingPeriod
from functions.shared.run_files import period_prefix
from local.world import World

_RECORD = {"summary.json", "evidence.json"}


def export_run(world: World, period: BillingPeriod, execution: dict[str, Any]) -> Path:
    """Writes a run's summary, evidence, ledger and statements under ``out/<period>``; returns that folder.

    Everything is put together beside the folder first and moved in at the end, so a broken export leaves the old one.
    """
    output = json.loads(execution["output"])
    staging = world.out / f".{period}.part"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    if output["delivery"]["preview"]:
        _export_draft(world, output["period"]["run_id"], staging)
    else:
        _export_closed(world, period, output["period"]["revision"], staging)
    history = _history(world, execution["executionArn"])
    text = json.dumps([{"execution": execution["executionArn"], "events": history}], indent=1, default=str)
    (staging / "history.json").write_text(text, encoding="utf-8")
    return _replace(world.out / str(period), staging)


def is_exported(world: World, period: BillingPeriod, revision: int) -> bool:
    """Whether ``out/<period>`` holds this closed revision: a preview or a killed export may have come in between."""
    try:
        summary = json.loads((world.out / str(period) / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(summary["status"] == "CLOSED" and summary["revision"] == revision)


def _export_closed(world: World, period: BillingPeriod, revision: int, folder: Path) -> None:
    own = period_prefix(str(period), revision)
    _copy(world, world.ledger_bucket, own, folder)
    # The revisions before it stay beside it: its evidence follows on theirs.
    earlier = f"periods/{period}/"
    _copy(world, world.ledger_bucket, earlier, folder, lambda name: not (earlier + name).startswith(own))
    of_period = f"{period}-revision-"
    _copy(world, world.ledger_bucket, "ledger/", folder / "ledger", lambda name: _base(name).startswith(of_period))
    _copy(world, world.statements_bucket, f"charge_period={period}/", folder)


def _export_draft(world: World, run_id: str, folder: Path) -> None:
    _copy(world, world.work_bucket, f"runs/{run_id}/", folder, _RECORD.__contains__)
    _copy(world, world.work_bucket, f"runs/{run_id}/ledger_entries/", folder / "ledger" / "draft")
    _copy(world, world.statements_bucket, f"drafts/{run_id}/", folder)


def _copy(world: World, bucket: str, prefix: str, folder: Path, wanted: Callable[[str], bool] = lambda _: True) -> None:
    """Copies the objects under a prefix whose names below it are wanted."""
    for item in world.cloud.files.objects(bucket, prefix):
        name = item.key.removeprefix(prefix)
        if wanted(name):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(item.path, path)


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _replace(target: Path, staging: Path) -> Path:
    former = target.with_name(f".{target.name}.former")
    shutil.rmtree(former, ignore_errors=True)
    if target.exists():
        target.rename(former)
    staging.rename(target)
    shutil.rmtree(former, ignore_errors=True)
    return target


def _history(world: World, execution_arn: str) -> list[dict[str, Any]]:
    pages = world.cloud.client("stepfunctions").get_paginator("get_execution_history")
    return [event for page in pages.paginate(executionArn=execution_arn) for event in page["events"]]
