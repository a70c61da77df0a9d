"""The local cloud's certificate authority: one root a world, which certifies what it is asked to."""

from __future__ import annotations

import stat
from pathlib import Path

from cryptography import x509

from functions.issue_certificate.logic import identity_of
from functions.shared.signing.request import Subject, request_certificate
from local.signing import SUBJECT, LocalRoot
from tests.unit.signing_kit import NOW, KeyAtHand


def test_a_root_is_made_once(tmp_path: Path) -> None:
    first = LocalRoot(tmp_path / "signing").pem

    assert LocalRoot(tmp_path / "signing").pem == first
    root = x509.load_pem_x509_certificate(first.encode())
    root.verify_directly_issued_by(root)
    assert LocalRoot(tmp_path / "other").pem != first


def test_the_roots_key_is_its_owners_alone(tmp_path: Path) -> None:
    LocalRoot(tmp_path / "signing").certificate  # noqa: B018 - made when it is first asked for

    assert stat.S_IMODE((tmp_path / "signing" / "root-key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "signing").stat().st_mode) == 0o700


def test_what_it_issues_can_be_installed_as_an_identity(tmp_path: Path) -> None:
    root, key = LocalRoot(tmp_path / "signing"), KeyAtHand()
    request = request_certificate(Subject.model_validate(SUBJECT), key)

    identity = identity_of(key, root.issue(request) + root.pem, NOW)

    assert identity.subject == "CN=Chargeback statements, O=Local cloud"
    assert len(identity.chain) == 1, "the root is not kept with the identity"
