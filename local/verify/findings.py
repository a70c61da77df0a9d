"""What a check came to: one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

_SHOWN = 16
_LONGEST_REASON = 160


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


def results(file: str, problems: Iterable[str], text: str) -> Iterator[Finding]:
    """One failed check for each problem; when there is none, one that holds."""
    found = [failed(file, problem) for problem in problems]
    yield from found or [passed(file, text)]


def short(sha256: str) -> str:
    """As much of a hash as tells it from another one."""
    return f"{sha256[:_SHOWN]}…" if len(sha256) > _SHOWN else sha256


def money(amount: Decimal) -> str:
    """An amount as it is, with thousands separators."""
    return f"{amount:,f}"


def reason(error: Exception) -> str:
    """Why something could not be read, in one line that is not too long."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"
