"""The commands ``request-change`` and ``approve-change``, as the command line takes them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from functions.shared.periods import BillingPeriod
from local.arguments import add_out

CONNECTION_HELP = """the connection (--servicenow) is JSON, as in the secret of the functions, with the credentials of
somebody who may open change requests:
  {"base_url": "https://INSTANCE.service-now.com", "credentials": {"kind": "basic", "username": "…", "password": "…"}}
Given as /dev/stdin it is never written to a disk."""


def add_change_commands(commands: Any, show: Callable[[str], None]) -> None:
    """Adds both commands."""
    _add_request(commands, show)
    _add_approve(commands, show)


def _add_request(commands: Any, show: Callable[[str], None]) -> None:
    request = commands.add_parser(
        "request-change",
        help="ask for the approval that a close with changed rules needs",
        description="Opens a ServiceNow change request that names the digest of a policy, its drivers and the SQL of "
        "this checkout, lists what changed since the last close, and has the what-if table of a month attached. Asked "
        "again for the same rules, it finds the open request and attaches nothing twice.",
        epilog=CONNECTION_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    request.set_defaults(run=lambda options: _request(options, show))
    request.add_argument(
        "--policy",
        type=Path,
        metavar="NEW.yaml",
        required=True,
        help="the policy under the name with which it will be deployed, its drivers beside it",
    )
    request.add_argument("--period", metavar="YYYY-MM", required=True, help="the month of the what-if table")
    request.add_argument("--ratified", type=Path, metavar="FILE", help="the policy in force (default: the sample's)")
    request.add_argument("--cur", type=Path, metavar="DIR", help="a Data Exports folder (default: the sample's)")
    request.add_argument(
        "--servicenow", type=Path, metavar="FILE", help="the connection to an instance (default: the stand-in of DIR)"
    )
    request.add_argument(
        "--evidence",
        type=Path,
        metavar="FILE",
        help="evidence.json of the revision that was closed last (default: that of DIR)",
    )
    add_out(request)


def _add_approve(commands: Any, show: Callable[[str], None]) -> None:
    approve = commands.add_parser(
        "approve-change",
        help="approve a change request of the ServiceNow stand-in, as its approver",
        description="Approves a change request in the books of the local run, as the user whom it was put before: the "
        "functions' own user cannot. On a real instance approvers approve in ServiceNow.",
        allow_abbrev=False,
    )
    approve.set_defaults(run=lambda options: _approve(options, show))
    approve.add_argument("number", metavar="NUMBER", help="the number of the change request, such as CHG0010001")
    add_out(approve)


def _request(options: argparse.Namespace, show: Callable[[str], None]) -> int:
    from local.change_request import ChangeOptions, request_change

    return request_change(
        ChangeOptions(
            proposed=options.policy,
            period=BillingPeriod.parse(options.period),
            out=options.out,
            cur=options.cur,
            ratified=options.ratified,
            servicenow=options.servicenow,
            evidence=options.evidence,
        ),
        show=show,
    )


def _approve(options: argparse.Namespace, show: Callable[[str], None]) -> int:
    from local.change_request import approve_change

    return approve_change(options.number, options.out, show)
