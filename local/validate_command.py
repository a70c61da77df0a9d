"""The command ``validate``, as the command line takes it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from functions.shared.periods import BillingPeriod


def add_validate(commands: Any, show: Callable[[str], None]) -> None:
    """Adds the command."""
    validate = commands.add_parser(
        "validate",
        help="how well a month is tagged, and what its shared pools are",
        description="Runs the daily validation on a month, open or not: freshness and columns of the delivery, "
        "untagged cost, coverage of mandatory tags, unrecognized values. Writes DIR/hygiene.json.",
        allow_abbrev=False,
    )
    validate.set_defaults(run=lambda options: _validate(options, show))
    validate.add_argument("--cur", type=Path, metavar="DIR", required=True, help="a Data Exports folder")
    validate.add_argument("--policy", type=Path, metavar="FILE", required=True, help="the chargeback policy (YAML)")
    validate.add_argument("--period", metavar="YYYY-MM", required=True, help="the billing period")
    validate.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="where results go (default: out)"
    )


def _validate(options: argparse.Namespace, show: Callable[[str], None]) -> int:
    from local.validate import ValidateOptions, validate

    return validate(
        ValidateOptions(options.cur, options.policy, BillingPeriod.parse(options.period), options.out), show=show
    )
