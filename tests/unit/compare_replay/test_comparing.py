"""The first place in which two files differ is named with both values; files that are equal have none."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.compare_replay.comparing import compare_lines, compare_members, compare_rows, compare_signed_pdf
from functions.render_statement.logic import render_statement
from tests.unit.render_statement.builders import statement
from tests.unit.run_samples import entry_row

SHEET = b"entry_id,cost\ne-1,10.00\ne-2,4.50\n"
ROWS = [entry_row(), entry_row(entry_id="e-2", cost="4.50")]
SIGNATURE = b"\n9 0 obj\n<< /Type /Sig >>\nendobj\n"


@cache
def pdf() -> bytes:
    """A statement of several pages, unsigned."""
    return render_statement(statement()).pdf


def told(differences: list[Any]) -> list[tuple[str, str, str]]:
    return [(found.place, found.filed, found.derived) for found in differences]


def test_equal_files_do_not_differ() -> None:
    assert not compare_lines("a.csv", SHEET, SHEET)
    assert not compare_rows("ledger", ROWS, [dict(row) for row in ROWS])
    assert not list(compare_members("evidence.json", {"a": [1, {"b": "2"}]}, {"a": [1, {"b": "2"}]}))
    assert not compare_signed_pdf("a.pdf", pdf() + SIGNATURE, pdf())


@pytest.mark.parametrize(
    ("derived", "said"),
    [
        (SHEET.replace(b"4.50", b"4.51"), ("line 3", "e-2,4.50", "e-2,4.51")),
        (SHEET + b"e-3,1.00\n", ("line 4", "(nothing)", "e-3,1.00")),
        (SHEET[:-9], ("line 3", "e-2,4.50", "(nothing)")),
        (SHEET.replace(b"\n", b"\r\n"), ("line 1", "entry_id,cost", "entry_id,cost\r")),
    ],
)
def test_a_line_is_named_by_its_number(derived: bytes, said: tuple[str, str, str]) -> None:
    assert told(compare_lines("a.csv", SHEET, derived)) == [said]


@given(st.binary(), st.binary())
def test_two_texts_differ_in_one_line_or_are_the_same_bytes(filed: bytes, derived: bytes) -> None:
    assert (len(compare_lines("a.csv", filed, derived)) == 1) == (filed != derived)


def test_a_row_of_the_ledger_is_named_by_its_entry_and_the_columns_that_differ() -> None:
    changed = [ROWS[0], ROWS[1] | {"cost": "4.51", "line_count": "4"}]

    [(place, filed, derived)] = told(compare_rows("ledger", ROWS, changed))

    assert place == "row 2"
    assert filed == "entry_id e-2, cost 4.50, line_count 3"
    assert derived == "entry_id e-2, cost 4.51, line_count 4"


def test_a_row_more_or_less_is_a_difference() -> None:
    [(place, filed, derived)] = told(compare_rows("ledger", ROWS, ROWS[:1]))

    assert (place, derived) == ("row 2", "(nothing)")
    assert filed.startswith("entry_id e-2, billing_period 2026-05, ")


def test_only_the_part_that_was_signed_is_compared_and_no_byte_of_it_may_differ() -> None:
    content = pdf()
    for at in (0, len(content) // 2, len(content) - 1):
        filed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] + SIGNATURE
        [found] = compare_signed_pdf("a.pdf", filed, content)
        assert found.place.endswith(f"byte {at:,}")
        assert found.filed[:2] == f"{filed[at]:02x}"
        assert found.derived[:2] == f"{content[at]:02x}"


def test_a_pdf_that_is_cut_off_differs_where_it_ends() -> None:
    [found] = compare_signed_pdf("a.pdf", pdf()[:1000], pdf())

    assert (found.place, found.filed) == ("byte 1,000", "(nothing)")


def test_the_page_is_named_whose_content_differs() -> None:
    content = pdf()
    streams = [at for at in range(len(content)) if content.startswith(b"stream\n", at)]
    pages = set()
    for at in streams:
        filed = content[: at + 20] + bytes([content[at + 20] ^ 1]) + content[at + 21 :]
        [found] = compare_signed_pdf("a.pdf", filed, content)
        pages.add(found.place.partition(",")[0] if found.place.startswith("page ") else "")

    assert {"", "page 1", "page 2"} <= pages


def test_members_are_named_by_their_path() -> None:
    filed = {"totals": {"delta": "0.00"}, "sql": [{"name": "f010"}, {"name": "a010"}], "policy": {"sha256": "ab"}}
    derived = {"totals": {"delta": "0.01"}, "sql": [{"name": "f010"}], "policy": {"sha256": "ab"}, "more": 1}

    assert told(list(compare_members("evidence.json", filed, derived))) == [
        ("more", "(nothing)", "1"),
        ("sql[1]", "{'name': 'a010'}", "(nothing)"),
        ("totals.delta", "0.00", "0.01"),
    ]
