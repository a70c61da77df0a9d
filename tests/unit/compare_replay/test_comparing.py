"""A difference is told where it is: the line, the row and its columns, the byte, the member."""

from __future__ import annotations

from functions.compare_replay.comparing import NOTHING, compare_lines, compare_members, compare_rows, compare_signed_pdf

ROWS = [{"entry_id": "a", "cost": "1.00"}, {"entry_id": "b", "cost": "2.00"}]


def test_equal_files_rows_and_members_have_no_difference() -> None:
    assert compare_lines("x.csv", b"a\r\nb\r\n", b"a\r\nb\r\n") == []
    assert compare_rows("ledger", ROWS, list(ROWS)) == []
    assert compare_signed_pdf("x.pdf", b"%PDF body and its signature", b"%PDF body") == []
    assert list(compare_members("evidence.json", {"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]})) == []


def test_the_first_line_that_differs_is_named_with_both_versions() -> None:
    [difference] = compare_lines("x.csv", b"head\nclaims,10.00\nend\n", b"head\nclaims,10.01\nend\n")

    assert (difference.place, difference.filed, difference.derived) == ("line 2", "claims,10.00", "claims,10.01")


def test_another_line_ending_is_a_difference_too() -> None:
    assert [found.place for found in compare_lines("x.csv", b"a\r\nb\r\n", b"a\r\nb\n")] == ["line 2"]


def test_a_line_or_a_row_that_is_missing_is_told_as_nothing() -> None:
    [line] = compare_lines("x.csv", b"a\nb\n", b"a\n")
    [row] = compare_rows("ledger", ROWS, ROWS[:1])

    assert (line.place, line.derived) == ("line 2", NOTHING)
    assert (row.place, row.derived) == ("row 2", NOTHING)


def test_of_a_ledger_row_its_id_and_the_columns_that_differ_are_told() -> None:
    [difference] = compare_rows("ledger", ROWS, [ROWS[0], {"entry_id": "b", "cost": "2.01"}])

    assert (difference.filed, difference.derived) == ("entry_id b, cost 2.00", "entry_id b, cost 2.01")


def test_a_byte_of_a_pdf_before_its_signature_is_found() -> None:
    [difference] = compare_signed_pdf("x.pdf", b"%PDF b0dy and its signature", b"%PDF body")

    assert difference.place.endswith("byte 6")


def test_a_member_of_the_evidence_is_told_by_its_path() -> None:
    [difference] = compare_members("evidence.json", {"a": [{"b": "1"}]}, {"a": [{"b": "2"}]})

    assert (difference.place, difference.filed, difference.derived) == ("a[0].b", "1", "2")
