"""The command ``validate``, as the command line takes it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from functions.shared.periods import BillingPeriod
from local.arguments import add_out
from local.outcome import UsageError


def add_validate(commands: Any, show: Callable[[str], None]) -> None:
    """Adds the command."""
    validate = commands.add_parser(
        "validate",
        help="how well a month is tagged, and what its shared pools are",
        description="Runs the daily validation on a month, open or not: freshness and columns of the delivery, "
        "untagged cost, coverage of mandatory tags, unrecognized values. Writes DIR/hygiene.json and DIR/hygiene.html.",
        allow_abbrev=False,
    )
    validate.set_defaults(run=lambda options: _validate(options, show))
    validate.add_argument(
        "--cur", type=Path, metavar="DIR", help="a Data Exports folder (default: the sample organisation's)"
    )
    validate.add_argument("--policy", type=Path, metavar="FILE", help="the chargeback policy (YAML)")
    validate.add_argument(
        "--period", metavar="YYYY-MM", help="the billing period (default: the sample's last two, one after the other)"
    )
    add_out(validate)


def _validate(options: argparse.Namespace, show: Callable[[str], None]) -> int:
    if options.cur and not (options.policy and options.period):
        raise UsageError("--cur needs --policy and --period as well")
    period = BillingPeriod.parse(options.period) if options.period else None

    from local.sample.month import DEFAULT_LINE_ITEMS
    from local.validate import NEWEST_SAMPLES, ValidateOptions, validate

    return validate(
        ValidateOptions(
            cur=options.cur,
            policy=options.policy,
            periods=(period,) if period else NEWEST_SAMPLES,
            out=options.out,
            line_items=DEFAULT_LINE_ITEMS,
        ),
        show=show,
    )
