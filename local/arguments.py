"""Arguments that commands have in common."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_out(command: argparse.ArgumentParser) -> None:
    """``--out``: where a command keeps what it makes, and finds what others made."""
    command.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help="where results go (default: out)")
