"""A statement's files hang on one line of its business unit, each once, as they were filed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.attach_statement.logic import choose_carrier, statement_files
from functions.post_charge.item import ChargeItem
from functions.shared import run_files
from functions.shared.errors import (
    AttachmentMismatch,
    BooksUnavailable,
    DuplicatePosting,
    MissingPosting,
    PostingForbidden,
)
from functions.shared.filed_statement import FiledStatement
from local.servicenow.faults import FaultKind
from local.servicenow.server import ServiceNowStandIn
from local.servicenow.tables import EXPENSE_LINES, TABLES, Table
from tests.unit.function_bench import VALUES, FunctionBench
from tests.unit.run_samples import RUN_ID
from tests.unit.servicenow_bench import LINES

FOLDER = "charge_period=2026-05/"
STEM = "statements/claims-2026-05-r1"
FILES = {
    f"{STEM}.pdf": b"%PDF-1.7 claims",
    f"{STEM}.csv": b"cost_center,amount\r\n",
    f"{STEM}.SHA256SUMS": b"ab  claims.pdf\n",
    f"{STEM}.SHA256SUMS.p7s": b"\x30\x82cms",
    f"{STEM}.SHA256SUMS.sig": b"\x00raw",
}
REQUEST = {"run_id": RUN_ID, "business_unit": "claims"}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def filed(**changes: Any) -> FiledStatement:
    pdf, csv, sums, cms, raw = FILES
    return FiledStatement.model_validate(
        {
            "business_unit": "claims",
            "total": "79.99",
            "folder": FOLDER,
            "pdf": pdf,
            "csv": csv,
            "sha256sums": sums,
            "pdf_sha256": sha256(FILES[pdf]),
            "csv_sha256": sha256(FILES[csv]),
            "sha256sums_sha256": sha256(FILES[sums]),
            "signature": cms,
            "signature_sha256": sha256(FILES[cms]),
            "raw_signature": raw,
            "raw_signature_sha256": sha256(FILES[raw]),
        }
        | changes
    )


def item(cost_center: str, business_unit: str = "claims", amount: str = "79.99") -> ChargeItem:
    return ChargeItem.model_validate(
        {
            "run_id": RUN_ID,
            "organization": "acme",
            "billing_period": "2026-05",
            "charge_period": "2026-05",
            "revision": 1,
            "cost_center": cost_center,
            "business_unit": business_unit,
            "amount": amount,
            "billing_currency": "USD",
        }
    )


def enter(books: ServiceNowStandIn, charge: ChargeItem) -> str:
    return books.add_record(LINES, {"u_chargeback_key": charge.key, "amount": str(charge.amount)})["sys_id"]


def prepare(bench: FunctionBench, books: ServiceNowStandIn) -> None:
    """A run whose statement is filed and whose charges are known, and books where the function looks for them."""
    items = [item("CC-1002"), item("CC-1001"), item("CC-0001", "risk")]
    bench.work.write_json(run_files.charge_items_key(RUN_ID), [each.model_dump(mode="json") for each in items])
    bench.work.write_json(run_files.rendered_key(RUN_ID, "claims"), filed().model_dump(mode="json"))
    for name, content in FILES.items():
        bench.s3.put_object(Bucket="statements", Key=FOLDER + name, Body=content)
    secret = json.dumps({"base_url": books.url, "credentials": books.credentials, "timeout_seconds": 0.5})
    boto3.client("secretsmanager").create_secret(Name=VALUES["SERVICENOW_SECRET"], SecretString=secret)


@pytest.fixture
def books(bench: FunctionBench, tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    """Books that hold the charges of the run."""
    with ServiceNowStandIn(tmp_path, slow_seconds=60) as stand_in:
        prepare(bench, stand_in)
        for charge in (item("CC-0001", "risk"), item("CC-1001"), item("CC-1002")):
            enter(stand_in, charge)
        yield stand_in


def attached(books: ServiceNowStandIn) -> dict[str, bytes]:
    records = books.records("sys_attachment")
    assert len(records) == len({record["file_name"] for record in records}), "attached more than once"
    return {record["file_name"]: books.file(record["sys_id"]) for record in records}


AS_FILED = {name.rpartition("/")[2]: content for name, content in FILES.items()}


def test_the_files_hang_on_the_first_line_of_the_unit_byte_by_byte(
    bench: FunctionBench, books: ServiceNowStandIn
) -> None:
    answer = bench.invoke("attach_statement", REQUEST)

    carrier = books.records(LINES)[1]
    assert answer == {
        "business_unit": "claims",
        "table": LINES,
        "sys_id": carrier["sys_id"],
        "uploaded": 5,
        "found": 0,
    }
    assert attached(books) == AS_FILED
    assert {record["table_sys_id"] for record in books.records("sys_attachment")} == {carrier["sys_id"]}


def test_attaching_again_finds_them(bench: FunctionBench, books: ServiceNowStandIn) -> None:
    bench.invoke("attach_statement", REQUEST)
    answer = bench.invoke("attach_statement", REQUEST)

    assert (answer["uploaded"], answer["found"]) == (0, 5)
    assert attached(books) == AS_FILED


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("kind", ["reset_after_act", "garbled", "slow"])
def test_an_upload_that_was_not_answered_is_found(
    bench: FunctionBench, books: ServiceNowStandIn, kind: FaultKind, number: int
) -> None:
    books.fail_next(1, kind, on="upload", after=number)

    bench.invoke("attach_statement", REQUEST)
    assert attached(books) == AS_FILED


def test_what_an_interrupted_attempt_left_out_is_attached_by_the_next(
    bench: FunctionBench, books: ServiceNowStandIn
) -> None:
    books.fail_next(1, "500", on="upload")
    with pytest.raises(BooksUnavailable):
        bench.invoke("attach_statement", REQUEST)

    bench.invoke("attach_statement", REQUEST)
    assert attached(books) == AS_FILED


def test_a_unit_without_charges_has_no_line_to_hang_files_on(bench: FunctionBench, books: ServiceNowStandIn) -> None:
    bench.work.write_json(run_files.charge_items_key(RUN_ID), [])

    answer = bench.invoke("attach_statement", REQUEST)

    assert (answer["sys_id"], answer["uploaded"], answer["found"]) == (None, 0, 0)
    assert books.requests == []


def test_files_wait_for_their_line(bench: FunctionBench, tmp_path: Path) -> None:
    with ServiceNowStandIn(tmp_path) as books:
        prepare(bench, books)
        with pytest.raises(
            MissingPosting, match="CC-1001, which carries the statement of claims; run again to post it"
        ):
            bench.invoke("attach_statement", REQUEST)


def test_of_two_lines_with_one_key_none_is_chosen(bench: FunctionBench, tmp_path: Path) -> None:
    without_index = {**TABLES, LINES: Table(columns=EXPENSE_LINES.columns)}
    with ServiceNowStandIn(tmp_path, tables=without_index) as books:
        prepare(bench, books)
        for _ in range(2):
            enter(books, item("CC-1001"))
        with pytest.raises(DuplicatePosting, match="void all but one"):
            bench.invoke("attach_statement", REQUEST)
        assert attached(books) == {}


def test_a_file_that_is_not_what_was_filed_is_not_attached(bench: FunctionBench, books: ServiceNowStandIn) -> None:
    bench.s3.put_object(Bucket="statements", Key=f"{FOLDER}{STEM}.csv", Body=b"cost_center,amount\r\nCC-1,0\r\n")

    with pytest.raises(AttachmentMismatch, match=rf"{STEM}\.csv is not the file that was filed"):
        bench.invoke("attach_statement", REQUEST)
    assert attached(books) == {}


def test_a_user_that_may_only_read_attaches_nothing(bench: FunctionBench, tmp_path: Path) -> None:
    read_only = {**TABLES, LINES: Table(columns=EXPENSE_LINES.columns, writer="financial_mgmt_admin")}
    with ServiceNowStandIn(tmp_path, tables=read_only) as books:
        prepare(bench, books)
        enter(books, item("CC-1001"))
        with pytest.raises(PostingForbidden, match="give our user the role"):
            bench.invoke("attach_statement", REQUEST)


def test_a_statement_without_signatures_has_three_files() -> None:
    unsigned = filed(signature=None, signature_sha256=None, raw_signature=None, raw_signature_sha256=None)

    names = [file.name for file in statement_files(unsigned, lambda key: FILES[key.removeprefix(FOLDER)])]
    assert names == ["claims-2026-05-r1.pdf", "claims-2026-05-r1.csv", "claims-2026-05-r1.SHA256SUMS"]


@given(st.permutations(["CC-1003", "CC-1001", "CC-1002"]))
def test_the_carrier_does_not_depend_on_the_order_of_the_charges(centers: list[str]) -> None:
    carrier = choose_carrier([item(center) for center in centers] + [item("CC-0001", "risk")], "claims")

    assert carrier is not None
    assert carrier.cost_center == "CC-1001"
