"""What was filed verifies: a statement, a period, all periods; offline, and with nothing but the files."""

from __future__ import annotations

import re
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.unit.local import closed_months
from tests.unit.local.closed_months import APRIL, MARCH, MAY, UNITS, Month, write_month, write_months, write_root
from tests.unit.local.verifying import verify

CHECKS_OF_A_STATEMENT = 6
CHECKS_OF_A_PERIOD = 3 + len(UNITS) * (1 + CHECKS_OF_A_STATEMENT) + 8
FILES = (".pdf", ".csv", ".SHA256SUMS", ".SHA256SUMS.p7s", ".SHA256SUMS.sig")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """March to May; AWS's own invoices are known for May. Not to be changed."""
    out = tmp_path_factory.mktemp("out")
    write_months(out, Month(MARCH), Month(APRIL), Month(MAY, invoiced=True))
    return out


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("verify reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_network")
def test_all_periods_verify_without_network(out: Path) -> None:
    ended = verify(out)

    assert (ended.code, ended.failed, ended.err) == (0, [], [])
    months = [line for line in ended.out if line.endswith(", revision 1")]
    assert months == [f"{month}, revision 1" for month in (MARCH, APRIL, MAY)]
    assert len(ended.passed) == 3 * CHECKS_OF_A_PERIOD + 1 + 3, "AWS's invoices once, the chain three times"
    assert ended.out[-1] == f"✓ {len(ended.passed)} checks, all of them passed"


def test_the_trusted_root_is_named_first_with_its_hash(out: Path) -> None:
    first = verify(out).out[0]
    assert first.startswith("trusting CN=Test root, SHA-256 ")
    assert first.endswith(f"({out}/root-ca.pem)")


@pytest.mark.parametrize("name", ["", "evidence.json", "evidence.json.p7s", "summary.json"])
def test_a_period_verifies_by_its_folder_and_by_its_records(out: Path, name: str) -> None:
    ended = verify(out / APRIL / name)

    assert (ended.code, ended.failed) == (0, [])
    assert len(ended.passed) == CHECKS_OF_A_PERIOD + 1, "and its link to March, which lies beside it"
    assert ended.passed[-1].startswith("2026-04, revision 1: follows 2026-03, revision 1: SHA-256 ")


@pytest.mark.parametrize("suffix", FILES)
def test_a_statement_verifies_by_any_of_its_files(out: Path, suffix: str) -> None:
    ended = verify(out / APRIL / "statements" / f"claims-{APRIL}-r1{suffix}")

    assert (ended.code, ended.failed) == (0, [])
    assert {line.partition(":")[0] for line in ended.passed} == {
        "evidence.json.p7s",
        "evidence.json.sig",
        f"ledger/billing_period={APRIL}/{APRIL}-revision-0001-*",
        f"statements/claims-{APRIL}-r1",
        *(f"statements/claims-{APRIL}-r1{suffix}" for suffix in FILES),
    }


def test_a_statement_verifies_alone_as_its_owner_has_it(out: Path, tmp_path: Path) -> None:
    for file in (out / APRIL / "statements").glob("claims-*"):
        shutil.copy(file, tmp_path)

    ended = verify(tmp_path / f"claims-{APRIL}-r1.pdf", "--root-ca", out / "root-ca.pem")

    assert (ended.code, ended.failed) == (0, [])
    assert len(ended.passed) == CHECKS_OF_A_STATEMENT
    assert ended.notes == [
        f"claims-{APRIL}-r1: no evidence.json beside it knows this statement: it is verified by itself"
    ]


def test_a_folder_of_statements_alone_verifies(out: Path, tmp_path: Path) -> None:
    shutil.copytree(out / APRIL / "statements", tmp_path / "from mail")
    ended = verify(tmp_path / "from mail", "--root-ca", out / "root-ca.pem")
    assert (ended.code, len(ended.passed)) == (0, 2 * CHECKS_OF_A_STATEMENT)


