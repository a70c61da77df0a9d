"""Runs ``verify`` as a user does, and sorts its lines."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from local.__main__ import main
from tests.unit.local.closed_months import MAY

PDF = f"statements/claims-{MAY}-r1.pdf"
CSV = f"statements/claims-{MAY}-r1.csv"
SUMS = f"statements/claims-{MAY}-r1.SHA256SUMS"
LEDGER = f"ledger/billing_period={MAY}/{MAY}-revision-0001-part-00000.parquet"
LEDGER_CONTENT = f"ledger/billing_period={MAY}/{MAY}-revision-0001-*"


@dataclass(frozen=True)
class Verified:
    """How it ended, and its lines by their marks."""

    code: int
    out: list[str]
    err: list[str]

    def marked(self, mark: str) -> list[str]:
        """The lines of checks with a mark, without it."""
        return [line.strip()[2:] for line in self.out if line.startswith(f"  {mark} ")]

    @property
    def passed(self) -> list[str]:
        """What holds."""
        return self.marked("✓")

    @property
    def failed(self) -> list[str]:
        """What does not."""
        return self.marked("✗")

    @property
    def notes(self) -> list[str]:
        """What was not checked."""
        return self.marked("·")

    def says(self, pattern: str) -> bool:
        """Whether a failed check matches."""
        return any(re.search(pattern, line) for line in self.failed)


def verify(path: Path, *options: str | Path) -> Verified:
    """Runs the command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["verify", str(path), *map(str, options)])
    return Verified(code, out.getvalue().splitlines(), err.getvalue().splitlines())


def flip(file: Path, at: int, bit: int = 0) -> None:
    """Flips one bit of one byte."""
    content = bytearray(file.read_bytes())
    content[at] ^= 1 << bit
    file.write_bytes(content)


def flip_in(file: Path, text: str | bytes, by: int = 0) -> None:
    """Flips a bit in the first occurrence of a text; ``by`` bytes after its beginning."""
    wanted = text.encode() if isinstance(text, str) else text
    flip(file, file.read_bytes().index(wanted) + by)


def replace_in(file: Path, old: str, new: str) -> None:
    """Replaces a text where it is first."""
    content = file.read_text(encoding="utf-8")
    assert old in content
    file.write_text(content.replace(old, new, 1), encoding="utf-8")


def blamed(failed: list[str]) -> set[str]:
    """The files that failed lines begin with."""
    return {line.partition(": ")[0] for line in failed}


Damage = Callable[[Path], None]
