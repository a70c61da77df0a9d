"""Copies what a run made out of the buckets, to where people look for it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from local.world import World


def export_run(world: World, billing_period: str, execution: dict[str, Any]) -> Path:
    """Writes a finished run's summary, evidence, ledger and statements under ``out/<period>``; returns that folder.

    Everything is put together beside the folder first and moved in at the end, so a broken export leaves the old one.
    """
    output = json.loads(execution["output"])
    target = world.out / billing_period
    staging = world.out / f".{billing_period}.part"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    preview = output["delivery"]["preview"]
    run_id = output["period"]["run_id"]
    if preview:
        statements = f"drafts/{run_id}/"
        _copy(world, world.work_bucket, f"runs/{run_id}/ledger_entries/", staging / "ledger" / "draft")
    else:
        statements = f"charge_period={billing_period}/"
        _copy(world, world.ledger_bucket, "ledger/", staging, of=f"{billing_period}-revision-")
    _copy(world, world.statements_bucket, statements, staging)
    for name in ("summary", "evidence"):
        _, _, location = output["summary"][name].partition("://")
        bucket, _, key = location.partition("/")
        _copy(world, bucket, key, staging, rename=f"{name}.json")
    history = _history(world, execution["executionArn"])
    text = json.dumps([{"execution": execution["executionArn"], "events": history}], indent=1, default=str)
    (staging / "history.json").write_text(text, encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    staging.rename(target)
    return target


def _copy(world: World, bucket: str, prefix: str, folder: Path, *, of: str = "", rename: str = "") -> None:
    """Copies the objects under a prefix; with ``of`` those whose names begin so, under their whole keys."""
    for item in world.cloud.files.objects(bucket, prefix):
        if not item.key.rpartition("/")[2].startswith(of):
            continue
        name = rename or (item.key if of else item.key.removeprefix(prefix))
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(item.path, path)


def _history(world: World, execution_arn: str) -> list[dict[str, Any]]:
    pages = world.cloud.client("stepfunctions").get_paginator("get_execution_history")
    return [event for page in pages.paginate(executionArn=execution_arn) for event in page["events"]]
