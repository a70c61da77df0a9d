"""The evidence of a close is signed as it was filed, once, and the signatures stay with it."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from functions.shared.adapters.signing_identity import open_signing_key, store_identity
from functions.shared.errors import LedgerConflict, SigningIdentityInvalid
from functions.shared.signing.identity import SigningIdentity
from functions.shared.signing.signatory import Signatory
from functions.sign_evidence.logic import sha256
from tests.unit.function_bench import VALUES, FunctionBench
from tests.unit.run_samples import STARTED_AT
from tests.unit.signing_kit import NOW, install_identity, needs, root

EVENT = {"charge_period": "2026-05", "revision": 1, "started_at": STARTED_AT}
KEY = "periods/2026-05/revision-0001/evidence.json"
EVIDENCE = b'{"billing_period": "2026-05", "padding": "' + b"x" * 50_000 + b'"}'
UNTIL = datetime(2033, 7, 1, tzinfo=UTC)


@pytest.fixture
def filed(bench: FunctionBench, signing: SigningIdentity) -> FunctionBench:  # noqa: ARG001 - it is in the account
    bench.ledger.write_once(KEY, EVIDENCE, "application/json", "content", UNTIL)
    return bench


def test_both_signatures_are_filed_beside_the_evidence_and_locked(filed: FunctionBench) -> None:
    signed = filed.invoke("sign_evidence", EVENT)

    assert (signed["signature"], signed["raw_signature"]) == (f"s3://ledger/{KEY}.p7s", f"s3://ledger/{KEY}.sig")
    assert signed["evidence_sha256"] == hashlib.sha256(EVIDENCE).hexdigest()
    versions = filed.ledger.latest_versions(KEY)
    assert [version.key for version in versions] == [KEY, f"{KEY}.p7s", f"{KEY}.sig"]
    for version in versions:
        assert filed.retention("ledger", version.key, version.version_id) == ("COMPLIANCE", UNTIL)


@needs("openssl")
def test_openssl_verifies_the_evidence_with_the_root(filed: FunctionBench, tmp_path: Path) -> None:
    filed.invoke("sign_evidence", EVENT)
    for name in ("", ".p7s", ".sig"):
        (tmp_path / f"evidence.json{name}").write_bytes(filed.ledger.read(KEY + name))
    (tmp_path / "root.pem").write_text(root().pem)

    files = "-in evidence.json.p7s -content evidence.json -CAfile root.pem -out /dev/null"
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", *files.split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "CMS Verification successful" in done.stderr


def test_signing_again_changes_nothing(filed: FunctionBench) -> None:
    """A close may be interrupted after the evidence is signed and before the month is marked closed."""
    first = filed.invoke("sign_evidence", EVENT)
    versions = filed.ledger.latest_versions("")

    assert filed.invoke("sign_evidence", EVENT) == first
    assert filed.ledger.latest_versions("") == versions


def test_evidence_that_is_signed_stays_so_when_the_key_is_rotated_before_the_month_is_closed(
    filed: FunctionBench,
) -> None:
    filed.invoke("sign_evidence", EVENT)
    versions = filed.ledger.latest_versions("")
    install_identity(number=2)

    filed.invoke("sign_evidence", EVENT)
    assert filed.ledger.latest_versions("") == versions


def test_the_two_signatures_are_never_of_two_signers(filed: FunctionBench, signing: SigningIdentity) -> None:
    """The key was rotated just between the two: the identity of the first is put back until the month is closed."""
    with open_signing_key(signing.key) as key:
        signature = Signatory.at(NOW, signing, key).sign(EVIDENCE)
    filed.ledger.write_once(f"{KEY}.sig", signature, "x", sha256(signature), UNTIL)
    install_identity(number=2)

    with pytest.raises(LedgerConflict, match="nothing was overwritten"):
        filed.invoke("sign_evidence", EVENT)

    store_identity(VALUES["IDENTITY_PARAMETER"], signing)
    filed.invoke("sign_evidence", EVENT)


@pytest.mark.usefixtures("signing")
def test_there_is_nothing_to_sign_before_the_run_is_summarized(bench: FunctionBench) -> None:
    with pytest.raises(ClientError, match="NoSuchKey"):
        bench.invoke("sign_evidence", EVENT)


def test_without_a_signing_identity_the_month_stays_open(bench: FunctionBench) -> None:
    bench.ledger.write_once(KEY, EVIDENCE, "application/json", "content", UNTIL)

    with pytest.raises(SigningIdentityInvalid, match="there is no signing identity"):
        bench.invoke("sign_evidence", EVENT)
