"""A file's signature verifies with nothing but OpenSSL and the root certificate, and is the same every time."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from asn1crypto import cms

from functions.shared.signing.detached import FileSignature, sign_file
from tests.unit.signing_kit import KeyAtHand, intermediate, needs, root, signatory

CONTENT = b"ab12  claims-2026-05-r1.pdf\r\n" * 200
needs_openssl = needs("openssl")


def written(folder: Path, signature: FileSignature) -> Path:
    file = folder / "SHA256SUMS"
    file.write_bytes(CONTENT)
    (folder / "SHA256SUMS.p7s").write_bytes(signature.cms)
    (folder / "SHA256SUMS.sig").write_bytes(signature.raw)
    (folder / "root.pem").write_text(root().pem)
    return file


def verify(folder: Path) -> subprocess.CompletedProcess[str]:
    command = "openssl cms -verify -binary -cades -inform DER -in SHA256SUMS.p7s -content SHA256SUMS -CAfile root.pem"
    return subprocess.run(
        [*command.split(), "-out", "/dev/null"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_equal_content_and_identity_give_equal_signatures() -> None:
    assert sign_file(CONTENT, signatory()) == sign_file(CONTENT, signatory())
    assert sign_file(CONTENT, signatory()) != sign_file(CONTENT + b"!", signatory())


def test_no_time_is_in_a_signature_and_no_root() -> None:
    signed = cms.ContentInfo.load(sign_file(CONTENT, signatory()).cms)["content"]

    [signer] = signed["signer_infos"]
    assert {attribute["type"].native for attribute in signer["signed_attrs"]} == {
        "content_type",
        "message_digest",
        "signing_certificate_v2",
    }
    subjects = {choice.chosen.subject.native["common_name"] for choice in signed["certificates"]}
    assert subjects == {"Statements", "Test intermediate"}


@needs_openssl
def test_openssl_verifies_the_file_with_the_root_alone(tmp_path: Path) -> None:
    written(tmp_path, sign_file(CONTENT, signatory()))

    assert "CAdES Verification successful" in verify(tmp_path).stderr


@needs_openssl
@pytest.mark.parametrize("file", ["SHA256SUMS", "SHA256SUMS.p7s"])
def test_openssl_finds_one_flipped_bit(tmp_path: Path, file: str) -> None:
    written(tmp_path, sign_file(CONTENT, signatory()))
    content = bytearray((tmp_path / file).read_bytes())
    content[-40] ^= 1
    (tmp_path / file).write_bytes(content)

    assert verify(tmp_path).returncode != 0


@needs_openssl
def test_openssl_trusts_nobody_whom_the_root_did_not_certify(tmp_path: Path) -> None:
    written(tmp_path, sign_file(CONTENT, signatory()))
    (tmp_path / "root.pem").write_text(intermediate().issue(KeyAtHand("stranger").public_key()))

    assert verify(tmp_path).returncode != 0


@needs_openssl
def test_the_bare_signature_verifies_with_the_public_key(tmp_path: Path) -> None:
    file = written(tmp_path, sign_file(CONTENT, signatory()))
    (tmp_path / "public.der").write_bytes(KeyAtHand().public_key())

    done = subprocess.run(
        ["openssl", "dgst", "-sha256", "-keyform", "DER", "-verify", "public.der", "-signature", f"{file}.sig", file],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "Verified OK"
