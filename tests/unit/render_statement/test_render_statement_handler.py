"""A statement is filed once, signed, where nobody can change it; a draft is neither signed nor locked."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from functions.render_statement.logic import render_statement
from functions.render_statement.model import SignedBy, StatementModel
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.errors import LedgerConflict, SigningIdentityInvalid
from functions.shared.filed_statement import FiledStatement
from functions.shared.signing.identity import SigningIdentity
from tests.unit.function_bench import FunctionBench
from tests.unit.render_statement.builders import statement
from tests.unit.run_samples import RUN_ID, STARTED_AT
from tests.unit.signing_kit import NOW, install_identity, needs, root, trust_store

ENDINGS = (".SHA256SUMS", ".SHA256SUMS.p7s", ".SHA256SUMS.sig", ".csv", ".pdf")


def prepare(bench: FunctionBench, **changes: Any) -> dict[str, str]:
    """Keeps a statement as PrepareStatements does; returns the item of the Map."""
    model = statement(cost_centers=1, months=2).model_copy(update=changes)
    unit = model.business_unit.id
    bench.work.write_json(run_files.statement_model_key(RUN_ID, unit), model.model_dump(mode="json"))
    return {"run_id": RUN_ID, "business_unit": unit, "started_at": STARTED_AT}


def filed(bench: FunctionBench, item: dict[str, str]) -> FiledStatement:
    key = run_files.rendered_key(RUN_ID, item["business_unit"])
    return FiledStatement.model_validate(bench.work.read_json(key))


def export(record: FiledStatement, folder: Path) -> Path:
    """The files as they are exported: all of a statement's beside each other."""
    store = ObjectStore("statements")
    for name in (record.pdf, record.csv, record.sha256sums, record.signature, record.raw_signature):
        assert name
        (folder / name.rpartition("/")[2]).write_bytes(store.read(record.folder + name))
    (folder / "root.pem").write_text(root().pem)
    return folder / record.sha256sums.rpartition("/")[2]


def stored_names() -> list[str]:
    return [version.key for version in ObjectStore("statements").latest_versions("")]


@pytest.mark.usefixtures("signing")
def test_everything_is_filed_and_locked_and_its_hashes_are_remembered(bench: FunctionBench) -> None:
    item = prepare(bench)

    bench.invoke("render_statement", item)

    store, record = ObjectStore("statements"), filed(bench, item)
    remembered = {
        record.pdf: record.pdf_sha256,
        record.csv: record.csv_sha256,
        record.sha256sums: record.sha256sums_sha256,
        record.signature: record.signature_sha256,
        record.raw_signature: record.raw_signature_sha256,
    }
    assert {
        name: hashlib.sha256(store.read(record.folder + str(name))).hexdigest() for name in remembered
    } == remembered
    assert tuple(name.partition("-r1")[2] for name in stored_names()) == ENDINGS
    for version in store.latest_versions(""):
        held = bench.retention("statements", version.key, version.version_id)
        assert held == ("COMPLIANCE", datetime(2033, 7, 1, tzinfo=UTC))


@needs("openssl", "sha256sum", "pdfsig", "certutil")
@pytest.mark.usefixtures("signing")
def test_an_auditor_verifies_a_statement_with_debians_programs_and_the_root(
    bench: FunctionBench, tmp_path: Path
) -> None:
    item = prepare(bench)
    bench.invoke("render_statement", item)
    sums = export(filed(bench, item), tmp_path)

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    verify = f"openssl cms -verify -binary -inform DER -in {sums}.p7s -content {sums} -CAfile root.pem -out /dev/null"
    assert "CMS Verification successful" in run(*verify.split())
    assert run("sha256sum", "--check", sums.name).count(": OK") == 2
    said = run("pdfsig", "-nssdir", str(trust_store(tmp_path)), sums.name.replace(".SHA256SUMS", ".pdf"))
    assert "Signature is Valid." in said
    assert "Certificate is Trusted." in said


def test_the_last_page_says_who_signs(bench: FunctionBench, signing: SigningIdentity) -> None:
    item = prepare(bench)
    bench.invoke("render_statement", item)
    record = filed(bench, item)

    pages = PdfReader(BytesIO(ObjectStore("statements").read(record.folder + record.pdf))).pages
    text = pages[-1].extract_text()
    assert "CN=Statements, O=Meridian Health, C=US" in text
    assert signing.fingerprint in text


def test_the_signed_file_begins_with_the_statement_that_anybody_can_render_again(
    bench: FunctionBench, signing: SigningIdentity
) -> None:
    item = prepare(bench)
    bench.invoke("render_statement", item)
    record = filed(bench, item)

    model = StatementModel.model_validate(
        bench.work.read_json(run_files.statement_model_key(RUN_ID, item["business_unit"]))
    )
    signer = SignedBy(subject=signing.subject, certificate_sha256=signing.fingerprint)
    again = render_statement(model.model_copy(update={"signed_by": signer})).pdf
    assert ObjectStore("statements").read(record.folder + record.pdf).startswith(again)


