"""The benchmark measures whole signed statements of the size that it says, and reckons rates from CPU time."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from itertools import count

import pytest

from functions.render_statement.model import StatementModel
from local.__main__ import main
from local.benchmark_statements import Measured, Run, TimedKey, describe, measure, signatory_of
from local.sample.statement import FEWEST_LINES, statement_of


@pytest.mark.parametrize("lines", [FEWEST_LINES, 40, 400, 1_001])
def test_a_sample_statement_adds_up_and_has_exactly_so_many_ledger_lines(lines: int) -> None:
    statement = StatementModel.model_validate(statement_of(lines))
    assert len(statement.ledger_lines) == lines
    assert statement.signed_by is None


def test_every_run_signs_three_times_and_the_keys_part_is_told_apart() -> None:
    ticks = count()
    key = TimedKey(clock=lambda: float(next(ticks)))

    measured = measure(40, 2, signatory_of(key), key)

    of_three_signatures = Run(whole=7.0, key=3.0)
    assert measured.runs == (of_three_signatures, of_three_signatures)
    assert (measured.rate, measured.rate_without_key) == (1 / 7, 1 / 4)
    assert measured.pdf_bytes > 10_000


def test_a_rate_is_by_the_median_and_least_and_most_are_shown() -> None:
    runs = (Run(0.050, 0.010), Run(0.040, 0.010), Run(0.100, 0.010))
    line = describe(Measured(lines=5_000, runs=runs, pdf_bytes=1_234_567))
    assert line.split() == ["5,000", "1,235", "kB", "40.0", "50.0", "100.0", "10.0", "20.0", "25.0"]


def test_the_command_prints_machine_method_and_a_line_for_every_size() -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        code = main(["benchmark", "statements", "--lines", "10", "20", "--runs", "1"])
    shown = out.getvalue()

    assert code == 0
    assert re.search(r"^machine: .*\d cores?, Python 3\.\d+", shown)
    assert "CPU time of this process" in shown
    assert re.findall(r"^ +(\d+) +\d+ kB +[\d.]+ ", shown, re.MULTILINE) == ["10", "20"]
    assert "1 run of each size" in shown


def test_charges_are_posted_to_books_that_limit_the_rate_and_the_command_says_how_fast() -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        code = main(["benchmark", "postings", "--cost-centers", "30", "--requests", "40", "--seconds", "1"])

    assert code == 0
    assert re.search(r"charges +30 posted in [\d.]+ s: \d+ a second", out.getvalue())
    assert re.search(r"books +30 lines, [\d.-]+ USD: read back, each charge once", out.getvalue())


def test_a_load_of_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "postings", "--cost-centers", "0"]) == 2
    assert capsys.readouterr().err.startswith("UsageError: --cost-centers, --processes, --requests and --seconds take")


@pytest.mark.parametrize("options", [["--runs", "0"], ["--lines", "9"]])
def test_a_benchmark_of_nothing_is_refused(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "statements", *options]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("UsageError: --runs takes at least 1, --lines at least 10")
