"""One flipped byte anywhere is found, and the line says where; nothing is blamed that is whole."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
import pytest

from local.verify.detached_signature import check_signatures
from local.verify.findings import Verdict
from local.verify.layout import PeriodFolder
from local.verify.trust import Trust
from tests.unit.local.closed_months import MAY, read_ledger, write_ledger
from tests.unit.local.verifying import CSV, LEDGER, LEDGER_CONTENT, PDF, SUMS, blamed, flip, flip_in, replace_in, verify
from tests.unit.signing_kit import NOW

ZSTD_FRAME = bytes.fromhex("28b52ffd")


def test_a_changed_amount_in_a_csv_is_found_by_line_and_entry(may: Path) -> None:
    line = (may / CSV).read_text().splitlines()[4]
    flip_in(may / CSV, line, by=line.rindex(".") + 1)

    ended = verify(may)

    entry = line.partition(",")[0]
    changed = (may / CSV).read_text().splitlines()[4].split(",")[-2]
    assert ended.code == 4
    assert ended.says(rf"^{CSV}: line 5, entry {entry}: cost is {changed}, in the ledger {line.split(',')[-2]}$")
    assert ended.says(rf"^{SUMS}: line 2 says ")
    assert blamed(ended.failed) == {CSV, SUMS, PDF}, "the PDF states the hash of another CSV"


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        (
            "AmazonEC2",
            "AmazonEC3",
            r"line \d+, entry [0-9a-f]{64}: service_name is AmazonEC3, in the ledger AmazonEC2$",
        ),
        ("entry_id,", "entry_di,", r"line 1, the header, lacks entry_id$"),
        (",claims,", ",claimz,", r"line 2 has business_unit claimz, the file is named for claims$"),
    ],
)
def test_a_changed_word_in_a_csv_is_found_by_its_line(may: Path, old: str, new: str, where: str) -> None:
    replace_in(may / CSV, old, new)
    assert verify(may).says(rf"^{CSV}: {where}")


def test_lines_that_are_no_csv_or_no_text_are_found(may: Path) -> None:
    lines = (may / CSV).read_bytes().splitlines(keepends=True)
    columns = lines[0].count(b",") + 1
    (may / CSV).write_bytes(b"".join([*lines[:3], b"\xff" + lines[3][1:], *lines[4:]]))
    assert verify(may).says(rf"^{CSV}: line 4 is not UTF-8$")

    (may / CSV).write_bytes(b"".join([*lines[:3], b"only,three,cells\n", *lines[4:]]))
    assert verify(may).says(rf"^{CSV}: line 4 has 3 cells, the header {columns}$")


def test_a_line_taken_out_of_a_csv_or_put_in_twice_is_found(may: Path) -> None:
    lines = (may / CSV).read_text().splitlines(keepends=True)
    zero = lines[3].rpartition(",")[0].rpartition(",")[0] + ",0.00,1\n"
    (may / CSV).write_text("".join([*lines, zero]))
    assert verify(may).says(rf"^{CSV}: line {len(lines) + 1}: entry [0-9a-f]{{64}} a second time$")


def test_a_changed_name_of_a_column_that_sums_need_is_found(may: Path) -> None:
    flip_in(may / CSV, "billing_currency", by=3)

    ended = verify(may)

    assert (ended.code, ended.err) == (4, [])
    assert ended.says(rf"^{CSV}: ")


@pytest.mark.parametrize(
    ("file", "amount"),
    [
        (CSV, r",\d+(\.)(?:7[1-9]|[89]\d),[^,\n]*$"),
        ("evidence.json", r'"commitment_bridge": "2(\.)50"'),
        ("summary.json", r'"total": "\d+(\.)(?:7[1-9]|[89]\d)"'),
    ],
)
def test_an_amount_whose_point_became_an_exponent_is_found_where_it_stands(may: Path, file: str, amount: str) -> None:
    """479.91 and 479e91 differ by one byte, and the sums of the second are beyond every account."""
    text = (may / file).read_text(encoding="utf-8")
    found = re.search(amount, text, re.MULTILINE)
    assert found
    (may / file).write_text(f"{text[: found.start(1)]}e{text[found.end(1) :]}", encoding="utf-8")

    ended = verify(may)

    assert (ended.code, ended.err) == (4, [])
    assert ended.says(rf"^{file}")


def test_a_changed_checksum_is_found_by_its_line(may: Path) -> None:
    flip(may / SUMS, 70)

    ended = verify(may)

    assert ended.says(rf"^{SUMS}: line 1 is about .*, not claims-{MAY}-r1\.pdf$")
    assert ended.says(rf"^{SUMS}: what was signed has the SHA-256 [0-9a-f]{{16}}…, this file has [0-9a-f]{{16}}…$")
    assert ended.says(rf"^{SUMS}\.sig: is not what the key of certificate [0-9a-f]{{16}}… makes of claims-")
    assert ended.says(r"\(statements\[0\]\.sha256sums_sha256\)$")


@pytest.mark.parametrize("suffix", [".p7s", ".sig"])
def test_a_changed_signature_of_checksums_is_named(may: Path, suffix: str) -> None:
    flip(may / f"{SUMS}{suffix}", 60)
    ended = verify(may)
    assert ended.code == 4
    assert f"{SUMS}{suffix}" in blamed(ended.failed) <= {f"{SUMS}.p7s", f"{SUMS}.sig"}


def test_no_flipped_bit_in_a_signature_goes_unseen(may: Path) -> None:
    """The CMS has parts that no signature protects; a flipped bit in these is found as well."""
    file = may / "evidence.json.p7s"
    whole = file.read_bytes()
    trust = Trust.read(may.parent / "root-ca.pem", NOW)
    for at in range(0, len(whole), 7):
        flip(file, at, bit=at % 8)
        found = check_signatures(PeriodFolder(may).record("evidence.json"), NOW, trust)
        assert any(finding.verdict is Verdict.FAILED for finding in found), f"byte {at}"
        file.write_bytes(whole)


def test_a_changed_ledger_entry_is_named(may: Path) -> None:
    rows = read_ledger(may / LEDGER)
    entry = rows[7]
    write_ledger(may / LEDGER, [*rows[:7], entry | {"cost": "9.99"}, *rows[8:]])

    ended = verify(may)

    where = rf"entry {entry['entry_id']}: cost is {re.escape(entry['cost'])}, in the ledger 9\.99"
    assert ended.says(rf"^{LEDGER}: has the SHA-256 .* \(run\.ledger\.objects\[0\]\.sha256\)$")
    assert ended.says(rf"^{re.escape(LEDGER_CONTENT)}: the entries' hash is .*; statement of \w+, line \d+, {where}$")
    assert ended.says(r"^evidence\.json: statements\[\d\]\.total is .*, the ledger's entries are .* apart$")
    assert ended.says(r"^evidence\.json: reconciliation\.invoices\[\d\]\.revision_cost is ")
    assert ended.says(r"^summary\.json: cost_centers\[\d\]\.(direct|shared|by_pool\.\w+) is .*, by the ledger it is ")


def test_an_entry_taken_out_of_the_ledger_or_put_in_is_named(may: Path) -> None:
    rows = read_ledger(may / LEDGER)
    write_ledger(may / LEDGER, rows[1:])
    content = re.escape(LEDGER_CONTENT)
    gone = rows[0]["entry_id"]
    assert verify(may).says(
        rf"^{content}: 39 entries, the evidence has 40 \(ledger\.entries\); .* line \d+: entry {gone} is"
    )

    write_ledger(may / LEDGER, [*rows, rows[0] | {"entry_id": "new", "cost": "0.00"}])
    assert verify(may).says(rf"^{content}: 41 entries, .*; .*, entry new \(0\.00\) is in the ledger, and in no line$")


def test_a_ledgers_column_whose_name_is_no_text_any_more_is_found(may: Path) -> None:
    duckdb.sql(f"copy (from '{may / LEDGER}') to '{may / 'rewritten'}' (format parquet, compression zstd)")
    (may / "rewritten").replace(may / LEDGER)  # as the local Athena writes it
    flip(may / LEDGER, (may / LEDGER).read_bytes().index(b"service_name"), bit=7)

    ended = verify(may)

    assert (ended.code, ended.err) == (4, [])
    assert ended.says(r"^ledger/")


def test_a_ledger_file_that_cannot_be_read_any_more_is_named_with_the_column(may: Path) -> None:
    write_ledger(may / LEDGER, read_ledger(may / LEDGER), compression="zstd")
    flip_in(may / LEDGER, ZSTD_FRAME)
    ended = verify(may)
    assert ended.says(rf"^{LEDGER}: cannot be read: column entry_id, bytes [\d,]+–[\d,]+")

    flip(may / LEDGER, (may / LEDGER).stat().st_size - 1)
    assert verify(may).says(rf"^{LEDGER}: cannot be read: its end, which describes it, is damaged")


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('"csv_sha256": "', '"csv_sha256": "0', r"\(statements\[0\]\.csv_sha256\)$"),
        ('"billed_cost": "', '"billed_cost": "9', r"^evidence\.json: control_totals\[0\]\.\w+ is 9.* apart$"),
        (
            '"delta": "0.00"',
            '"delta": "0.01"',
            r"^evidence\.json: reconciliation\.invoices\[0\]\.delta is 0\.01, it has to be 0\.00, 0\.01 apart$",
        ),
        ('"expected": "', '"expected": "1', r"^evidence\.json: invariants\[0\], .*: .*, expected 1"),
        ('"content_sha256": "', '"content_sha256": "0', r"\(ledger\.content_sha256\)"),
        (
            '"organization": "',
            '"organization": "The ',
            r"^summary\.json: organization is .*, by the evidence it is The ",
        ),
        ('"status": "CLOSED"', '"status": "CLOSER"', r"^evidence\.json: status: Input should be 'CLOSED'$"),
        ('"total": "', '"total": "x', r"^evidence\.json: statements\[0\]\.total: "),
        ('"revision": 1,', '"revision": 1', r"^evidence\.json: is no JSON any more: line \d+, column \d+: Expecting"),
    ],
)
def test_a_changed_evidence_is_found_with_the_member_that_changed(may: Path, old: str, new: str, where: str) -> None:
    replace_in(may / "evidence.json", old, new)

    ended = verify(may)

    assert ended.code == 4
    assert ended.says(r"^evidence\.json: what was signed has the SHA-256 ")
    assert ended.says(r"^evidence\.json\.sig: is not what the key of certificate ")
    assert ended.says(where)


def test_a_member_that_nothing_repeats_is_found_all_the_same(may: Path) -> None:
    replace_in(may / "evidence.json", '"manifest_execution_id": "export-1"', '"manifest_execution_id": "export-2"')
    ended = verify(may)
    assert ended.code == 4
    assert blamed(ended.failed) == {"evidence.json", "evidence.json.sig"}


@pytest.mark.parametrize("suffix", [".p7s", ".sig"])
def test_a_changed_signature_of_the_evidence_is_named(may: Path, suffix: str) -> None:
    flip(may / f"evidence.json{suffix}", 100)
    ended = verify(may)
    assert ended.code == 4
    assert f"evidence.json{suffix}" in blamed(ended.failed) <= {"evidence.json.p7s", "evidence.json.sig"}


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('"allocated_cost": "', '"allocated_cost": "1', r"allocated_cost is 1.*, by the evidence it is "),
        ('"direct": "', '"direct": "1', r"cost_centers\[0\]\.direct is 1.*, by the ledger it is "),
        ('"amount": "', '"amount": "1', r"postings\[0\]\.amount is 1.*, the total of CC-\d+ is "),
        (
            '"cost_center": "CC-1001",\n   "key"',
            '"cost_center": "CC-1",\n   "key"',
            r"postings\[0\] is of CC-1, which owes no",
        ),
        ('"amount": "', '"amount": "?', r"postings\[0\]\.amount: "),
        ('"pools": {', '"pools": {{', r"is no JSON any more: line \d+, column \d+"),
    ],
)
def test_a_changed_summary_is_found_with_the_member_that_changed(may: Path, old: str, new: str, where: str) -> None:
    replace_in(may / "summary.json", old, new)

    ended = verify(may)

    assert ended.code == 4
    assert ended.says(r"^summary\.json: has the SHA-256 .*, the evidence names .* \(run\.summary\.sha256\)$")
    assert ended.says(rf"^summary\.json: {where}")
    assert blamed(ended.failed) == {"summary.json"}


FILES = [
    *(
        f"statements/digital-{MAY}-r1{end}"
        for end in (".pdf", ".csv", ".SHA256SUMS", ".SHA256SUMS.p7s", ".SHA256SUMS.sig")
    ),
    LEDGER,
    "summary.json",
    "evidence.json",
    "evidence.json.p7s",
    "evidence.json.sig",
]


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(may: Path, name: str) -> None:
    (may / name).unlink()
    ended = verify(may)
    assert ended.code == 4
    assert ended.says(rf"^{re.escape(name)}: is missing")


def test_files_that_the_evidence_does_not_know_are_named(may: Path) -> None:
    for end in (".pdf", ".csv"):
        shutil.copy(may / f"statements/claims-{MAY}-r1{end}", may / f"statements/extra-{MAY}-r1{end}")
    write_ledger(may / LEDGER.replace("00000", "00001"), [])

    ended = verify(may)

    assert ended.says(rf"^statements/extra-{MAY}-r1: no such statement is in the evidence \(statements\)$")
    assert ended.says(r"part-00001\.parquet: is not in the evidence \(run\.ledger\.objects\)$")
