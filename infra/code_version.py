"""Which code a run used: a hash over all that makes its bytes, so that it needs no release process to be true."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

PYTHON = "3.12"
"""What the functions run on."""

_ROOT = Path(__file__).resolve().parents[1]


def code_version(root: Path = _ROOT) -> str:
    """The SHA-256 over every file of the functions, fonts too, over the pins of their packages, and over Python's."""
    digest = hashlib.sha256(f"python {PYTHON}\n".encode())
    for file in _files(root):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(root).as_posix()}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()


def _files(root: Path) -> Iterator[Path]:
    yield from sorted((root / "infra" / "layers").glob("*.txt"))
    for file in sorted((root / "functions").rglob("*")):
        # What editors and desktops leave behind is no code; the package has none of it either.
        if file.is_file() and "__pycache__" not in file.parts and not file.name.startswith("."):
            yield file
