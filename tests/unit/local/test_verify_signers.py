"""Whose signature counts: keys are rotated, certificates expire, and nobody signs for somebody else."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from functions.render_statement.timestamps import HttpTimestamps
from functions.shared.signing.identity import SigningIdentity
from functions.shared.signing.signatory import Signatory
from local.verify.command import VerifyOptions
from local.verify.command import verify as verify_at
from tests.unit.local.closed_months import APRIL, MAY, Month, sign, write_month, write_months, write_root
from tests.unit.local.verifying import verify
from tests.unit.signing_kit import NOW, Authority, KeyAtHand, identity, private_key, root, signatory
from tests.unit.timestamp_authority import TimestampAuthority

FIRST, SECOND = KeyAtHand("first of two"), KeyAtHand("second of two", bits=3072)


def unchecked(key: KeyAtHand, **options: Any) -> Signatory:
    """Signs with a certificate that an identity would not take: as somebody would who has the key."""
    chain = root().issue(key.public_key(), **options)
    return Signatory(SigningIdentity.model_construct(key=key.reference, certificate_chain=chain), key)


def test_a_key_rotated_between_two_months_leaves_both_verifying(tmp_path: Path) -> None:
    write_months(tmp_path, Month(APRIL, by=signatory(FIRST)), Month(MAY, by=signatory(SECOND)))

    ended = verify(tmp_path)

    assert (ended.code, ended.failed) == (0, [])
    signers = {line.partition("certificate ")[2][:16] for line in ended.passed if "evidence.json.p7s" in line}
    assert len(signers) == 2


def test_a_certificate_of_another_root_is_refused(closed: Path, tmp_path: Path) -> None:
    other = Authority("Another root")
    write_root(tmp_path)
    write_month(tmp_path, Month(MAY, by=signatory(FIRST, authority=other)))

    ended = verify(tmp_path)

    assert ended.code == 4
    refusal = "the certificate of CN=Statements, O=Meridian Health, C=US, issued by Common Name: Another root, "
    for file in (
        "evidence.json.p7s",
        *(f"statements/{unit}-{MAY}-r1{end}" for unit in ("claims", "digital") for end in (".pdf", ".SHA256SUMS.p7s")),
    ):
        assert ended.says(rf"^{re.escape(file)}: {refusal}does not lead to CN=Test root \("), file

    (tmp_path / "other.pem").write_text(other.pem)
    assert verify(tmp_path, "--root-ca", tmp_path / "other.pem").code == 0
    assert verify(closed, "--root-ca", tmp_path / "other.pem").code == 4


def test_a_root_of_the_same_name_with_another_key_is_another_root(closed: Path, tmp_path: Path) -> None:
    impostor = Authority("Test root", by=None)
    impostor.key = private_key("impostor", 2048)
    impostor.certificate = impostor._certificate(
        impostor.name, impostor.key.public_key(), impostor, usages={"key_cert_sign", "crl_sign"}, ca=True
    )
    (tmp_path / "impostor.pem").write_text(impostor.pem)
    assert verify(closed, "--root-ca", tmp_path / "impostor.pem").code == 4


def test_several_roots_may_be_trusted(closed: Path, tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_text(Authority("Another root").pem + root().pem)
    assert verify(closed, "--root-ca", tmp_path / "roots.pem").code == 0


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        (
            {"valid_from": datetime(2034, 7, 1, tzinfo=UTC)},
            r"is valid from 2034-07-01 to 2035-01-01, the claimed time is 2026-06-01$",
        ),
        (
            {"valid_until": datetime(2026, 5, 31, tzinfo=UTC)},
            r"is valid from 2025-01-01 to 2026-05-31, the claimed time is 2026-06-01$",
        ),
        ({"usages": {"key_encipherment"}}, r"the certificate of CN=Statements.* is not for signatures$"),
        ({"usages": None}, r"the certificate of CN=Statements.* is not for signatures$"),
        ({"usages": {"digital_signature", "key_cert_sign"}, "ca": True}, r"is a certificate authority, not a signer$"),
    ],
    ids=["not yet valid", "expired", "for something else", "for nothing", "an authority"],
)
def test_a_certificate_that_may_not_sign_is_refused(tmp_path: Path, options: dict[str, Any], refusal: str) -> None:
    write_root(tmp_path)
    evidence = write_month(tmp_path, Month(MAY, by=signatory(FIRST)))
    sign(evidence, unchecked(FIRST, **options))
    ended = verify(tmp_path)
    assert ended.code == 4
    assert ended.says(rf"^evidence\.json\.p7s: .*{refusal}")


def test_a_key_rotated_while_the_close_waited_for_an_approval_verifies(tmp_path: Path) -> None:
    """The evidence says when the close began, the certificate was issued days later: by the same root, for this key."""
    write_root(tmp_path)
    evidence = write_month(tmp_path, Month(MAY, by=signatory(FIRST)))
    later = Signatory.at(NOW + timedelta(days=5), identity(SECOND, valid_from=NOW + timedelta(days=4)), SECOND)
    sign(evidence, later)

    ended = verify(tmp_path)

    assert (ended.code, ended.failed) == (0, [])


def test_a_certificate_that_has_expired_since_still_verifies_and_the_date_is_said_to_be_claimed(closed: Path) -> None:
    lines: list[str] = []
    code = verify_at(VerifyOptions(closed / MAY, None, datetime(2040, 1, 1, tzinfo=UTC)), lines.append)
    assert code == 0
    assert any(re.search(r"valid on 2026-06-01 \(a claimed date: it expired on 2035-01-01\)", line) for line in lines)


def test_a_signature_by_another_key_of_the_same_name_is_refused(closed: Path, tmp_path: Path) -> None:
    """The certificate is right, and somebody else signed in its name."""
    shutil.copytree(closed, tmp_path / "out")

    class Impostor(Signatory):
        def sign(self, message: bytes) -> bytes:
            return KeyAtHand("thief").sign(message)

    sign(tmp_path / "out" / MAY / "evidence.json", Impostor(identity(FIRST), FIRST))
    ended = verify(tmp_path / "out")
    assert ended.says(r"^evidence\.json\.p7s: the key of certificate [0-9a-f]{16}… has not signed this$")
    assert ended.says(r"^evidence\.json\.sig: is not what the key of certificate [0-9a-f]{16}… makes of evidence\.json")


def test_statements_with_a_timestamp_verify_too(tmp_path: Path) -> None:
    timestamps = HttpTimestamps("https://timestamps.example", transport=httpx.MockTransport(TimestampAuthority()))
    write_months(tmp_path, Month(MAY, by=signatory(FIRST), timestamps=timestamps))

    ended = verify(tmp_path)

    assert (ended.code, ended.failed) == (0, [])
    signatures = [
        PdfFileReader(BytesIO(file.read_bytes())).embedded_signatures[0] for file in sorted(tmp_path.rglob("*.pdf"))
    ]
    assert signatures
    assert all(
        signature.signer_info["unsigned_attrs"][0]["type"].native == "signature_time_stamp_token"
        for signature in signatures
    )
