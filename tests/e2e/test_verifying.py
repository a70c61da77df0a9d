"""An auditor follows docs/audit.md: its commands print what the page says, and both ways find one flipped byte."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.command import REPOSITORY, Ended, run
from tests.unit.local.verifying import flip, flip_in
from tests.unit.signing_kit import needs

pytestmark = pytest.mark.slow

PAGE = (REPOSITORY / "docs" / "audit.md").read_text(encoding="utf-8")
APRIL, MAY = "2026-04", "2026-05"
STATEMENT = f"statements/claims-{MAY}-r1"
LEDGER = f"ledger/billing_period={MAY}/{MAY}-revision-0001-part-00000.parquet"
PROGRAMS = ("openssl", "sha256sum", "pdfsig", "certutil")


class Step(NamedTuple):
    """Commands of the page, and the lines under them; in a line ``…`` stands for anything."""

    commands: str
    printed: list[str]

    def first_missing(self, output: str) -> str | None:
        """The first line of the page that the output lacks, in the page's order; None when all are there."""
        lines = iter(output.splitlines())
        for expected in self.printed:
            pattern = re.compile(".*".join(re.escape(part) for part in expected.split("…")))
            if not any(pattern.fullmatch(line) for line in lines):
                return expected
        return None


def steps_of(section: str) -> list[Step]:
    """The commands of one section of the page."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    steps: list[Step] = []
    for language, content in re.findall(r"^```(sh|text)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        if language == "sh":
            steps.append(Step(content, []))
        else:
            steps[-1].printed.extend(content.splitlines())
    return steps


RECIPE = steps_of("Without our tool")


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``out`` in it, in which two months of the sample organisation are closed as ``make run`` does."""
    folder = tmp_path_factory.mktemp("audit")
    for period in (APRIL, MAY):
        assert run("close", "--period", period, "--out", folder / "out").code == 0
    interpreter = folder / ".venv" / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    interpreter.write_text(f'#!/bin/sh\nPYTHONPATH={REPOSITORY} exec {sys.executable} "$@"\n')
    interpreter.chmod(0o755)
    return folder


@pytest.fixture
def copied(closed: Path, tmp_path: Path) -> Path:
    """The same files, as somebody has them who has no cloud; to be damaged."""
    shutil.copytree(closed / "out", tmp_path / "out", ignore=shutil.ignore_patterns(".cloud", "sample-*"))
    return tmp_path


