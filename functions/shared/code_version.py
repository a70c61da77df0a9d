"""Which code a run used: a hash over the code itself, so that it needs no release process to be true."""

from __future__ import annotations

import hashlib
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]


def code_version() -> str:
    """The SHA-256 over every Python file of the functions, by path and content."""
    digest = hashlib.sha256()
    for file in sorted(_ROOT.rglob("*.py")):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(_ROOT).as_posix()}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()
