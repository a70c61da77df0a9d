"""Compares the checksums of a statement with its PDF and CSV."""

from __future__ import annotations

import re
from collections.abc import Iterator

from local.verify.findings import Finding, failed, passed, short
from local.verify.layout import Artefact

_LINE = re.compile(rb"(?P<sha256>[0-9a-f]{64})  (?P<name>[^/\n]+)")


def check_checksums(sums: Artefact, pdf: Artefact, csv: Artefact) -> Iterator[Finding]:
    """Whether the checksum file holds the hashes of both files, under their names, and nothing else."""
    if sums.content is None:
        return
    problems = list(_problems(sums.content, (pdf, csv)))
    yield from (failed(sums.name, problem) for problem in problems)
    if not problems:
        yield passed(sums.name, f"the SHA-256 of {pdf.path.name} and {csv.path.name}")


def _problems(content: bytes, files: tuple[Artefact, Artefact]) -> Iterator[str]:
    lines = content.split(b"\n")
    if lines[-1:] != [b""] or len(lines) != len(files) + 1:
        yield f"has {len(lines)} parts between its line ends, not one line for each of {len(files)} files"
    for number, (line, file) in enumerate(zip(lines, files, strict=False), start=1):
        found = _LINE.fullmatch(line)
        if found is None:
            yield f"line {number} is no checksum: {line[:80].decode('utf-8', 'backslashreplace')}"
        elif found["name"] != file.path.name.encode():
            yield f"line {number} is about {found['name'].decode('utf-8', 'backslashreplace')}, not {file.path.name}"
        elif file.sha256 is not None and found["sha256"].decode() != file.sha256:
            said = found["sha256"].decode()
            yield f"line {number} says {short(said)}, {file.path.name} has {short(file.sha256)}"
