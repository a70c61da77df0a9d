"""Looks for secrets in whatever is left behind: as they are, and in every form in which software writes a text.

Compressed and columnar files are opened, JSON within JSON is read, and Base64 is found wherever in a longer text the
secret began.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

SHORTEST = 12
"""Bytes: what is shorter is found by chance."""


class Left(NamedTuple):
    """Something that is left behind: the kind of place, its name, and what is in it."""

    place: str
    name: str
    content: bytes


class Found(NamedTuple):
    """A secret where none may be."""

    secret: str
    form: str
    place: str
    name: str


def search(left: Iterable[Left], secrets: Mapping[str, Iterable[str]]) -> list[Found]:
    """Every secret, by its name, in everything that is left; no value of a secret is in the answer."""
    needles: dict[bytes, tuple[str, str]] = {}
    for name, values in secrets.items():
        for value in values:
            for form, needle in forms_of(value).items():
                needles.setdefault(needle, (name, form))
    # Much is left in several places, and looked through once.
    places: dict[bytes, list[Left]] = {}
    for each in left:
        places.setdefault(each.content, []).append(each)
    found: dict[Found, None] = {}
    for content, holders in places.items():
        # NUL keeps two texts apart that only together would be a secret.
        text = b"\0".join(unpacked(content))
        for needle, (name, form) in needles.items():
            if needle in text:
                found |= {Found(name, form, holder.place, holder.name): None for holder in holders}
    return [*found]


def forms_of(secret: str) -> dict[str, bytes]:
    """A secret as it may be written; raises ValueError on one that is so short that it would be found anywhere."""
    raw = secret.encode()
    if len(raw) < SHORTEST:
        raise ValueError(f"a secret of {len(raw)} bytes would be found by chance: take one of {SHORTEST} or more")
    written = {
        "as it is": secret,
        "in a URL": quote(secret, safe=""),
        "in a form": quote_plus(secret),
        "in JSON": json.dumps(secret)[1:-1],
        "in JSON within JSON": json.dumps(json.dumps(secret))[3:-3],
        "in JSON as UTF-8": json.dumps(secret, ensure_ascii=False)[1:-1],
        "in XML": escape(secret, {'"': "&quot;"}),
        "in Python": repr(secret)[1:-1],
        "in hex": raw.hex(),
        "in HEX": raw.hex().upper(),
    }
    forms = {form: text.encode() for form, text in written.items()}
    for offset in range(3):
        within = _base64_at(raw, offset)
        forms[f"in Base64 at {offset}"] = within
        forms[f"in Base64 for URLs at {offset}"] = within.translate(bytes.maketrans(b"+/", b"-_"))
    return forms


def _base64_at(raw: bytes, offset: int) -> bytes:
    """The characters that depend on nothing but these bytes when so many (modulo 3) come before them."""
    encoded = base64.b64encode(b"\0" * offset + raw)
    return encoded[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]


def unpacked(content: bytes) -> Iterator[bytes]:
    """The content, and what is within when it is a file of a kind that hides its texts."""
    yield content
    if content[:2] == b"\x1f\x8b":
        yield from unpacked(gzip.decompress(content))
    elif content[:4] == b"PAR1":
        yield _rows_of_parquet(content)
    elif content[:5] == b"%PDF-":
        yield from _streams_of_pdf(content)
    elif content[:4] == b"PK\3\4":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield from unpacked(archive.read(member))


def text_of(value: Any) -> bytes:
    """Every text and number within a value, each on a line; JSON within a text is taken apart as well."""
    return "\n".join(_texts(value)).encode()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield str(key)
            yield from _texts(member)
    elif isinstance(value, list | tuple | set):
        for member in value:
            yield from _texts(member)
    else:
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        yield text
        if text[:1] in ("{", "[", '"'):
            try:
                yield from _texts(json.loads(text))
            except ValueError:
                return


def _rows_of_parquet(content: bytes) -> bytes:
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content))
    distinct = {name: {str(value) for value in table.column(name).to_pylist()} for name in table.column_names}
    return text_of([distinct, table.schema.metadata or {}])


def _streams_of_pdf(content: bytes) -> Iterator[bytes]:
    from pypdf import PdfReader
    from pypdf.generic import StreamObject

    reader = PdfReader(io.BytesIO(content))
    for number in reader.xref.get(0, {}):
        found = reader.get_object(number)
        yield str(found).encode()
        if isinstance(found, StreamObject):
            yield found.get_data()
    yield "\n".join(page.extract_text() for page in reader.pages).encode()
    yield text_of(dict(reader.metadata or {}))
