"""Finds the first place in which two files, two ledgers or two records differ.

Pure: bytes and rows in, differences out; nothing is taken to be equal that is not byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any

from functions.compare_replay.logic import Difference

NOTHING = "(nothing)"
_SHOWN_BYTES = 16
_OBJECT = re.compile(rb"(?:^|[\r\n])(\d+) 0 obj\b")
_PAGE = re.compile(rb"/Type\s*/Page\b(?!s)")
_CONTENTS = re.compile(rb"/Contents\s+(\d+) 0 R")
_KIDS = re.compile(rb"/Kids\s*\[([^\]]*)\]")
_REFERENCE = re.compile(rb"(\d+) 0 R")


def compare_lines(file: str, filed: bytes, derived: bytes) -> list[Difference]:
    """Two text files: the first line that differs."""
    if filed == derived:
        return []
    pairs = zip_longest(filed.splitlines(keepends=True), derived.splitlines(keepends=True))
    number, (line, other) = next((n, pair) for n, pair in enumerate(pairs, start=1) if pair[0] != pair[1])
    return [Difference(file=file, place=f"line {number:,}", filed=_line(line), derived=_line(other))]


def compare_rows(
    file: str, filed: Iterable[Mapping[str, str]], derived: Iterable[Mapping[str, str]]
) -> list[Difference]:
    """Two listings of a ledger: the first row that differs, and in it the columns that do."""
    for number, (row, other) in enumerate(zip_longest(filed, derived), start=1):
        if row != other:
            columns = [
                name for name in {**(row or {}), **(other or {})} if (row or {}).get(name) != (other or {}).get(name)
            ]
            return [
                Difference(file=file, place=f"row {number:,}", filed=_row(row, columns), derived=_row(other, columns))
            ]
    return []


def compare_signed_pdf(file: str, filed: bytes, derived: bytes) -> list[Difference]:
    """A signed PDF and the unsigned one: the signature is an update, so the signed file begins with the unsigned.

    Otherwise the first byte that differs, and the page whose part of the file it is in.
    """
    if filed.startswith(derived):
        return []
    differing = (at for at, (byte, other) in enumerate(zip(filed, derived, strict=False)) if byte != other)
    at = next(differing, min(len(filed), len(derived)))
    place = f"{_page_at(derived, at)}byte {at:,}"
    return [Difference(file=file, place=place, filed=_bytes(filed, at), derived=_bytes(derived, at))]


def compare_members(file: str, filed: Any, derived: Any, place: str = "") -> Iterator[Difference]:
    """Two JSON values: every member that differs, by its path."""
    if isinstance(filed, dict) and isinstance(derived, dict):
        for name in sorted(filed.keys() | derived.keys()):
            path = f"{place}.{name}" if place else name
            yield from compare_members(file, filed.get(name, NOTHING), derived.get(name, NOTHING), path)
    elif isinstance(filed, list) and isinstance(derived, list):
        for number, (member, other) in enumerate(zip_longest(filed, derived, fillvalue=NOTHING)):
            yield from compare_members(file, member, other, f"{place}[{number}]")
    elif filed != derived:
        yield Difference(file=file, place=place, filed=str(filed), derived=str(derived))


def compare_values(file: str, place: str, filed: object, derived: object) -> list[Difference]:
    """Two values that belong to a file: its hash, or a count."""
    if filed == derived:
        return []
    return [Difference(file=file, place=place, filed=str(filed), derived=str(derived))]


def _line(line: bytes | None) -> str:
    return NOTHING if line is None else line.decode("utf-8", "backslashreplace").rstrip("\n")


def _row(row: Mapping[str, str] | None, columns: list[str]) -> str:
    if row is None:
        return NOTHING
    return ", ".join(f"{name} {row.get(name, NOTHING)}" for name in dict.fromkeys(["entry_id", *columns]))


def _bytes(content: bytes, at: int) -> str:
    return content[at : at + _SHOWN_BYTES].hex(" ") or NOTHING


def _page_at(pdf: bytes, at: int) -> str:
    """The page whose object or content the byte is in, as ``page 3, ``; blank for what belongs to no page."""
    objects = [(int(found[1]), found.start()) for found in _OBJECT.finditer(pdf)]
    current = next((number for number, start in reversed(objects) if start <= at), None)
    starts = dict(objects)
    bodies = {number: pdf[start : _end(pdf, start)] for number, start in starts.items()}
    kids = [
        int(kid) for body in bodies.values() if (found := _KIDS.search(body)) for kid in _REFERENCE.findall(found[1])
    ]
    pages = [kid for kid in kids if kid in bodies and _PAGE.search(bodies[kid])]
    for number, page in enumerate(pages, start=1):
        contents = _CONTENTS.search(bodies[page])
        if current in {page, int(contents[1]) if contents else page}:
            return f"page {number}, "
    return ""


def _end(pdf: bytes, start: int) -> int:
    """Where an object ends, or its dictionary, if a stream follows: that is not searched for pages."""
    ends = [end for end in (pdf.find(b"endobj", start), pdf.find(b"stream", start)) if end >= 0]
    return min(ends, default=len(pdf))
