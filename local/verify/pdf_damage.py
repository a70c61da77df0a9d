"""Finds where a PDF was changed, as far as the file alone tells.

Pages, fonts and pictures are compressed streams that end with a checksum of their own, and a cross-reference table says
where every object begins: a changed byte in any of these shows. What is changed elsewhere is named as what is left.
"""

# mypy: untyped-calls-exclude=asn1crypto

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from asn1crypto import cms

_OBJECT = re.compile(rb"(?:^|[\r\n])(\d+) 0 obj\b")
_STREAM = re.compile(rb"stream\r?\n")
_PAGE = re.compile(rb"/Type\s*/Page\b")
_CONTENTS = re.compile(rb"/Contents\s+(\d+) 0 R")
_FONT = re.compile(rb"/FontFile2?\s+(\d+) 0 R")
_KIDS = re.compile(rb"/Kids\s*\[([^\]]*)\]")
_REFERENCE = re.compile(rb"(\d+) 0 R")
_SECTION = re.compile(rb"(?:^|[\r\n])xref\s+((?:\d+ \d+\s+(?:\d{10} \d{5} [nf]\s+)+)+)")
_SUBSECTION = re.compile(rb"(\d+) (\d+)\s+((?:\d{10} \d{5} [nf]\s+)+)")
_BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*0 (\d+) (\d+) \d+\s*\]")
_END_OF_ASCII85 = b"~>"
_ELSEWHERE = "no page and no font is damaged: it is in the document's structure, or a whole part of it was replaced"


class _Object(NamedTuple):
    """An object of the file: its number, where it begins and ends, and its part before a stream."""

    number: int
    start: int
    end: int
    head: bytes


def where_damaged(pdf: bytes) -> str:
    """Where a PDF was changed: pages and byte ranges, offsets counted from 0."""
    objects = _objects(pdf)
    places = _places(objects)
    damaged = [
        f"{places.get(item.number, f'object {item.number}')}, bytes {span(item.start, item.end)}"
        for item in objects
        if _is_damaged(pdf, item)
    ]
    damaged += [f"its signature, bytes {span(*place)}" for place in _damaged_signatures(pdf)]
    return f"damaged is {'; '.join(damaged)}" if damaged else next(_misplaced(pdf, objects), _ELSEWHERE)


def span(start: int, stop: int) -> str:
    """A range of bytes as people write it, both ends inclusive, counted from 0."""
    return f"{start:,}–{stop - 1:,}"


def _objects(pdf: bytes) -> list[_Object]:
    starts = [(int(found[1]), found.start(1)) for found in _OBJECT.finditer(pdf)]
    ends = [start for _, start in starts[1:]] + [len(pdf)]
    objects = []
    for (number, start), limit in zip(starts, ends, strict=True):
        closing = pdf.find(b"endobj", start, limit)
        end = closing + len(b"endobj") if closing >= 0 else limit
        stream = _STREAM.search(pdf, start, end)
        objects.append(_Object(number, start, end, pdf[start : stream.start() if stream else end]))
    return objects


def _places(objects: list[_Object]) -> dict[int, str]:
    """Where a reader sees an object, by its number: a page for its content and for itself, or a font."""
    heads = {item.number: item.head for item in objects}
    kids = [
        int(kid)
        for head in heads.values()
        if (found := _KIDS.search(head))
        for kid in _REFERENCE.findall(found[1])
        if _PAGE.search(heads.get(int(kid), b""))
    ]
    places = {int(font): "a font" for head in heads.values() for font in _FONT.findall(head)}
    for number, page in enumerate(kids, start=1):
        contents = _CONTENTS.search(heads[page])
        places |= {page: f"page {number}"} | ({int(contents[1]): f"page {number}"} if contents else {})
    return places


def _is_damaged(pdf: bytes, item: _Object) -> bool:
    """Whether a compressed stream no longer decodes to what its own checksum says."""
    if b"/FlateDecode" not in item.head:
        return False
    stream = _STREAM.search(pdf, item.start + len(item.head), item.end)
    closing = pdf.rfind(b"endstream", item.start, item.end)
    if stream is None or closing < 0:
        return True
    content = pdf[stream.end() : closing].rstrip(b"\r\n")
    decompressor = zlib.decompressobj()
    try:
        if b"/ASCII85Decode" in item.head:
            content = base64.a85decode(content.removesuffix(_END_OF_ASCII85))
        decompressor.decompress(content)
    except (ValueError, zlib.error):
        return True
    return not decompressor.eof


def _damaged_signatures(pdf: bytes) -> Iterator[tuple[int, int]]:
    """Where a signature cannot be read as one."""
    for found in _BYTE_RANGE.finditer(pdf):
        start, stop = int(found[1]), int(found[2])
        try:
            signature = bytes.fromhex(pdf[start + 1 : stop - 1].decode("ascii"))
            cms.ContentInfo.load(signature).native  # noqa: B018 - asn1crypto reads lazily; damage has to be found here
        except (ValueError, TypeError, KeyError, IndexError, OverflowError):
            yield start, stop


def _misplaced(pdf: bytes, objects: list[_Object]) -> Iterator[str]:
    """Objects that do not begin where a cross-reference table says."""
    starts = {(item.number, item.start) for item in objects}
    for section in _SECTION.finditer(pdf):
        for first, _, entries in _SUBSECTION.findall(section[1]):
            for number, entry in enumerate(entries.split(b"\n"), start=int(first)):
                offset, *_, kind = entry.split() or [b"0", b"f"]
                if kind == b"n" and (number, int(offset)) not in starts:
                    yield f"object {number} does not begin at byte {int(offset):,}, where the cross-references have it"
