"""Documents on disk that survive the death of the process at any instruction.

The journal is a file of JSON lines. A line is one atomic change: a list of `[id, document]` pairs, where a document of
null removes the id. The latest change of an id wins. A line torn by a kill can only be the last one, and is dropped.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local.aws.errors import StateCorrupted, StateInUse

Document = dict[str, Any]


class Journal:
    """A durable mapping from id to document, written through at each change."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # it will hold keys and secrets
        self._path = directory / "journal.jsonl"
        self._lock_file = (directory / "lock").open("w")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock_file.close()
            raise StateInUse(f"{directory} is in use by another process: wait for it, or stop it.") from error
        self._write_lock = threading.Lock()
        self._documents = self._load()
        self._compact()
        self._file = self._path.open("ab")

    def get(self, document_id: str) -> Document | None:
        return self._documents.get(document_id)

    def items(self, prefix: str) -> Iterator[tuple[str, Document]]:
        """The documents whose id starts with the prefix, in order of their last change."""
        return iter([(key, value) for key, value in self._documents.items() if key.startswith(prefix)])

    def write(self, changes: Mapping[str, Document | None]) -> None:
        """Makes all changes durable at once, or none of them."""
        if not changes:
            return
        line = json.dumps(list(changes.items()), ensure_ascii=False, separators=(",", ":")) + "\n"
        with self._write_lock:
            self._file.write(line.encode())
            self._file.flush()
            self._apply(list(changes.items()))

    def close(self) -> None:
        with self._write_lock:
            self._file.close()
            self._lock_file.close()

    def _apply(self, changes: list[tuple[str, Document | None]]) -> None:
        for document_id, document in changes:
            self._documents.pop(document_id, None)
            if document is not None:
                self._documents[document_id] = document

    def _load(self) -> dict[str, Document]:
        self._documents = {}
        if not self._path.exists():
            return self._documents
        lines = self._path.read_bytes().split(b"\n")
        lines.pop()  # what follows the last newline is empty, or a torn line
        for number, line in enumerate(lines, start=1):
            try:
                self._apply(json.loads(line))
            except ValueError as error:
                raise StateCorrupted(f"{self._path}:{number} is not a change of state: {error}") from error
        return self._documents

    def _compact(self) -> None:
        """Rewrites the file with one line a document, so that it grows with the state and not with its history."""
        replacement = self._path.with_suffix(".new")
        with replacement.open("wb") as file:
            for document_id, document in self._documents.items():
                line = json.dumps([[document_id, document]], ensure_ascii=False, separators=(",", ":"))
                file.write(line.encode() + b"\n")
        os.replace(replacement, self._path)  # noqa: PTH105
