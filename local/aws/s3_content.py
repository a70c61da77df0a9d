"""The bytes of S3 objects as files: what was put lies in a directory of ours, what was linked stays in place."""

from __future__ import annotations

import hashlib
import io
import mmap
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from moto.s3.exceptions import S3ClientError

from local.aws.errors import LinkedFileChanged

HASHED_WHOLE = 64 * 1024 * 1024
_SAMPLE = 1024 * 1024


@dataclass(frozen=True)
class FileContent:
    """A file that holds an object's bytes. Takes the place of moto's in-memory buffer."""

    path: Path
    linked_mtime_ns: int | None = None
    """Set for a file that is not ours: its modification time when it was linked."""
    size: int = 0

    def check(self) -> None:
        """Raises LinkedFileChanged when the file is not the one that was linked."""
        if self.linked_mtime_ns is None:
            return
        try:
            status = self.path.stat()
        except OSError as error:
            raise LinkedFileChanged(
                f"{self.path} was linked into S3 and cannot be read any more: {error.strerror}."
            ) from error
        if (status.st_size, status.st_mtime_ns) != (self.size, self.linked_mtime_ns):
            raise LinkedFileChanged(f"{self.path} changed since it was linked into S3: link it again as a new version.")

    def map(self) -> mmap.mmap | bytes:
        """The bytes without reading them."""
        self._check_for_client()
        if self.size == 0:
            return b""
        with self.path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    # moto's FakeKey uses its buffer as a file

    def seek(self, position: int) -> None:
        """moto always seeks to the beginning, and reads everything."""

    def read(self) -> bytes:
        self._check_for_client()
        return self.path.read_bytes()

    def close(self) -> None:
        """Nothing is kept open."""

    def _check_for_client(self) -> None:
        try:
            self.check()
        except LinkedFileChanged as error:
            raise S3ClientError("LinkedFileChanged", str(error)) from error


class ContentDirectory:
    """Files that only ever appear whole, under names that are never used twice."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._incoming = directory / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)

    def write(self, key: str, content: bytes) -> FileContent:
        incoming = self._incoming / uuid.uuid4().hex
        incoming.write_bytes(content)
        return self._adopt(key, incoming)

    def take(self, key: str, path: Path) -> FileContent:
        """Moves a finished file in."""
        incoming = self._incoming / uuid.uuid4().hex
        shutil.move(path, incoming)
        return self._adopt(key, incoming)

    def content(self, name: str, size: int) -> FileContent:
        return FileContent(self._directory / name, size=size)

    def name(self, content: FileContent) -> str:
        return content.path.relative_to(self._directory).as_posix()

    def remove(self, name: str) -> None:
        (self._directory / name).unlink(missing_ok=True)

    def remove_all_but(self, names: set[str]) -> None:
        """Removes what a kill left behind between writing a file and noting it."""
        for path in list(self._files()):
            if path.relative_to(self._directory).as_posix() not in names:
                path.unlink()

    def _files(self) -> Iterator[Path]:
        for directory, _, files in os.walk(self._directory):
            yield from (Path(directory) / name for name in files)

    def _adopt(self, key: str, incoming: Path) -> FileContent:
        unique = uuid.uuid4().hex
        readable = re.sub(r"[^\w.=-]", "_", key.rsplit("/", 1)[-1])[-80:]
        path = self._directory / unique[:2] / f"{unique[2:]}-{readable}"
        path.parent.mkdir(exist_ok=True)
        incoming.rename(path)
        return FileContent(path, size=path.stat().st_size)


def linked(path: Path) -> FileContent:
    """A file of somebody else's, as it is now."""
    status = path.stat()
    return FileContent(path.resolve(), linked_mtime_ns=status.st_mtime_ns, size=status.st_size)


def etag(content: FileContent) -> str:
    """The MD5 of the bytes. Of a large linked file only samples are read: its time of change counts instead."""
    digest = hashlib.md5(usedforsecurity=False)
    with content.path.open("rb") as file:
        if content.linked_mtime_ns is None or content.size <= HASHED_WHOLE:
            while block := file.read(io.DEFAULT_BUFFER_SIZE * 64):
                digest.update(block)
            return digest.hexdigest()
        digest.update(f"{content.size} {content.linked_mtime_ns}".encode())
        digest.update(file.read(_SAMPLE))
        file.seek(-_SAMPLE, os.SEEK_END)
        digest.update(file.read(_SAMPLE))
    return f"{digest.hexdigest()}-{content.size // HASHED_WHOLE + 1}"  # shaped as a multipart upload's
