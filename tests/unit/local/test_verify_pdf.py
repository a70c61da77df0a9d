"""A changed PDF is found with the page or the bytes, and one that belongs elsewhere is not taken for this one."""

from __future__ import annotations

import re
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from functions.shared.signing.detached import sign_file
from tests.unit.local.closed_months import APRIL, MAY
from tests.unit.local.verifying import CSV, PDF, SUMS, Damage, blamed, flip, flip_in, verify
from tests.unit.signing_kit import signatory


def content_stream(pdf: bytes) -> int:
    """A byte in the middle of the first page's content."""
    page = re.search(rb"/Contents (\d+) 0 R", pdf)
    assert page
    start = pdf.index(b"\n%s 0 obj" % page[1])
    return pdf.index(b"stream", start) + 200


def in_page(file: Path) -> None:
    flip(file, content_stream(file.read_bytes()))


def in_signature(file: Path) -> None:
    begins = re.search(rb"/Contents <", file.read_bytes())
    assert begins
    flip(file, begins.end() + 3000, bit=1)


def in_empty_space(file: Path) -> None:
    flip(file, file.read_bytes().rindex(b"00>") + 1)


def in_dictionary(file: Path) -> None:
    flip_in(file, "/Title", by=2)


def in_cross_references(file: Path) -> None:
    flip_in(file, " 00000 n", by=-1)


def appended(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"% paid\n")


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-300])


@pytest.mark.parametrize(
    ("damage", "where"),
    [
        (in_page, r"is not what was signed: damaged is page 1, bytes [\d,]+–[\d,]+$"),
        (in_signature, r"signature, bytes [\d,]+–[\d,]+"),
        (in_empty_space, r"bytes [\d,]+–[\d,]+, the empty space after the signature, are not empty$"),
        (in_dictionary, r"is not what was signed: no page and no font is damaged: it is in the document's structure"),
        (in_cross_references, r"object \d+ does not begin at byte [\d,]+, where the cross-references have it$"),
        (appended, r"bytes [\d,]+–[\d,]+ were added after it was signed$"),
        (cut_off, r"cannot be read as a signed PDF"),
    ],
)
def test_a_changed_pdf_is_found_with_the_place_of_the_change(may: Path, damage: Damage, where: str) -> None:
    damage(may / PDF)

    ended = verify(may)

    assert ended.code == 4
    assert ended.says(rf"^{re.escape(PDF)}: .*{where}")
    assert ended.says(rf"^{SUMS}: line 1 says [0-9a-f]{{16}}…, claims-{MAY}-r1\.pdf has [0-9a-f]{{16}}…$")
    assert ended.says(rf"^{re.escape(PDF)}: has the SHA-256 .* \(statements\[0\]\.pdf_sha256\)$")
    assert blamed(ended.failed) == {PDF, SUMS}


def test_appended_bytes_are_counted_from_the_end_of_what_was_signed(may: Path) -> None:
    signed = (may / PDF).stat().st_size
    appended(may / PDF)
    assert verify(may).says(rf"bytes {signed:,}–{signed + 6:,} were added after it was signed$")


def test_a_page_of_many_is_named(may: Path) -> None:
    content = (may / PDF).read_bytes()
    pages = list(dict.fromkeys(re.findall(rb"/Contents (\d+) 0 R", content)))
    start = content.index(b"\n%s 0 obj" % pages[-1])
    flip(may / PDF, content.index(b"stream", start) + 100)
    assert verify(may).says(rf"damaged is page {len(pages)}, bytes {start + 1:,}–")


def test_statements_swapped_between_units_are_found(may: Path) -> None:
    folder = may / "statements"
    for one in sorted(folder.glob("claims-*")):
        other = folder / one.name.replace("claims", "digital")
        one.rename(folder / "kept")
        other.rename(one)
        (folder / "kept").rename(other)

    ended = verify(may)

    assert ended.code == 4
    for unit, other in (("claims", "digital"), ("digital", "claims")):
        stem = f"statements/{unit}-{MAY}-r1"
        assert ended.says(rf"^{stem}\.SHA256SUMS: line 1 is about {other}-{MAY}-r1\.pdf, not {unit}-{MAY}-r1\.pdf$")
        assert ended.says(rf"^{stem}\.csv: line 2 has business_unit {other}, the file is named for {unit}$")
        assert ended.says(rf"^{stem}\.pdf: has the SHA-256 ")
    for unit in ("claims", "digital"):
        alone = verify(folder / f"{unit}-{MAY}-r1.pdf")
        assert alone.code == 4


def test_a_pdf_beside_another_csv_that_is_signed_as_well_does_not_belong_to_it(may: Path) -> None:
    """Checksums and their signatures made anew by the signer, over a PDF of another statement."""
    shutil.copy(may.parent / APRIL / f"statements/claims-{APRIL}-r1.pdf", may / PDF)
    lines = [f"{sha256((may / name).read_bytes()).hexdigest()}  {Path(name).name}\n" for name in (PDF, CSV)]
    (may / SUMS).write_text("".join(lines))
    signature = sign_file((may / SUMS).read_bytes(), signatory())
    (may / f"{SUMS}.p7s").write_bytes(signature.cms)
    (may / f"{SUMS}.sig").write_bytes(signature.raw)

    ended = verify(may)

    assert ended.says(
        rf"^{re.escape(PDF)}: page 1 does not say USD [\d,.]+, what the lines of claims-{MAY}-r1\.csv add up to$"
    )
    assert blamed([line for line in ended.failed if "the evidence names" not in line]) == {PDF}