def test_the_lines_say_what_was_compared(out: Path) -> None:
    passed = verify(out / MAY).passed
    for part in (
        "signed by CN=Statements, O=Meridian Health, C=US, certificate ",
        "valid on 2026-06-01; covers all ",
        f"the SHA-256 of claims-{MAY}-r1.pdf and claims-{MAY}-r1.csv",
        "its 5 files are those that the evidence names (statements[0])",
        "40 entries, hashed again: ",
        "20 lines add up to ",
        "as in the evidence (statements[1].total), and are the ledger's entries of its unit",
        f" and the SHA-256 of digital-{MAY}-r1.csv",
        "are allocated to the cent",
        "2 totals of AWS's own invoices are the control totals",
        "invariants hold, each with both its values",
        ": 2 statements, every invoice",
        "4 cost centers are charged what the ledger's entries add up to",
        "every cost center that owes anything is posted once, with its total",
    ):
        assert any(part in line for line in passed), part


@pytest.mark.parametrize("unit", ["@digital", "=sum", "+plus", "-minus"])
def test_a_business_unit_whose_id_a_spreadsheet_would_calculate_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unit: str
) -> None:
    monkeypatch.setattr(closed_months, "UNITS", ("claims", unit))
    write_months(tmp_path, Month(MAY))

    ended = verify(tmp_path)

    assert (ended.code, ended.failed) == (0, [])


def test_without_aws_s_own_invoices_that_is_said(out: Path) -> None:
    [note] = [note for note in verify(out / APRIL).notes if "invoice" in note]
    assert note == (
        "evidence.json: AWS's own invoice totals were not fetched: the control totals are those of the bill's lines"
    )


def test_a_draft_is_said_to_be_one_and_is_not_verified(tmp_path: Path) -> None:
    write_root(tmp_path)
    write_month(tmp_path, Month(MAY, draft=True))

    ended = verify(tmp_path)

    assert ended.code == 4
    assert ended.failed == [f"{MAY}: is a draft (PREVIEW): nobody has signed it, and nothing is posted"]
    assert len(ended.passed) == len(UNITS), "its checksums are right"


def test_a_drafts_statement_alone_is_not_signed(tmp_path: Path) -> None:
    write_root(tmp_path)
    write_month(tmp_path, Month(MAY, draft=True))
    ended = verify(tmp_path / MAY / "statements" / f"claims-{MAY}-r1.pdf")
    assert ended.code == 4
    assert ended.says(r"r1\.pdf: is not signed: a draft is not, a statement is")


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("nowhere", r"UsageError: .*/nowhere: no such file or folder"),
        ("empty", r"UsageError: .*/empty: nothing to verify; name a statement \(PDF, CSV or SHA256SUMS\), an evidence"),
        ("notes.txt", r"UsageError: .*/notes.txt: nothing to verify"),
    ],
)
def test_a_path_that_holds_nothing_is_bad_input(tmp_path: Path, path: str, complaint: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("ask finance")
    ended = verify(tmp_path / path)
    assert (ended.code, ended.out) == (2, [])
    [line] = ended.err
    assert re.match(complaint, line)


def test_without_a_root_nothing_is_trusted(out: Path, tmp_path: Path) -> None:
    shutil.copytree(out / MAY, tmp_path / "a" / "b" / "c" / MAY)
    ended = verify(tmp_path / "a" / "b" / "c" / MAY)
    assert (ended.code, ended.out) == (2, [])
    assert "no root-ca.pem beside it; name the root certificate that you trust with --root-ca" in ended.err[0]


@pytest.mark.parametrize("content", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "wurzel ä"])
def test_a_root_that_is_no_certificate_is_bad_input(out: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "root.pem").write_text(content, encoding="utf-8")
    ended = verify(out, "--root-ca", tmp_path / "root.pem")
    assert (ended.code, ended.out) == (2, [])
    assert f"{tmp_path}/root.pem: no root certificates there" in ended.err[0]
