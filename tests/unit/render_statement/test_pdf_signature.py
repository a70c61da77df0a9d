"""The signature in the PDF: valid for every reader, the same every time, and broken by a single changed bit."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat
from pyhanko.pdf_utils.reader import PdfFileReader
from pypdf import PdfReader

from functions.render_statement import pdf_signature
from functions.render_statement.filing import claimed_time
from functions.render_statement.logic import render_statement
from functions.render_statement.pdf_signature import FIELD, sign_pdf
from functions.render_statement.timestamps import HttpTimestamps, timestamp_authority
from functions.shared.errors import TimestampUnavailable
from tests.unit.render_statement.builders import statement
from tests.unit.signing_kit import (
    NOW,
    PEM,
    Authority,
    KeyAtHand,
    identity,
    intermediate,
    name,
    needs,
    signatory,
    trust_store,
)
from tests.unit.timestamp_authority import TimestampAuthority

SIGN_AND_HASH = """
import hashlib, sys
from datetime import UTC, datetime
from pathlib import Path
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from functions.render_statement.logic import render_statement
from functions.render_statement.pdf_signature import sign_pdf
from functions.shared.signing.identity import SigningIdentity
from functions.shared.signing.signatory import Signatory
from tests.unit import signing_kit
from tests.unit.render_statement.builders import statement

key_file, chain_file = map(Path, sys.argv[1:])
signing_kit.private_key = lambda *_: load_pem_private_key(key_file.read_bytes(), None)
identity = SigningIdentity(key="k", certificate_chain=chain_file.read_text())
pdf = render_statement(statement(cost_centers=1, months=2)).pdf
signed = sign_pdf(pdf, Signatory(identity, signing_kit.KeyAtHand()), signed_at=datetime(2026, 6, 1, tzinfo=UTC))
print(hashlib.sha256(signed).hexdigest())
"""
JUNE = datetime(2026, 6, 1, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[3]
needs_pdfsig = needs("pdfsig", "certutil")


@pytest.fixture(scope="module")
def unsigned() -> bytes:
    return render_statement(statement(cost_centers=1, months=2)).pdf


def pdfsig(file: Path, store: Path) -> str:
    """What poppler says of a file's signatures; its exit code says nothing."""
    return subprocess.run(
        ["pdfsig", "-nssdir", str(store), str(file)], capture_output=True, text=True, check=True
    ).stdout


def embedded_signature(pdf: bytes) -> Any:
    [signature] = PdfFileReader(BytesIO(pdf)).embedded_signatures
    return signature


@needs_pdfsig
def test_poppler_finds_the_signature_valid_and_its_certificate_trusted(tmp_path: Path, unsigned: bytes) -> None:
    file = tmp_path / "statement.pdf"
    file.write_bytes(sign_pdf(unsigned, signatory(), signed_at=JUNE))

    said = pdfsig(file, trust_store(tmp_path))

    assert "Signature Validation: Signature is Valid." in said
    assert "Certificate Validation: Certificate is Trusted." in said
    assert "Signature Type: ETSI.CAdES.detached" in said
    assert "Total document signed" in said
    assert "Signer full Distinguished Name: CN=Statements,O=Meridian Health,C=US" in said


@needs_pdfsig
def test_poppler_finds_one_flipped_bit(tmp_path: Path, unsigned: bytes) -> None:
    content = bytearray(sign_pdf(unsigned, signatory(), signed_at=JUNE))
    content[content.index(b"stream") + 20] ^= 1
    file = tmp_path / "statement.pdf"
    file.write_bytes(content)

    said = pdfsig(file, trust_store(tmp_path))

    assert "Signature is Valid" not in said
    assert "Digest Mismatch" in said


@needs_pdfsig
def test_a_signer_whom_the_root_did_not_certify_is_not_trusted(tmp_path: Path, unsigned: bytes) -> None:
    key, file = KeyAtHand(), tmp_path / "statement.pdf"
    file.write_bytes(sign_pdf(unsigned, signatory(key, authority=Authority("Stranger")), signed_at=JUNE))

    assert "Certificate is Trusted" not in pdfsig(file, trust_store(tmp_path))


def test_the_unsigned_file_is_the_beginning_of_the_signed_one(unsigned: bytes) -> None:
    """So that a statement that is derived again can be compared with one that was signed years ago."""
    assert sign_pdf(unsigned, signatory(), signed_at=JUNE).startswith(unsigned)


def test_the_signature_certifies_that_nothing_may_change(unsigned: bytes) -> None:
    signature = embedded_signature(sign_pdf(unsigned, signatory(), signed_at=JUNE))

    assert signature.field_name == FIELD
    assert signature.docmdp_level.value == 1
    assert signature.self_reported_timestamp == JUNE
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    signature.compute_integrity_info()
    assert signature.evaluate_signature_coverage().name == "ENTIRE_FILE"


def test_one_signature_takes_one_call_of_the_key(unsigned: bytes) -> None:
    """A key in AWS KMS is paid by the call; nothing is signed just to see how long it gets."""
    key = KeyAtHand()

    sign_pdf(unsigned, signatory(key), signed_at=JUNE)

    assert len(key.signed) == 1


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_signatures_of_every_key_size_and_chain_fit_into_the_room_set_aside(unsigned: bytes, bits: int) -> None:
    long = Authority("An issuing authority with a name as long as names may be, and it", by=intermediate())
    key = KeyAtHand("long", bits)

    signed = sign_pdf(unsigned, signatory(key, authority=long, subject=name("S" * 64)), signed_at=JUNE)

    digits = re.search(rb"/Contents <([0-9a-fA-F]+)>", signed)
    assert digits
    unused = len(digits[1]) - len(digits[1].rstrip(b"0"))
    assert 0 < unused < 1100, "no dry run was needed, and little room is wasted"


