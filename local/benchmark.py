"""``python -m local benchmark``: how fast parts of the product are on this machine, with the method."""

from __future__ import annotations

import argparse
from typing import Any

from local.progress import Show

DEFAULT_LINES = (40, 400, 5_000)
DEFAULT_RUNS = 15


def add_benchmark(commands: Any, show: Show) -> None:
    """Adds the command to the command line."""
    benchmark = commands.add_parser(
        "benchmark",
        help="signed statements per second on one core of this machine",
        description="Renders and signs statements of some sizes, some times each, and prints the CPU time that one "
        "took: least, median and most, with the signing key's part of it apart. Nothing is kept.",
        allow_abbrev=False,
    )

    def run(options: argparse.Namespace) -> int:
        from local.benchmark_statements import benchmark_statements

        return benchmark_statements(options.lines, options.runs, show)

    benchmark.set_defaults(run=run)
    benchmark.add_argument("what", choices=("statements",))
    benchmark.add_argument(
        "--lines",
        type=int,
        nargs="+",
        default=DEFAULT_LINES,
        metavar="N",
        help=f"ledger lines of a statement (default: {' '.join(map(str, DEFAULT_LINES))})",
    )
    benchmark.add_argument(
        "--runs", type=int, default=DEFAULT_RUNS, metavar="N", help="statements of each size (default: %(default)s)"
    )
