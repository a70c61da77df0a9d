"""Finds what there is to verify in a path: statements, a period, or all periods."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from local.outcome import UsageError

EVIDENCE, SUMMARY, STATEMENTS, LEDGER = "evidence.json", "summary.json", "statements", "ledger"
SUFFIXES = (".pdf", ".csv", ".SHA256SUMS", ".SHA256SUMS.p7s", ".SHA256SUMS.sig")
"""The files of a statement, all with the same stem."""

_STATEMENT = re.compile(r"(?P<unit>.+)-(?P<period>\d{4}-\d{2})-r(?P<revision>[1-9]\d*)")
_PERIOD = re.compile(r"\d{4}-\d{2}")
_REVISION = re.compile(r"revision-\d{4}")
_RECORDS = {SUMMARY, EVIDENCE, f"{EVIDENCE}.p7s", f"{EVIDENCE}.sig"}


@dataclass(frozen=True)
class Artefact:
    """A file that is there or should be; ``name`` is what a reader calls it."""

    path: Path
    name: str

    @cached_property
    def content(self) -> bytes | None:
        """Its bytes; None when there is no such file."""
        return self.path.read_bytes() if self.path.is_file() else None

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of its bytes in hex; None when there is no such file."""
        return None if self.content is None else hashlib.sha256(self.content).hexdigest()

    def with_suffix(self, suffix: str) -> Artefact:
        """The file whose name has something more at its end."""
        return Artefact(self.path.with_name(self.path.name + suffix), self.name + suffix)


class StatementFiles(NamedTuple):
    """The files of one statement: a folder, and the stem of their names."""

    folder: Path
    stem: str

    def file(self, suffix: str) -> Artefact:
        """One of them."""
        path = self.folder / f"{self.stem}{suffix}"
        return Artefact(path, f"{STATEMENTS}/{path.name}" if self.folder.name == STATEMENTS else path.name)

    @property
    def period(self) -> str:
        """The charge period that the name says; blank when it says none."""
        return self._part("period")

    @property
    def revision(self) -> int:
        """The revision that the name says; 0 when it says none."""
        return int(self._part("revision") or 0)

    @property
    def unit(self) -> str:
        """The business unit that the name says, as a part of a file's name."""
        return self._part("unit")

    def _part(self, name: str) -> str:
        found = _STATEMENT.fullmatch(self.stem)
        return found[name] if found else ""


class PeriodFolder(NamedTuple):
    """A folder with the records of one closed revision; the files they name lie in it, or in the folder above."""

    records: Path

    @property
    def files(self) -> Path:
        """What the paths in the evidence are relative to, and the names that a reader sees."""
        return self.records if _is_complete(self.records) else self.records.parent

    def record(self, name: str) -> Artefact:
        """The evidence or the summary."""
        path = self.records / name
        return Artefact(path, path.relative_to(self.files).as_posix())

    def file(self, name: str) -> Artefact:
        """A file by its path in the evidence."""
        return Artefact(self.files / name, name)

    def statements(self) -> list[StatementFiles]:
        """Every statement of which there is any file."""
        return statements_in(self.files / STATEMENTS)


class Target(NamedTuple):
    """What is verified: the records of periods, or else statements by themselves."""

    periods: tuple[PeriodFolder, ...] = ()
    statements: tuple[StatementFiles, ...] = ()


def find_target(path: Path) -> Target:
    """What lies in a path; raises UsageError when there is nothing to verify."""
    path = path.absolute()
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    target = _of_folder(path) if path.is_dir() else _of_file(path)
    if not target.periods and not target.statements:
        raise UsageError(
            f"{path}: nothing to verify; name a statement (PDF, CSV or SHA256SUMS), an evidence.json, the folder of a "
            "period, or the folder that holds them"
        )
    return target


def statements_in(folder: Path) -> list[StatementFiles]:
    """The statements in a folder, in the order of their names."""
    stems = {stem for path in folder.glob("*") if path.is_file() and (stem := _stem(path.name))}
    return [StatementFiles(folder, stem) for stem in sorted(stems)]


def revisions_of(period: Path) -> list[Path]:
    """The folders with a period's records, in the order of its revisions; none when it is no period."""
    return [*_earlier_revisions(period), period] if _is_period(period) else []


def periods_in(folder: Path) -> list[Path]:
    """The folders of periods in a folder, in the order of their months."""
    return sorted(path for path in folder.glob("*") if _PERIOD.fullmatch(path.name) and _is_period(path))


def _of_file(path: Path) -> Target:
    if path.name in _RECORDS:
        return Target(periods=(PeriodFolder(path.parent),))
    stem = _stem(path.name)
    return Target(statements=(StatementFiles(path.parent, stem),) if stem else ())


def _of_folder(path: Path) -> Target:
    if folders := [path] if _is_period(path) else periods_in(path):
        return Target(periods=tuple(PeriodFolder(records) for period in folders for records in revisions_of(period)))
    return Target(statements=tuple(statements_in(path)))


def _is_period(path: Path) -> bool:
    return any((path / name).exists() for name in (EVIDENCE, SUMMARY, STATEMENTS, LEDGER))


def _is_complete(records: Path) -> bool:
    """Whether records lie in the folder of their period, and not in one for an earlier revision."""
    return not _REVISION.fullmatch(records.name) or any((records / name).exists() for name in (STATEMENTS, LEDGER))


def _earlier_revisions(period: Path) -> list[Path]:
    """The records of earlier revisions, which lie in folders of their own."""
    return sorted(path.parent for path in period.glob(f"*/{EVIDENCE}") if _REVISION.fullmatch(path.parent.name))


def _stem(name: str) -> str:
    """What is before a statement's suffix; blank for any other file. The longest suffix is looked for first."""
    return next((name.removesuffix(suffix) for suffix in reversed(SUFFIXES) if name.endswith(suffix)), "")
