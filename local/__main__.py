"""The command line of the local cloud: ``python -m local``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from functions.shared.periods import BillingPeriod
from local.arguments import add_out
from local.benchmark import add_benchmark
from local.change_command import add_change_commands
from local.outcome import FAILED, UsageError, exit_code_of, is_expected, lines_of
from local.periods_command import add_periods_commands
from local.validate_command import add_validate
from local.verify_command import add_verify

DEFAULT_LINE_ITEMS = 60_000
DEFAULT_PORT = 4599
EXIT_CODES = """exit codes:
  0  closed, or closed already
  2  bad input; the line on standard error says which file and field
  3  the books are still open; --preview makes draft statements
  4  the ledger does not reconcile to the invoice
  5  posting failed; run again to resume
  1  anything else"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code; progress goes to standard output, errors to standard error."""
    try:
        with _first_interrupt_only():
            options = _parser().parse_args(arguments)
            code: int = options.run(options)
            return code
    except BrokenPipeError:  # whoever read our progress has gone, and so has the place to say so
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (Exception, KeyboardInterrupt) as error:
        for line in lines_of(error):
            print(line, file=sys.stderr)
        if not is_expected(error):
            print(f"this is a defect of the program; its traceback is in {_keep_traceback()}", file=sys.stderr)
        return exit_code_of(error)


def _close(options: argparse.Namespace) -> int:
    if options.cur and not (options.policy and options.period):
        raise UsageError("--cur needs --policy and --period as well")
    period = BillingPeriod.parse(options.period) if options.period else None

    from local.close import SAMPLE_MONTHS, CloseOptions, close

    return close(
        CloseOptions(
            cur=options.cur,
            policy=options.policy,
            periods=(period,) if period else SAMPLE_MONTHS,
            out=options.out,
            preview=options.preview,
            line_items=options.line_items,
            invoices=options.invoices,
            change_gate=options.change_gate,
        ),
        show=_show,
    )


def _what_if(options: argparse.Namespace) -> int:
    from local.what_if import WhatIfOptions, what_if

    return what_if(
        WhatIfOptions(
            cur=options.cur,
            ratified=options.ratified,
            proposed=options.policy,
            period=BillingPeriod.parse(options.period),
            out=options.out,
        ),
        show=_show,
    )


def _explain(options: argparse.Namespace) -> int:
    from local.explain import ExplainOptions, explain

    return explain(
        ExplainOptions(
            out=options.out,
            period=str(BillingPeriod.parse(options.period)) if options.period else None,
            cost_center=options.cost_center,
            service=options.service,
            pool=options.pool,
        ),
        show=_show,
    )


def _replay(options: argparse.Namespace) -> int:
    from local.replay import ReplayOptions, replay

    return replay(ReplayOptions(BillingPeriod.parse(options.period), options.revision, options.out), show=_show)


def _serve(options: argparse.Namespace) -> int:
    from local.serve import serve

    return serve(options.out, options.port, show=_show)


def _deploy_local(options: argparse.Namespace) -> int:
    from local.deploy_local import deploy_local

    return deploy_local(options.out, options.line_items, show=_show)


def _show(line: str) -> None:
    print(line, flush=True)