def test_equal_statements_are_signed_alike_whenever_and_wherever_it_happens(
    unsigned: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both pins that only show after a second has passed: the clock is set, nobody waits."""

    def signed_at_clock(moment: datetime, zone: timedelta) -> bytes:
        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                local = moment.astimezone(tz) if tz else (moment + zone).replace(tzinfo=None)
                return cls.fromisoformat(local.isoformat())

        with monkeypatch.context() as patches:
            changed = 0
            for module_name, module in list(sys.modules.items()):
                if module_name.startswith(("pyhanko", "reportlab")) and getattr(module, "datetime", None) is datetime:
                    patches.setattr(module, "datetime", Clock)
                    changed += 1
            assert changed > 3, "pyHanko keeps its clock elsewhere: look again for what has to be pinned"
            return sign_pdf(unsigned, signatory(), signed_at=JUNE)

    morning = signed_at_clock(datetime(2026, 6, 8, 6, 0, 0, tzinfo=UTC), timedelta(hours=-7))
    years_later = signed_at_clock(datetime(2033, 12, 31, 23, 59, 59, tzinfo=UTC), timedelta(hours=9))

    assert morning == years_later


def test_equal_statements_are_signed_alike_in_every_process_and_time_zone(tmp_path: Path) -> None:
    """One process signs in Auckland, another in Honolulu, with other hash seeds."""
    key_file, chain_file = tmp_path / "key.pem", tmp_path / "chain.pem"
    key_file.write_bytes(KeyAtHand().private.private_bytes(PEM, PrivateFormat.PKCS8, NoEncryption()))
    chain_file.write_text(identity().certificate_chain)

    def run(zone: str, seed: str) -> str:
        environment = os.environ | {"TZ": zone, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", SIGN_AND_HASH, str(key_file), str(chain_file)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=ROOT).stdout

    assert run("Pacific/Auckland", "1") == run("Pacific/Honolulu", "2")


def test_the_private_methods_that_are_pinned_are_those_of_this_version() -> None:
    """Another pyHanko may write other things, or ask for them elsewhere: read pdf_signature.py against it."""
    assert version("pyhanko") == "0.38.0"
    writer = pdf_signature.IncrementalPdfFileWriter
    assert {"_handle_id", "_update_meta"} <= {name for owner in writer.__mro__ for name in vars(owner)}
    assert "_update_meta" in vars(pdf_signature._PinnedWriter)


def test_the_claimed_time_is_the_end_of_the_month_or_the_certificates_first_moment() -> None:
    """A reader that judges the certificate at the claimed time must find it valid then."""
    later = datetime(2026, 6, 5, 9, tzinfo=UTC)

    assert claimed_time("2026-05", identity()) == JUNE
    assert claimed_time("2026-12", identity()) == datetime(2027, 1, 1, tzinfo=UTC)
    assert claimed_time("2026-05", identity(valid_from=later)) == later


def test_a_signed_file_stays_as_readable_as_it_was(unsigned: bytes) -> None:
    signed = sign_pdf(unsigned, signatory(), signed_at=JUNE)

    before, after = PdfReader(BytesIO(unsigned)), PdfReader(BytesIO(signed))
    assert [page.extract_text() for page in after.pages] == [page.extract_text() for page in before.pages]
    assert after.metadata == before.metadata
    assert after.trailer["/Root"]["/Lang"] == "en"  # type: ignore[index]


def test_a_timestamp_authority_says_when_the_signature_existed(unsigned: bytes) -> None:
    timestamps = HttpTimestamps("https://timestamps.example", transport=httpx.MockTransport(TimestampAuthority()))

    signature = embedded_signature(sign_pdf(unsigned, signatory(), signed_at=JUNE, timestamps=timestamps))

    [attribute] = signature.signer_info["unsigned_attrs"]
    token = attribute["values"][0]["content"]["encap_content_info"]["content"].parsed
    assert attribute["type"].native == "signature_time_stamp_token"
    assert token["gen_time"].native == NOW
    assert (
        token["message_imprint"]["hashed_message"].native == sha256(signature.signer_info["signature"].native).digest()
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(503), "503 Service Unavailable"),
        (httpx.Response(200, text="<html>", headers={"Content-Type": "text/html"}), "200 OK, text/html"),
    ],
)
def test_a_statement_is_not_filed_without_the_timestamp_that_was_asked_for(
    unsigned: bytes, answer: httpx.Response, reason: str
) -> None:
    timestamps = HttpTimestamps("https://timestamps.example", transport=httpx.MockTransport(lambda _: answer))

    with pytest.raises(TimestampUnavailable, match=f"^https://timestamps.example: {reason}"):
        sign_pdf(unsigned, signatory(), signed_at=JUNE, timestamps=timestamps)


def test_an_authority_that_cannot_be_reached_is_asked_again_later(unsigned: bytes) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    timestamps = HttpTimestamps("https://timestamps.example", transport=httpx.MockTransport(refuse))
    with pytest.raises(TimestampUnavailable, match="connection refused"):
        sign_pdf(unsigned, signatory(), signed_at=JUNE, timestamps=timestamps)


def test_without_an_authority_there_is_no_timestamp() -> None:
    assert timestamp_authority("none") is None
    assert timestamp_authority("https://timestamps.example") is not None