@pytest.mark.usefixtures("signing")
def test_a_filed_statement_stands_even_if_newer_code_would_render_it_otherwise(bench: FunctionBench) -> None:
    """A run that resumes after a deployment must not stumble over the statements it has filed before."""
    item = prepare(bench)
    first = bench.invoke("render_statement", item)
    record = filed(bench, item)
    newer = statement(cost_centers=1, months=2).provenance.model_copy(update={"code_version": "9" * 64})
    prepare(bench, provenance=newer)

    assert bench.invoke("render_statement", item) == first
    assert filed(bench, item) == record
    assert len(stored_names()) == len(ENDINGS)


def interrupt_after(
    filed_files: int, bench: FunctionBench, item: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> dict[str, bytes]:
    """Kills the function after so many files; returns what it has filed by then."""
    written: list[str] = []
    write_once = ObjectStore.write_once

    def killed(self: ObjectStore, *arguments: Any) -> str:
        version = write_once(self, *arguments)
        written.append(arguments[0])
        if len(written) == filed_files:
            raise KeyboardInterrupt
        return version

    with monkeypatch.context() as patches:
        patches.setattr(ObjectStore, "write_once", killed)
        with pytest.raises(KeyboardInterrupt):
            bench.invoke("render_statement", item)
    assert len(stored_names()) == filed_files
    return {name: ObjectStore("statements").read(name) for name in stored_names()}


@pytest.mark.parametrize("filed_files", range(1, len(ENDINGS) + 1))
@pytest.mark.usefixtures("signing")
def test_an_interrupted_filing_is_finished_with_the_same_bytes(
    bench: FunctionBench, monkeypatch: pytest.MonkeyPatch, filed_files: int
) -> None:
    """The function may be killed between any two files; what is filed by then is locked for years."""
    item = prepare(bench)
    before = interrupt_after(filed_files, bench, item, monkeypatch)

    bench.invoke("render_statement", item)

    assert len(stored_names()) == len(ENDINGS)
    assert {name: ObjectStore("statements").read(name) for name in before} == before


@pytest.mark.usefixtures("signing")
def test_a_pdf_that_was_filed_before_the_key_was_rotated_is_the_one_that_counts(
    bench: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a timestamp: signed anew the file would differ, and the checksums must be of the one that is filed."""
    item = prepare(bench)
    [pdf] = interrupt_after(1, bench, item, monkeypatch).values()
    install_identity(number=2)

    bench.invoke("render_statement", item)

    record = filed(bench, item)
    assert record.pdf_sha256 == hashlib.sha256(pdf).hexdigest()
    assert record.pdf_sha256 in ObjectStore("statements").read_text(record.folder + record.sha256sums)


@pytest.mark.usefixtures("signing")
def test_a_statement_that_says_something_else_is_never_put_in_place_of_a_filed_one(bench: FunctionBench) -> None:
    item = prepare(bench)
    bench.invoke("render_statement", item)
    bench.s3.delete_object(Bucket="work", Key=run_files.rendered_key(RUN_ID, item["business_unit"]))
    prepare(bench, organization="Somebody else")

    with pytest.raises(LedgerConflict, match="nothing was overwritten"):
        bench.invoke("render_statement", item)


def test_without_a_signing_identity_nothing_is_filed(bench: FunctionBench) -> None:
    item = prepare(bench)

    with pytest.raises(SigningIdentityInvalid, match="request a certificate with IssueCertificate"):
        bench.invoke("render_statement", item)
    assert stored_names() == []


@pytest.mark.usefixtures("signing")
def test_an_expired_certificate_signs_nothing(bench: FunctionBench) -> None:
    item = prepare(bench) | {"started_at": NOW.replace(year=2036).isoformat()}

    with pytest.raises(SigningIdentityInvalid, match="valid from 2025-01-01 to 2035-01-01, not on 2036-06-08"):
        bench.invoke("render_statement", item)
    assert stored_names() == []


def test_a_draft_lies_with_its_run_and_is_neither_locked_nor_signed(bench: FunctionBench) -> None:
    item = prepare(bench, draft=True)

    bench.invoke("render_statement", item)

    record = filed(bench, item)
    versions = ObjectStore("statements").latest_versions("")
    assert {version.key.split("/")[0] for version in versions} == {"drafts"}
    assert all(bench.retention("statements", version.key, version.version_id) is None for version in versions)
    assert (record.signature, record.raw_signature) == (None, None)
    pdf = ObjectStore("statements").read(record.folder + record.pdf)
    assert b"/ByteRange" not in pdf
    assert "Signed by" not in PdfReader(BytesIO(pdf)).pages[-1].extract_text()


def test_records_of_statements_from_before_signatures_are_still_read() -> None:
    old = {
        "business_unit": "claims",
        "total": "100.00",
        "folder": "charge_period=2026-01/",
        "pdf": "statements/claims-2026-01-r1.pdf",
        "csv": "statements/claims-2026-01-r1.csv",
        "sha256sums": "statements/claims-2026-01-r1.SHA256SUMS",
        "pdf_sha256": "ab" * 32,
        "csv_sha256": "cd" * 32,
    }

    assert FiledStatement.model_validate(old).signature is None
