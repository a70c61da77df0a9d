"""The commands ``periods`` and ``respond``, as the command line takes them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from functions.shared.periods import BillingPeriod
from local.arguments import add_out


def add_periods_commands(commands: Any, show: Callable[[str], None]) -> None:
    """Adds both commands."""
    _add_periods(commands, show)
    _add_respond(commands, show)


def _add_periods(commands: Any, show: Callable[[str], None]) -> None:
    periods = commands.add_parser(
        "periods",
        help="where every month stands, and what owners said to their statements",
        description="Lists every month that was begun: revision, status, the month it is booked in, and the owners' "
        "responses; of a month that failed also why.",
        allow_abbrev=False,
    )
    periods.set_defaults(run=lambda options: _periods(options, show))
    add_out(periods)


def _add_respond(commands: Any, show: Callable[[str], None]) -> None:
    respond = commands.add_parser(
        "respond",
        help="accept or dispute a statement for its owner, or settle a dispute",
        description="Records what the owner of a statement says to it. A dispute never changes a ledger: when it is "
        "granted, an adjustment of the policy books the difference in the open month, and the settlement names it.",
        allow_abbrev=False,
    )
    respond.set_defaults(run=lambda options: _respond(options, show))
    respond.add_argument("response", choices=("accept", "dispute", "settle"))
    respond.add_argument("--period", metavar="YYYY-MM", required=True, help="the month of the statement")
    respond.add_argument("--revision", type=int, default=1, metavar="N", help="its revision (default: 1)")
    respond.add_argument("--business-unit", metavar="ID", required=True, help="whose statement")
    respond.add_argument("--by", metavar="WHO", required=True, help="who says so")
    respond.add_argument("--reason", default="", metavar="TEXT", help="why; a dispute and its settlement need one")
    respond.add_argument("--adjustment", default="", metavar="ID", help="the policy's adjustment that settles it")
    add_out(respond)


def _periods(options: argparse.Namespace, show: Callable[[str], None]) -> int:
    from local.periods import periods

    return periods(options.out, show=show)


def _respond(options: argparse.Namespace, show: Callable[[str], None]) -> int:
    from local.periods import Response, respond

    return respond(
        options.out,
        Response(
            charge_period=str(BillingPeriod.parse(options.period)),
            revision=options.revision,
            business_unit=options.business_unit,
            response=options.response,
            by=options.by,
            reason=options.reason,
            adjustment=options.adjustment,
        ),
        show=show,
    )
