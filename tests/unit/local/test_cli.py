"""The command line refuses what it cannot use in one line, before anything is started."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from local import close as command
from local.__main__ import main
from local.aws.journal import Journal

REPOSITORY = Path(__file__).parents[3]
POLICY = REPOSITORY / "policy" / "meridian.yaml"
PERIOD = "2026-05"


@pytest.fixture(autouse=True)
def _nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the local cloud was started")

    monkeypatch.setattr(command, "open_world", refuse)


@pytest.fixture
def cur(tmp_path: Path) -> Path:
    """As much of an export folder as is looked at before a start."""
    folder = tmp_path / "cur"
    manifest = folder / "metadata" / f"BILLING_PERIOD={PERIOD}" / "x-Manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"executionId": "1", "columns": [], "dataFiles": []}))
    return folder


def run(*arguments: str | Path) -> tuple[int, list[str], list[str]]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return code, out.getvalue().splitlines(), err.getvalue().splitlines()


def refusal(*arguments: str | Path) -> str:
    """The one line in which arguments are refused as bad input."""
    code, out, err = run(*arguments)
    assert (code, out) == (2, [])
    [line] = err
    return line


def close_with(cur: Path, out: Path, policy: Path = POLICY, period: str = PERIOD) -> list[str | Path]:
    return ["close", "--cur", cur, "--policy", policy, "--period", period, "--out", out]


def test_without_a_command_the_commands_are_shown() -> None:
    code, out, err = run()
    assert (code, out) == (2, [])
    assert any(re.match(r"\s+close\s+close a month", line) for line in err)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["open"], r"UsageError: .*'open'.*python -m local --help shows how"),
        (
            ["close", "--periode", "2026-05"],
            r"UsageError: unrecognized arguments: --periode 2026-05; .*--help shows how",
        ),
        (["close", "--line-items", "many"], r"UsageError: argument --line-items: .*'many'; .*close --help shows how"),
        (["close", "--cur", "x"], r"UsageError: --cur needs --policy and --period as well"),
        (["close", "--cur", "x", "--period", "2026-05"], r"UsageError: --cur needs --policy and --period as well"),
        (["close", "--period", "2026-13"], r"InvalidPeriod: billing period '2026-13' is not of the form YYYY-MM, for"),
        (["close", "--period", "May 2026"], r"InvalidPeriod: billing period 'May 2026' is not of the form YYYY-MM"),
        (["close", "--period", "0000-01"], r"InvalidPolicy: .*0000-01"),
        (["close", "--line-items", "1999"], r"UsageError: --line-items 1,999: too few .*; at least 2,000"),
    ],
)
def test_an_impossible_request_is_refused_in_one_line(arguments: list[str], complaint: str, tmp_path: Path) -> None:
    assert re.match(complaint, refusal(*arguments, *(["--out", tmp_path / "out"] if len(arguments) > 1 else [])))
    assert not (tmp_path / "out").exists()


def test_help_says_what_the_exit_codes_mean(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["close", "--help"])
    shown = capsys.readouterr().out
    for code in range(6):
        assert re.search(rf"^  {code}  \w", shown, re.MULTILINE)
    for option in ("--cur", "--policy", "--period", "--out", "--preview", "--line-items"):
        assert option in shown


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refusal(*close_with(tmp_path / "nowhere", tmp_path / "out")) == (
        f"UsageError: --cur {tmp_path}/nowhere: no such folder; name a Data Exports folder, with data/ and metadata/"
    )


def test_a_month_without_manifest_is_refused_with_the_months_that_have_one(cur: Path, tmp_path: Path) -> None:
    line = refusal(*close_with(cur, tmp_path / "out", period="2026-04"))
    assert line.startswith(
        f"ManifestNotFound: {cur}: no manifest for 2026-04, expected as metadata/BILLING_PERIOD=2026-04"
    )
    assert line.endswith("(there is one for 2026-05)")


def test_a_folder_that_is_no_export_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cur").mkdir()
    line = refusal(*close_with(tmp_path / "cur", tmp_path / "out"))
    assert line.startswith("ManifestNotFound: ")
    assert line.endswith("(there is one for no month at all)")


def test_output_cannot_go_into_a_file(cur: Path, tmp_path: Path) -> None:
    file = tmp_path / "results.txt"
    file.touch()
    for out in (file, file / "below"):
        assert re.match(
            rf"UsageError: --out {out}: cannot be written to \(.+\); name another", refusal(*close_with(cur, out))
        )


def test_output_cannot_go_where_nobody_may_write(cur: Path) -> None:
    assert refusal(*close_with(cur, Path("/proc/chargeback"))).startswith(
        "UsageError: --out /proc/chargeback: cannot be"
    )


def test_a_second_process_on_the_same_output_is_told_so(
    cur: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "open_world", lambda out, **_: Journal(out / ".cloud"))
    first = Journal(tmp_path / "out" / ".cloud")
    try:
        code, _, err = run(*close_with(cur, tmp_path / "out"))
    finally:
        first.close()
    assert code == 1
    assert err == [f"StateInUse: {tmp_path}/out/.cloud is in use by another process: wait for it, or stop it."]


def test_a_policy_that_is_not_there_is_named(cur: Path, tmp_path: Path) -> None:
    policy = tmp_path / "nowhere.yaml"
    assert refusal(*close_with(cur, tmp_path / "out", policy)).startswith(f"InvalidPolicy: {policy}: cannot be read: ")


def test_a_policy_that_is_not_yaml_is_refused_with_the_place(cur: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("schema_version: 1\npools: [}\n")
    line = refusal(*close_with(cur, tmp_path / "out", policy))
    assert line.startswith(f"InvalidPolicy: {policy}: line 2, column 9: is not YAML: ")


def test_every_defect_of_a_policy_is_a_line_of_its_own_with_its_path(cur: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    text = POLICY.read_text().replace("cost_basis: effective", "cost_basis: amortised")
    text = text.replace("billing_currency: USD", "billing_currency: usd").replace("driver: headcount", "driver: heads")
    policy.write_text(text)
    code, _, err = run(*close_with(cur, tmp_path / "out", policy))
    assert code == 2
    assert len(err) == len(set(err)) >= 4
    assert all(line.startswith(f"InvalidPolicy: {policy}: ") for line in err)
    for path in ("organization.billing_currency", "cost_basis", "drivers.headcount", "pools["):
        assert any(line.removeprefix(f"InvalidPolicy: {policy}: ").startswith(path) for line in err), (path, err)


def test_a_driver_that_is_not_text_is_named(cur: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.read_text())
    (tmp_path / "headcount.csv").write_bytes(b"billing_period,cost_center,value\n2026-05,CC-1001,\xff\n")
    line = refusal(*close_with(cur, tmp_path / "out", policy))
    assert line.startswith(f"InvalidPolicy: {tmp_path}/headcount.csv: cannot be read: ")


def test_a_policy_that_has_no_driver_values_for_the_month_is_refused(cur: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.read_text())
    rows = (REPOSITORY / "policy" / "headcount.csv").read_text().splitlines(keepends=True)
    (tmp_path / "headcount.csv").write_text("".join(row for row in rows if not row.startswith(PERIOD)))
    line = refusal(*close_with(cur, tmp_path / "out", policy))
    assert re.match(rf"InvalidPolicy: {policy}: .*headcount.*{PERIOD}", line), line


def test_a_policy_whose_cost_center_is_not_valid_in_the_month_is_refused(cur: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    center = "{id: CC-9000, name: "
    text = POLICY.read_text()
    at = text.index("}", text.index(center))
    policy.write_text(text[:at] + ", valid_to: 2026-04" + text[at:])
    (tmp_path / "headcount.csv").write_text((REPOSITORY / "policy" / "headcount.csv").read_text())
    code, _, err = run(*close_with(cur, tmp_path / "out", policy))
    assert code == 2
    assert any("CC-9000 is not valid in 2026-05" in line for line in err), err


def test_a_defect_of_the_program_keeps_its_traceback_out_of_sight(
    cur: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug\nof two lines")

    monkeypatch.setattr(command, "open_world", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, _, err = run(*close_with(cur, tmp_path / "out"))
    assert code == 1
    assert err[0] == "RuntimeError: a bug of two lines"
    [trace] = tmp_path.glob("chargeback-*.log")
    assert err[1:] == [f"this is a defect of the program; its traceback is in {trace}"]
    assert "Traceback" in trace.read_text()
