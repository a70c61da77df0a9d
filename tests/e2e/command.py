"""The command line, run as a user runs it, and a look at what it left behind."""

from __future__ import annotations

import io
import json
import sqlite3
import subprocess
import sys
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from local.__main__ import main

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, and the lines it printed."""

    code: int
    out: list[str]
    err: list[str]


def run(*arguments: str | Path) -> Ended:
    """Runs a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return Ended(code, out.getvalue().splitlines(), err.getvalue().splitlines())


def close(cur: Path, policy: Path, period: str, out: Path, *options: str) -> Ended:
    """Closes a month of an export folder."""
    return run("close", "--cur", cur, "--policy", policy, "--period", period, "--out", out, *options)


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    """Starts a command as a process of its own, in its own group, with its output in pipes."""
    command = [sys.executable, "-m", "local", *map(str, arguments)]
    return subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def summary_of(out: Path, period: str) -> dict[str, Any]:
    """What a run says about itself."""
    summary: dict[str, Any] = json.loads((out / period / "summary.json").read_text())
    return summary


def posted(out: Path) -> list[dict[str, Any]]:
    """The expense lines in the books, read from their file behind the books' back."""
    file = out / ".cloud" / "servicenow.sqlite"
    if not file.exists():
        return []
    with closing(sqlite3.connect(file)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("SELECT * FROM fm_expense_line ORDER BY u_chargeback_key")]


def posted_by_cost_center(out: Path) -> dict[str, Decimal]:
    """What the books charge each cost center, all expense lines together."""
    amounts: dict[str, Decimal] = {}
    for line in posted(out):
        amounts[line["u_cost_center"]] = amounts.get(line["u_cost_center"], Decimal(0)) + Decimal(line["amount"])
    return amounts


def stored_keys(out: Path) -> set[str]:
    """Bucket and key of every object that the local cloud's journal holds."""
    journal = out / ".cloud" / "journal.jsonl"
    standing: dict[str, Any] = {}
    for line in journal.read_text().splitlines():
        standing.update(json.loads(line))
    return {document.removeprefix("s3:") for document, content in standing.items() if content and document[:3] == "s3:"}


def published(out: Path) -> list[str]:
    """The ledger and statement files that were published for good."""
    return sorted(key for key in stored_keys(out) if "/ledger/billing_period=" in key or "/charge_period=" in key)


def period_record(out: Path, period: str) -> dict[str, Any]:
    """The item of the period table, as the local cloud keeps it on disk."""
    found: dict[str, Any] = {}
    for line in (out / ".cloud" / "journal.jsonl").read_text().splitlines():
        for document, content in json.loads(line):
            table, _, key = document.partition(":[")
            if "Periods" in table and key == f'{{"S":"{period}"}}]':
                found = content or {}
    return found
