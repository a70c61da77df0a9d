"""The scan of what is deployed and of the repository: its scanners find what there is to be found."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from local.assembly import ROOT


@pytest.fixture(scope="module")
def scan() -> ModuleType:
    """What ``make scan`` runs."""
    spec = importlib.util.spec_from_file_location("scan", ROOT / ".ci" / "scan.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["scan"] = module
    spec.loader.exec_module(module)
    return module


def test_what_looks_like_a_secret_and_is_none_has_a_reason(scan: ModuleType) -> None:
    for text, reason in scan.not_secrets().items():
        assert len(reason.split()) >= 4, text
        assert reason.endswith("."), text


def test_whatever_git_would_take_is_looked_at_for_secrets(scan: ModuleType) -> None:
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    looked_at = set(scan.tracked_files())
    left_out = {name for name in kept if name and (ROOT / name).is_file()} - looked_at
    assert left_out <= {".ci/not_secrets.json"}
    assert not {name for name in looked_at if name.startswith((".venv/", ".cache/", "out/"))}


def test_an_explanation_of_what_is_not_found_is_an_error(scan: ModuleType) -> None:
    found = {("a", "rule"): "said", ("b", "rule"): "said"}
    report = scan.Report("checkov", "templates", 10**6, found, frozenset({("a", "rule"), ("c", "rule")}))
    assert report.unexplained == ["b: rule said"]
    assert report.stale == ["c: rule is explained but not found"]
    assert not report.missing


@pytest.mark.parametrize("scanner", ["cdk-nag", "cfn-lint", "checkov", "detect-secrets", "zizmor"])
def test_a_scanner_that_looks_at_too_little_is_an_error(scan: ModuleType, scanner: str) -> None:
    least = scan.CHECKS[scanner][1]
    assert least > 0
    assert not scan.Report(scanner, "", least, {}, frozenset()).missing
    assert scan.Report(scanner, "", least - 1, {}, frozenset()).missing


@pytest.mark.slow
def test_every_scanner_finds_a_fault_that_is_made_for_it(scan: ModuleType) -> None:
    scan.find_planted_faults(scan.Scanners(ROOT / ".cache"))


@pytest.mark.slow
@pytest.mark.parametrize("excuse", ["", "  # pragma: allowlist secret"])
def test_a_key_of_aws_is_found_whatever_a_comment_says(scan: ModuleType, tmp_path: Path, excuse: str) -> None:
    (tmp_path / "settings.py").write_text(f'access = "{"AKIA" + "Z3MSH5TQK2VDRWXN"}"{excuse}\n', encoding="utf-8")
    (tmp_path / "empty.py").touch()
    report = scan.secrets(scan.Scanners(ROOT / ".cache"), tmp_path, ["settings.py", "empty.py"])
    [line] = report.unexplained
    assert line.startswith("settings.py: AWS Access Key with SHA-1 ")
    assert "Z3MSH5TQK2VDRWXN" not in line
