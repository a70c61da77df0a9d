"""``python -m local validate``: measures how well months are tagged, closed or still open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

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
from local.hygiene import measure_month, show_hygiene, show_page
from local.outcome import CLOSED, UsageError
from local.progress import Show
from local.world import check_columns, open_world

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
    with open_world(options.out, tell=show, signs=False) as world:
        policy_key = world.put_policy(policy)
        world.make_groups(all_ticket_groups(read_policy(policy).document))
        for period in options.periods:
            world.deliver(cur, period)
            show_hygiene(measure_month(world, cur, period, policy_key, show), show)
    show_page(str(options.periods[-1]), options.out, show)
    return CLOSED


def _check_export(cur: Path, periods: Sequence[BillingPeriod]) -> None:
    if not cur.is_dir():
        raise UsageError(f"--cur {cur}: no such folder; name a Data Exports folder, with data/ and metadata/")
    for period in periods:
        check_columns(cur, period)
