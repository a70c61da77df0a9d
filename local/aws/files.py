"""The seam between local S3 and what reads its objects from disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class LocalObject:
    """The latest version of an S3 object, and the file on disk that holds its bytes."""

    key: str
    path: Path
    size: int


class ObjectFiles(Protocol):
    """S3 as files: lists objects with their paths, and takes finished files in."""

    def objects(self, bucket: str, prefix: str) -> list[LocalObject]:
        """The current objects under a prefix, sorted by key; deleted ones are not among them."""
        ...

    def store(self, bucket: str, key: str, path: Path) -> None:
        """Moves a finished file into S3 as a new version of the key."""
        ...
