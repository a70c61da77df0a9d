"""Attaches files to a record, each once, whatever is repeated."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from functions.shared.errors import AttachmentMismatch, BooksRateLimited, BooksUnavailable

CHEAP_TO_READ_BYTES = 10 * 1024 * 1024
"""Up to this size a file that is there already is read again and compared byte by byte, beyond it by its size."""


class FileToAttach(NamedTuple):
    """A file as it will be called and what is in it."""

    name: str
    content: bytes
    content_type: str


class AttachedFile(NamedTuple):
    """A file as the record has it; ``size`` in bytes."""

    sys_id: str
    name: str
    size: int


class FileHolder(Protocol):
    """A record that has files. All of it raises the PostingError family."""

    @property
    def name(self) -> str:
        """The record, as messages call it."""
        ...

    def listed(self) -> list[AttachedFile]:
        """The files it has."""
        ...

    def upload(self, file: FileToAttach) -> AttachedFile:
        """Gives it one more."""
        ...

    def read(self, file: AttachedFile) -> bytes:
        """What is in one."""
        ...

    def let_settle(self) -> None:
        """Waits until an upload that was not answered in time is done, or was given up."""
        ...


class FilesAttached(NamedTuple):
    """How many files the record has of ours: ``uploaded`` now, or ``found`` from an earlier attempt."""

    uploaded: int
    found: int


def attach_once(holder: FileHolder, files: Iterable[FileToAttach]) -> FilesAttached:
    """Makes the record have each of these files exactly once.

    Raises AttachmentMismatch when it has another file of the same name, or one of them more than once, or does not show
    what it took; BooksUnavailable when it is unknown whether a file arrived: calling again is always safe.
    """
    wanted = list(files)
    listed = holder.listed()
    new = [file for file in wanted if not _is_there(holder, listed, file)]
    for file in new:
        try:
            holder.upload(file)
        except BooksRateLimited:
            raise
        except BooksUnavailable as error:
            # Perhaps only the answer was lost, or is still to come.
            if _is_there(holder, holder.listed(), file):
                continue
            if not error.is_pending:
                raise
            holder.let_settle()
            if not _is_there(holder, holder.listed(), file):
                raise
    if new:
        _require_all(holder, wanted)
    return FilesAttached(uploaded=len(new), found=len(wanted) - len(new))


def _is_there(holder: FileHolder, listed: Iterable[AttachedFile], file: FileToAttach) -> bool:
    """Whether the record has this very file."""
    found = _named(holder, listed, file)
    if found is None:
        return False
    if found.size <= CHEAP_TO_READ_BYTES and holder.read(found) != file.content:
        raise AttachmentMismatch(
            f"{holder.name}: attachment {found.sys_id} is called {file.name}, but what is in it is not ours (SHA-256 "
            f"{hashlib.sha256(file.content).hexdigest()}); rename or remove it, then run again"
        )
    return True


def _named(holder: FileHolder, listed: Iterable[AttachedFile], file: FileToAttach) -> AttachedFile | None:
    """The one attachment of this name, if it is as long as ours."""
    found = [each for each in listed if each.name == file.name]
    if not found:
        return None
    if len(found) > 1:
        raise AttachmentMismatch(
            f"{holder.name}: {file.name} is attached {len(found)} times, as {' and '.join(f.sys_id for f in found)}; "
            "remove all but one, then run again"
        )
    if found[0].size != len(file.content):
        raise AttachmentMismatch(
            f"{holder.name}: attachment {found[0].sys_id} is called {file.name} and has {found[0].size:,} bytes, ours "
            f"has {len(file.content):,}; rename or remove it, then run again"
        )
    return found[0]


def _require_all(holder: FileHolder, wanted: Iterable[FileToAttach]) -> None:
    listed = holder.listed()
    for file in wanted:
        if _named(holder, listed, file) is None:
            raise AttachmentMismatch(
                f"{holder.name}: {file.name} was accepted but is not shown; let our user read the record's attachments"
            )
