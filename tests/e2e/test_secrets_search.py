"""The search for secrets finds them in every form, and within every kind of file that the product leaves."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pypdf import PdfWriter
from reportlab.pdfgen.canvas import Canvas

from tests.e2e.secret_search import Left, search, text_of

SECRET = 'p&ss/w+rd=%25 "quoted" \\ <b>é</b>'
PLAIN = "hvs.CAESIJlWh-f0rM_of4token"


def names_found(content: bytes, secret: str) -> set[str]:
    return {found.secret for found in search([Left("place", "name", content)], {"the secret": [secret]})}


@pytest.mark.parametrize(
    "write",
    [
        lambda secret: secret,
        lambda secret: quote(secret, safe=""),
        lambda secret: urlencode({"client_secret": secret}),
        lambda secret: json.dumps({"said": secret}),
        lambda secret: json.dumps({"cause": json.dumps({"said": secret})}),
        lambda secret: json.dumps({"said": secret}, ensure_ascii=False),
        lambda secret: repr({"said": secret}),
        lambda secret: secret.encode().hex(),
        lambda secret: base64.b64encode(secret.encode()).decode(),
        lambda secret: base64.b64encode(f"user:{secret}".encode()).decode(),
        lambda secret: base64.b64encode(f"users:{secret}!".encode()).decode(),
        lambda secret: base64.urlsafe_b64encode(f"us:{secret}".encode()).decode(),
    ],
)
@pytest.mark.parametrize("secret", [SECRET, PLAIN])
def test_a_secret_is_found_however_it_is_written(write: Callable[[str], str], secret: str) -> None:
    assert names_found(f"ERROR 401 {write(secret)} was refused".encode(), secret) == {"the secret"}


def parquet(text: str) -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.table({"note": ["nothing"] * 500 + [text]}), content, compression="zstd")
    return content.getvalue()


_CANVAS: Any = Canvas


def pdf(text: str) -> bytes:
    content = io.BytesIO()
    canvas: Any = _CANVAS(content, pageCompression=1)
    canvas.drawString(72, 720, text)
    canvas.save()
    return content.getvalue()


def titled_pdf(text: str) -> bytes:
    content, writer = io.BytesIO(), PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_metadata({"/Title": text})
    writer.write(content)
    return content.getvalue()


def zipped(text: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("settings.json", text)
    return content.getvalue()


@pytest.mark.parametrize("pack", [parquet, pdf, titled_pdf, zipped, lambda text: gzip.compress(text.encode())])
def test_a_secret_is_found_within_a_file_that_hides_its_texts(pack: Callable[[str], bytes]) -> None:
    assert names_found(pack(PLAIN), PLAIN) == {"the secret"}
    assert names_found(pack("nothing of the kind"), PLAIN) == set()


def test_json_within_a_text_within_json_is_read_to_the_bottom() -> None:
    nested = SECRET
    for _ in range(5):
        nested = json.dumps({"cause": nested})
    assert SECRET.encode() in text_of({"events": [{"details": nested}]})


def test_what_only_resembles_a_secret_is_not_taken_for_one() -> None:
    assert names_found(f"{PLAIN[:-1]} {PLAIN[1:]} {PLAIN.swapcase()}".encode(), PLAIN) == set()


def test_a_secret_that_would_be_found_by_chance_is_refused() -> None:
    with pytest.raises(ValueError, match="a secret of 5 bytes would be found by chance"):
        search([Left("place", "name", b"local")], {"secret key": ["local"]})
