"""What a check came to: one line."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

_SHOWN = 16


class Verdict(StrEnum):
    """How a check went; a note says what was not checked, and why."""

    PASSED = "✓"
    FAILED = "✗"
    NOTE = "·"


class Finding(NamedTuple):
    """A check: the file it is about, and what was compared. Of one that failed also where and by how much."""

    verdict: Verdict
    file: str
    text: str

    def __str__(self) -> str:
        return f"{self.verdict} {self.file}: {self.text}"


def passed(file: str, text: str) -> Finding:
    """A check that holds."""
    return Finding(Verdict.PASSED, file, text)


def failed(file: str, text: str) -> Finding:
    """A check that does not hold."""
    return Finding(Verdict.FAILED, file, text)


def noted(file: str, text: str) -> Finding:
    """Something that a reader should know, and that is no check."""
    return Finding(Verdict.NOTE, file, text)


def short(sha256: str) -> str:
    """As much of a hash as tells it from another one."""
    return f"{sha256[:_SHOWN]}…" if len(sha256) > _SHOWN else sha256


def reason(error: Exception) -> str:
    """Why something could not be read, in one line."""
    return " ".join(str(error).split()) or type(error).__name__
