"""The command line of the local cloud: ``python -m local``."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from functions.shared.errors import ChargebackError, InvalidPolicy
from functions.shared.periods import BillingPeriod
from local.outcome import UsageError

INTERRUPTED = 130
DEFAULT_LINE_ITEMS = 60_000
EXIT_CODES = """exit codes:
  0  closed (or closed already)
  2  bad input; the line says which file and field
  3  the books are still open; --preview makes draft statements
  4  the ledger does not reconcile to the invoice
  5  posting failed; run again to resume
  1  anything else"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; every error a user can cause is one line on standard error, and its exit code."""
    options = _parser().parse_args(arguments)
    logging.getLogger("moto").setLevel(logging.CRITICAL)  # a failed state is told once, by us
    try:
        return _close(options)
    except InvalidPolicy as error:
        _complain(error)
        for defect in error.defects[1:] and error.defects:
            print(f"  {defect}", file=sys.stderr)
        return error.exit_code
    except ChargebackError as error:
        _complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; nothing is left running, and the next run goes on from here", file=sys.stderr)
        return INTERRUPTED


def _close(options: argparse.Namespace) -> int:
    from local.close import SAMPLE_MONTHS, CloseOptions, close

    if options.cur and not (options.policy and options.period):
        raise UsageError("--cur needs --policy and --period")
    periods = [options.period] if options.period else list(SAMPLE_MONTHS)
    return close(
        CloseOptions(
            cur=options.cur,
            policy=options.policy,
            periods=tuple(BillingPeriod.parse(period) for period in periods),
            out=options.out,
            preview=options.preview,
            line_items=options.line_items,
        ),
        show=lambda line: print(line, flush=True),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local", description="Chargeback on one machine: the deployed stacks, in moto and DuckDB."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    close = commands.add_parser(
        "close",
        help="close a month of a Cost and Usage Report",
        description="Closes a month through the month-end state machine. Without --cur it closes the last final "
        "months of the sample organisation.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    close.add_argument("--cur", type=Path, metavar="DIR", help="a Data Exports folder with data/ and metadata/")
    close.add_argument("--policy", type=Path, metavar="FILE", help="the chargeback policy (YAML), drivers beside it")
    close.add_argument("--period", metavar="YYYY-MM", help="the billing period")
    close.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help="where results go (default: out)")
    close.add_argument(
        "--preview", action="store_true", help="draft statements of an open month; posts nothing"
    )
    close.add_argument(
        "--line-items",
        type=int,
        default=DEFAULT_LINE_ITEMS,
        metavar="N",
        help="size of the sample organisation's months (default: %(default)s)",
    )
    return parser


def _complain(error: ChargebackError) -> None:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
