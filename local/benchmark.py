"""``python -m local benchmark``: how fast parts of the product are on this machine, with the method."""

from __future__ import annotations

import argparse
from typing import Any

from local.outcome import UsageError
from local.progress import Show

DEFAULT_LINES = (40, 400, 5_000)
DEFAULT_RUNS = 15


def add_benchmark(commands: Any, show: Show) -> None:
    """Adds the command to the command line."""
    benchmark = commands.add_parser(
        "benchmark",
        help="how fast statements are signed, and charges posted, on this machine",
        description="Measures a part of the product on this machine and prints the figures. Nothing is kept.",
        allow_abbrev=False,
    )
    parts = benchmark.add_subparsers(title="what to measure", metavar="WHAT", required=True)
    _add_statements(parts, show)
    _add_postings(parts, show)


def _add_statements(parts: Any, show: Show) -> None:
    statements = parts.add_parser(
        "statements",
        help="signed statements per second on one core",
        description="Renders and signs statements of some sizes, some times each, and prints the CPU time that one "
        "took: least, median and most, with the signing key's part of it apart.",
        allow_abbrev=False,
    )

    def run(options: argparse.Namespace) -> int:
        from local.benchmark_statements import benchmark_statements

        return benchmark_statements(options.lines, options.runs, show)

    statements.set_defaults(run=run)
    statements.add_argument(
        "--lines",
        type=int,
        nargs="+",
        default=DEFAULT_LINES,
        metavar="N",
        help=f"ledger lines of a statement (default: {' '.join(map(str, DEFAULT_LINES))})",
    )
    statements.add_argument(
        "--runs", type=int, default=DEFAULT_RUNS, metavar="N", help="statements of each size (default: %(default)s)"
    )


def _add_postings(parts: Any, show: Show) -> None:
    postings = parts.add_parser(
        "postings",
        help="charges posted to a ServiceNow that limits the rate",
        description="Posts a month of a large organization to a stand-in that limits the rate and now and then fails, "
        "reads it back, and prints throughput, waits and retries. Every charge must be in the books once.",
        allow_abbrev=False,
    )

    def run(options: argparse.Namespace) -> int:
        if min(options.cost_centers, options.processes, options.requests, options.seconds, options.fault_every + 1) < 1:
            raise UsageError("--cost-centers, --processes, --requests and --seconds take at least 1, --fault-every 0")
        from local.servicenow.load import LoadOptions
        from local.servicenow.load import run as post

        return post(
            LoadOptions(
                cost_centers=options.cost_centers,
                processes=options.processes,
                requests=options.requests,
                window_seconds=options.seconds,
                bare=options.bare,
                fault_every=options.fault_every,
            ),
            show,
        )

    postings.set_defaults(run=run)
    for name, default, said in (
        ("--cost-centers", 2_000, "charges to post"),
        ("--processes", 5, "how many post at a time, each with a token of its own"),
        ("--requests", 500, "requests that the books take in a window"),
        ("--seconds", 2, "how long a window is"),
        ("--fault-every", 50, "one in so many requests goes wrong; 0 for none"),
    ):
        postings.add_argument(name, type=int, default=default, metavar="N", help=f"{said} (default: %(default)s)")
    postings.add_argument(
        "--bare", action="store_true", help="the books refuse without saying when to come back, as a proxy does"
    )