class _Parser(argparse.ArgumentParser):
    """Complains in one line, as everything else here does."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; {self.prog} --help shows how")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m local",
        description="Chargeback on one machine: the stacks that are deployed to AWS, on a local cloud.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=lambda _: _help(parser))
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_close(commands)
    add_validate(commands, _show)
    _add_what_if(commands)
    add_change_commands(commands, _show)
    _add_explain(commands)
    _add_replay(commands)
    add_periods_commands(commands, _show)
    add_verify(commands, _show)
    _add_serve(commands)
    _add_deploy_local(commands)
    add_benchmark(commands, _show)
    return parser


def _add_close(commands: Any) -> None:
    close = commands.add_parser(
        "close",
        help="close a month of a Cost and Usage Report",
        description="Closes a month of a Cost and Usage Report with the month-end state machine. Without --cur it "
        "closes the last final months of the sample organisation.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    close.set_defaults(run=_close)
    close.add_argument("--cur", type=Path, metavar="DIR", help="a Data Exports folder, with data/ and metadata/")
    close.add_argument(
        "--policy", type=Path, metavar="FILE", help="the chargeback policy (YAML), its drivers beside it"
    )
    close.add_argument("--period", metavar="YYYY-MM", help="the billing period")
    add_out(close)
    close.add_argument(
        "--preview", action="store_true", help="make draft statements, also of an open month; nothing is posted"
    )
    close.add_argument("--change-gate", action="store_true", help="changed rules need an approved change request")
    close.add_argument(
        "--line-items",
        type=int,
        default=DEFAULT_LINE_ITEMS,
        metavar="N",
        help="lines in a month of the sample organisation (default: %(default)s)",
    )
    close.add_argument(
        "--invoices",
        type=Path,
        metavar="FILE",
        help="AWS's invoice totals (CSV: billing_account_id,invoice_id,billing_currency,total) to tie the month to",
    )


def _add_what_if(commands: Any) -> None:
    what_if = commands.add_parser(
        "what-if",
        help="what each cost center would have paid under another policy",
        description="Previews a month under the ratified and under a proposed policy, and shows both side by side. "
        "Nothing is locked, published or posted.",
        allow_abbrev=False,
    )
    what_if.set_defaults(run=_what_if)
    what_if.add_argument("--policy", type=Path, metavar="NEW.yaml", required=True, help="the proposed policy")
    what_if.add_argument("--ratified", type=Path, metavar="FILE", help="the policy in force (default: the sample's)")
    what_if.add_argument("--cur", type=Path, metavar="DIR", help="a Data Exports folder (default: the sample's)")
    what_if.add_argument("--period", metavar="YYYY-MM", required=True, help="the billing period")
    add_out(what_if)


def _add_explain(commands: Any) -> None:
    explain = commands.add_parser(
        "explain",
        help="from a number on a statement down to the line items behind it",
        description="Takes a cost center's number of a closed month apart: by service and pool; with --service down to "
        "ledger entries and line items; with --pool down to the split, the weights and the pool's line items.",
        allow_abbrev=False,
    )
    explain.set_defaults(run=_explain)
    explain.add_argument("--cost-center", metavar="ID", required=True, help="whose number")
    part = explain.add_mutually_exclusive_group()
    part.add_argument("--service", metavar="NAME", help="its direct cost of one service")
    part.add_argument("--pool", metavar="ID", help="its share of one pool")
    explain.add_argument("--period", metavar="YYYY-MM", help="the closed month (default: the newest)")
    add_out(explain)


def _add_replay(commands: Any) -> None:
    replay = commands.add_parser(
        "replay",
        help="derive a closed month again, and compare every byte with what was filed",
        description="Restores the sealed versions of the bill, the ledger, the policy and the SQL of a close, derives "
        "ledger and statements again, and compares them with what was filed. Names the first difference of every file, "
        "and ends with 4 if there is one.",
        allow_abbrev=False,
    )
    replay.set_defaults(run=_replay)
    replay.add_argument("--period", metavar="YYYY-MM", required=True, help="the closed month")
    replay.add_argument("--revision", type=int, metavar="N", help="which revision of it (default: the newest)")
    add_out(replay)


def _add_serve(commands: Any) -> None:
    serve = commands.add_parser(
        "serve",
        help="the local cloud at an address, for the CDK CLI and the AWS CLI",
        description="Serves the local cloud over HTTP until it is interrupted, and prints the environment in which a "
        "program works with it and with no other account.",
        allow_abbrev=False,
    )
    serve.set_defaults(run=_serve)
    serve.add_argument("--port", type=int, default=DEFAULT_PORT, metavar="N", help="(default: %(default)s)")
    add_out(serve)


def _add_deploy_local(commands: Any) -> None:
    deploy = commands.add_parser(
        "deploy-local",
        help="deploy every stack with the CDK CLI to the local cloud, and close a month there",
        description="Bootstraps and deploys the rehearsal environment to a new local cloud with the CDK CLI, delivers "
        "a month of the sample organisation, waits for the close that its manifest starts, and deploys again, which "
        "must change nothing. Everything is kept under DIR/rehearsal, and made anew each time.",
        allow_abbrev=False,
    )
    deploy.set_defaults(run=_deploy_local)
    deploy.add_argument(
        "--line-items",
        type=int,
        default=DEFAULT_LINE_ITEMS,
        metavar="N",
        help="lines in the month (default: %(default)s)",
    )
    add_out(deploy)


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help(sys.stderr)
    return UsageError.exit_code


@contextmanager
def _first_interrupt_only() -> Iterator[None]:
    """Ctrl-C stops the command once; pressed again it must not keep the command from ending what it has started."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _keep_traceback() -> str:
    with tempfile.NamedTemporaryFile("w", prefix="chargeback-", suffix=".log", delete=False) as file:
        traceback.print_exc(file=file)
    return file.name


if __name__ == "__main__":
    sys.exit(main())