def shell(folder: Path, scratch: Path, steps: list[Step]) -> list[str]:
    """Runs steps one after the other in one shell, as if they were pasted; what each of them printed."""
    mark = "@@ next step"
    script = "\n".join(f"echo; echo '{mark}'\n{step.commands}" for step in steps)
    done = subprocess.run(
        ["bash"],
        input=script,
        cwd=folder,
        env=os.environ | {"TMPDIR": str(scratch), "LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout.split(f"\n{mark}\n")[1:]


@pytest.fixture(scope="module")
def walked(closed: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the recipe prints on what was filed."""
    return shell(closed, tmp_path_factory.mktemp("scratch"), RECIPE)


def test_the_page_has_a_recipe() -> None:
    assert len(RECIPE) == 7
    assert all(step.printed for step in RECIPE)


def test_the_recipe_prints_names_in_a_form_that_every_openssl_has() -> None:
    """Left to itself, OpenSSL writes ``CN = …`` before version 3.2 and ``CN=…`` from it on."""
    printing = [line for step in RECIPE for line in step.commands.splitlines() if " -subject" in line]

    assert len(printing) == 2
    assert all("-nameopt RFC2253" in line for line in printing)


@needs(*PROGRAMS)
@pytest.mark.parametrize("number", range(len(RECIPE)))
def test_every_step_without_our_tool_prints_what_the_page_says(walked: list[str], number: int) -> None:
    assert RECIPE[number].first_missing(walked[number]) is None, walked[number]


@pytest.mark.parametrize("section", ["With our tool", "Would it come out again?"])
def test_our_own_commands_print_what_the_page_says(closed: Path, tmp_path: Path, section: str) -> None:
    [step] = steps_of(section)
    [output] = shell(closed, tmp_path, [step])
    assert step.first_missing(output) is None, output


class Flip(NamedTuple):
    """One flipped byte: where, which step of the recipe is the first to find it, and what that and ``verify`` say."""

    damage: Callable[[Path], None]
    step: int
    said: str
    verified: str


def in_cents_of_a_line(month: Path) -> None:
    line = (month / f"{STATEMENT}.csv").read_text().splitlines()[4]
    flip_in(month / f"{STATEMENT}.csv", line, by=line.rindex(",") - 1)


FLIPS = {
    "PDF": Flip(
        lambda month: flip_in(month / f"{STATEMENT}.pdf", b"stream\n", by=100),
        step=4,
        said=rf"{STATEMENT}.pdf: FAILED",
        verified=rf"✗ {STATEMENT}\.pdf: is not what was signed: .*\d",
    ),
    "CSV": Flip(
        in_cents_of_a_line,
        step=4,
        said=rf"{STATEMENT}.csv: FAILED",
        verified=rf"✗ {STATEMENT}\.csv: line 5, entry [0-9a-f]{{64}}: cost is [\d.-]+, in the ledger [\d.-]+",
    ),
    "ledger": Flip(
        lambda month: flip(month / LEDGER, 4000),
        step=4,
        said=rf"{LEDGER}: FAILED",
        verified=r"✗ ledger/.*: (the entries' hash .*; statement of .*, line \d+|cannot be read: column)",
    ),
    "evidence": Flip(
        lambda month: flip_in(month / "evidence.json", '"allocated_cost": "', by=len('"allocated_cost": "')),
        step=2,
        said="CMS Verification failure",
        verified=r"✗ evidence\.json: control_totals\[0\]\.allocated_cost is .*, reconciliation\.invoices has .* apart",
    ),
}


@needs(*PROGRAMS)
@pytest.mark.parametrize("what", FLIPS)
def test_one_flipped_byte_is_found_without_our_tool(copied: Path, what: str) -> None:
    flipped = FLIPS[what]
    flipped.damage(copied / "out" / MAY)

    printed = shell(copied, copied, RECIPE)

    right = [step.first_missing(output) is None for step, output in zip(RECIPE, printed, strict=True)]
    assert right.index(False) + 1 == flipped.step
    assert flipped.said in printed[flipped.step - 1]


@needs(*PROGRAMS)
@pytest.mark.parametrize(("what", "said"), [("PDF", ["pdf: FAILED", "Digest Mismatch"]), ("CSV", ["csv: FAILED"])])
def test_the_owner_of_a_damaged_statement_needs_no_evidence_to_find_it(
    copied: Path, what: str, said: list[str]
) -> None:
    FLIPS[what].damage(copied / "out" / MAY)

    printed = shell(copied, copied, RECIPE)[4]

    assert all(text in printed for text in said)


@pytest.mark.parametrize("what", FLIPS)
def test_one_flipped_byte_is_found_by_verify_and_it_says_where(copied: Path, what: str) -> None:
    FLIPS[what].damage(copied / "out" / MAY)

    ended = run("verify", copied / "out")

    assert ended.code == 4
    assert says(ended, FLIPS[what].verified), [line for line in ended.out if "✗" in line]
    assert not says(ended, rf"✗ .*{APRIL}-r1"), "April is whole"


@needs(*PROGRAMS)
def test_a_file_that_nobody_signed_for_is_listed(copied: Path) -> None:
    month = copied / "out" / MAY
    shutil.copy(month / f"{STATEMENT}.pdf", month / f"statements/other-{MAY}-r1.pdf")

    printed = shell(copied, copied, RECIPE)

    assert printed[3].splitlines()[-1] == f"statements/other-{MAY}-r1.pdf"


@needs(*PROGRAMS)
def test_another_evidence_in_the_place_of_the_one_before_is_found(copied: Path) -> None:
    flip(copied / "out" / APRIL / "evidence.json", 200)

    printed = shell(copied, copied, RECIPE)

    assert RECIPE[-1].first_missing(printed[-1]) == f"…  {APRIL}/evidence.json"
    assert RECIPE[3].first_missing(printed[3]) is None, "May is whole"


@needs(*PROGRAMS)
def test_a_root_that_is_not_the_organisations_vouches_for_nothing(copied: Path) -> None:
    root = copied / "out" / "root-ca.pem"
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", "-keyout", "/dev/null"]
    subject = ["-subj", "/CN=Chargeback local cloud root"]
    subprocess.run(["openssl", *request, *subject, "-out", str(root)], capture_output=True, check=True)

    printed = shell(copied, copied, RECIPE)

    assert "CMS Verification successful" not in "".join(printed)
    assert "Certificate is Trusted." not in "".join(printed)


def says(ended: Ended, pattern: str) -> bool:
    """Whether a line matches."""
    return any(re.search(pattern, line) for line in ended.out)
