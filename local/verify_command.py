"""The command ``verify``, as the command line takes it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

EXIT_CODES = """exit codes:
  0  everything is verified
  2  nothing to verify, or no root certificate to verify it with
  4  a check failed; its line says where"""


def add_verify(commands: Any, show: Callable[[str], None]) -> None:
    """Adds the command."""
    verify = commands.add_parser(
        "verify",
        help="verify signatures, hashes, chain and sums of what was filed, offline",
        description="Verifies the signatures, hashes and sums of a statement, of a period or of all periods, and the "
        "chain of evidence through them. It reads files and nothing else: no AWS, no network, no local cloud. Every "
        "check is a line with what was compared; one that fails says where.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verify.set_defaults(run=lambda options: _verify(options, show))
    verify.add_argument(
        "path",
        type=Path,
        metavar="PATH",
        nargs="?",
        default=Path("out"),
        help="a statement (PDF, CSV or SHA256SUMS), an evidence.json, the folder of a period, or the folder of --out "
        "with all periods (default: out)",
    )
    verify.add_argument(
        "--root-ca",
        type=Path,
        metavar="FILE",
        help="the root certificates that you trust (PEM), of a timestamp authority too (default: the root-ca.pem "
        "beside the periods)",
    )


def _verify(options: argparse.Namespace, show: Callable[[str], None]) -> int:
    from local.verify.command import VerifyOptions, verify

    return verify(VerifyOptions(path=options.path, root_ca=options.root_ca, now=datetime.now(UTC)), show=show)
