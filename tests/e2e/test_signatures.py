"""What a close leaves behind verifies without us, after a rotation too, and comes out alike wherever it is closed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates

from functions.shared.evidence import facts_sha256
from functions.shared.periods import BillingPeriod
from infra.names import signing_alias
from local.executions import run_close
from local.export_run import export_run
from local.sample.month import write_month
from local.world import CONFIG, World, open_world
from tests.e2e.bills import LINE_ITEMS, SEED
from tests.e2e.command import REPOSITORY, run
from tests.e2e.shifted_clock import build_clock, can_shift, shifted_by
from tests.unit.signing_kit import needs

pytestmark = pytest.mark.slow

APRIL, MAY = "2026-04", "2026-05"
VARYING = {"summary.json", "evidence.json", "evidence.json.p7s", "evidence.json.sig", "history.json"}
"""Files with ids and times of the execution in them; all others are the same in every world."""


def close_month(world: World, period: str, policy_key: str) -> None:
    request = {"billing_period": period, "policy_key": policy_key}
    execution, _ = run_close(world, request, lambda _: None)
    export_run(world, BillingPeriod.parse(period), execution)


@pytest.fixture(scope="module")
def rotated(tmp_path_factory: pytest.TempPathFactory, policy: Path) -> Path:
    """April, signed with the first key, and May, signed with the second."""
    folder = tmp_path_factory.mktemp("rotation")
    for period in (APRIL, MAY):
        write_month(folder / "cur", period, line_items=LINE_ITEMS, seed=SEED)
    with open_world(folder / "out") as world:
        policy_key = world.put_policy(policy)
        for period in (APRIL, MAY):
            world.deliver(folder / "cur", BillingPeriod.parse(period))
        close_month(world, APRIL, policy_key)
        kms, second = world.cloud.client("kms"), signing_alias(CONFIG, 2)
        key = kms.create_key(KeySpec="RSA_3072", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=second, TargetKeyId=key)
        world.install_signing_identity(second)
        close_month(world, MAY, policy_key)
    return folder / "out"


def evidence_of(out: Path, period: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / period / "evidence.json").read_text())
    return found


def signed_files(out: Path, period: str) -> list[Path]:
    return [out / period / "evidence.json", *sorted((out / period / "statements").glob("*.SHA256SUMS"))]


def signers(out: Path, period: str) -> set[str]:
    """The fingerprints of the certificates in all signatures of a month."""
    return {
        load_der_pkcs7_certificates(Path(f"{file}.p7s").read_bytes())[0].fingerprint(SHA256()).hex()
        for file in signed_files(out, period)
    }


def test_each_month_is_signed_with_the_key_of_its_time(rotated: Path) -> None:
    assert len(signers(rotated, APRIL)) == len(signers(rotated, MAY)) == 1
    assert signers(rotated, APRIL) != signers(rotated, MAY)


@needs("openssl")
@pytest.mark.parametrize("period", [APRIL, MAY])
def test_openssl_verifies_statements_and_evidence_of_both_with_the_root(rotated: Path, period: str) -> None:
    for file in signed_files(rotated, period):
        arguments = f"-in {file}.p7s -content {file} -CAfile {rotated}/root-ca.pem -out /dev/null"
        command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", *arguments.split()]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "CMS Verification successful" in done.stderr, file


@needs("pdfsig", "certutil")
@pytest.mark.parametrize("period", [APRIL, MAY])
def test_poppler_trusts_the_pdfs_of_both(rotated: Path, tmp_path: Path, period: str) -> None:
    store = f"sql:{tmp_path}"
    subprocess.run(["certutil", "-N", "--empty-password", "-d", store], check=True)
    trust = ["-A", "-n", "root", "-t", "C,C,C", "-i", str(rotated / "root-ca.pem")]
    subprocess.run(["certutil", *trust, "-d", store], check=True)

    pdfs = sorted((rotated / period / "statements").glob("*.pdf"))
    assert pdfs
    for pdf in pdfs:
        command = ["pdfsig", "-nssdir", str(tmp_path), str(pdf)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "Signature is Valid." in said, pdf
        assert "Certificate is Trusted." in said, pdf


@needs("sha256sum")
@pytest.mark.parametrize("period", [APRIL, MAY])
def test_the_checksums_are_of_the_files_beside_them(rotated: Path, period: str) -> None:
    for file in signed_files(rotated, period)[1:]:
        command = ["sha256sum", "--check", "--strict", file.name]
        done = subprocess.run(command, cwd=file.parent, capture_output=True, text=True, check=True)
        assert done.stdout.count(": OK") == 2


def test_mays_evidence_follows_aprils(rotated: Path) -> None:
    april, may = (rotated / APRIL / "evidence.json").read_bytes(), evidence_of(rotated, MAY)

    assert may["run"]["previous_evidence"]["sha256"] == hashlib.sha256(april).hexdigest()
    assert may["previous_evidence"]["facts_sha256"] == facts_sha256(json.loads(april))
    assert evidence_of(rotated, APRIL)["previous_evidence"] is None


def test_the_evidence_names_every_file_that_lies_beside_it(rotated: Path) -> None:
    evidence = evidence_of(rotated, MAY)
    hashes = {item["key"].rpartition("/")[2]: item["sha256"] for item in evidence["run"]["ledger"]["objects"]}
    for statement in evidence["statements"]:
        for name in ("pdf", "csv", "sha256sums", "signature", "raw_signature"):
            hashes[statement[name].rpartition("/")[2]] = statement[f"{name}_sha256"]
    hashes["summary.json"] = evidence["run"]["summary"]["sha256"]

    files = [path for path in (rotated / MAY).rglob("*") if path.is_file()]
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    unsigned = {name: found.pop(name) for name in VARYING - {"summary.json"}}
    assert found == hashes
    assert len(unsigned) == 4


def test_verify_passes_both_and_the_chain_between_them(rotated: Path) -> None:
    ended = run("verify", rotated)

    assert (ended.code, ended.err) == (0, [])
    named = {line.partition("certificate ")[2][:16] for line in ended.out if "evidence.json.p7s: signed by" in line}
    assert len(named) == 2


@pytest.mark.parametrize("period", [APRIL, MAY])
def test_a_month_comes_out_again_though_its_key_was_rotated_since(rotated: Path, period: str) -> None:
    ended = run("replay", "--period", period, "--out", rotated)

    assert (ended.code, ended.err) == (0, [])
    assert any(line.startswith(f"{period}  revision 1 identical: ") for line in ended.out)


def test_the_root_is_made_once_and_kept(rotated: Path) -> None:
    before = (rotated / "root-ca.pem").read_bytes()
    (rotated / "root-ca.pem").unlink()

    with open_world(rotated):
        pass

    assert (rotated / "root-ca.pem").read_bytes() == before
    root = x509.load_pem_x509_certificate(before)
    root.verify_directly_issued_by(root)


@can_shift
def test_two_closes_of_the_same_bytes_give_the_same_files_wherever_and_whenever_they_happen(
    tmp_path: Path, policy: Path
) -> None:
    """Two worlds with one signing identity: other processes, days, time zones, hash seeds and ids."""
    write_month(tmp_path / "cur", MAY, line_items=LINE_ITEMS, seed=SEED)
    with open_world(tmp_path / "first"):
        pass
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    library = build_clock(tmp_path)
    for world, zone, seed, days in (("first", "Pacific/Auckland", "1", 0), ("second", "Pacific/Honolulu", "2", 40)):
        options = f"--cur {tmp_path / 'cur'} --policy {policy} --period {MAY} --out {tmp_path / world}"
        environment = os.environ | {"TZ": zone, "PYTHONHASHSEED": seed} | shifted_by(days, library)
        command = [sys.executable, "-m", "local", "close", *options.split()]
        subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, check=True)

    first, second = tmp_path / "first" / MAY, tmp_path / "second" / MAY
    files = {path.relative_to(first) for path in first.rglob("*") if path.is_file()}
    assert {path.relative_to(second) for path in second.rglob("*") if path.is_file()} == files
    differing = {str(file) for file in files if (first / file).read_bytes() != (second / file).read_bytes()}
    assert differing == VARYING
    one, other = evidence_of(tmp_path / "first", MAY), evidence_of(tmp_path / "second", MAY)
    days_apart = datetime.fromisoformat(other["run"]["started_at"]) - datetime.fromisoformat(one["run"]["started_at"])
    assert days_apart.days == 40
    assert one.pop("run") != other.pop("run")
    assert one == other
    assert facts_sha256(one) == facts_sha256(other)
