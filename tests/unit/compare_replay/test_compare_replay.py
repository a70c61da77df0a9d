"""A close that was derived again is held against what was filed: the same, or every difference by its file."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from functions.compare_replay.logic import Comparison
from functions.render_statement.model import BusinessUnit
from functions.shared import run_files
from functions.shared.errors import ReplayDiffers, SignatureInvalid
from functions.shared.signing.identity import SigningIdentity
from tests.unit import closed_may
from tests.unit.closed_may import (
    ENTRIES,
    EVIDENCE_KEY,
    LEDGER_KEY,
    REPLAY,
    STATEMENT,
    SUMMARY_KEY,
    close_may,
    compare_may,
    derive_may,
    overwrite,
    restore_may,
)
from tests.unit.function_bench import VALUES, FunctionBench

LEDGER = run_files.ledger_prefix("2026-05", "2026-05", 1)


@pytest.fixture
def restored(bench: FunctionBench, signing: SigningIdentity) -> FunctionBench:  # noqa: ARG001 - it signs
    close_may(bench)
    restore_may(bench)
    return bench


def differences(bench: FunctionBench, filed: list[dict[str, str]] | None = None) -> dict[str, tuple[str, str, str]]:
    """Place, filed and derived value of every difference, by file."""
    with pytest.raises(ReplayDiffers) as raised:
        compare_may(bench, filed)
    found = Comparison.model_validate(bench.work.read_json(run_files.replay_key(REPLAY))).differences
    assert str(raised.value).startswith(f"{found[0].file}, {found[0].place}: filed '")
    assert f"all of it in s3://work/runs/{REPLAY}/replay.json" in str(raised.value)
    return {difference.file: (difference.place, difference.filed, difference.derived) for difference in found}


def test_a_close_that_is_the_same_is_identical_and_every_file_was_compared(restored: FunctionBench) -> None:
    derive_may(restored)

    compared = compare_may(restored)

    assert (compared["entries"], compared["same_code"], compared["notes"]) == (len(ENTRIES), True, [])
    whole = Comparison.model_validate(restored.work.read_json(run_files.replay_key(REPLAY)))
    assert whole.differences == ()
    endings = (".csv", ".pdf", ".SHA256SUMS", ".SHA256SUMS.p7s", ".SHA256SUMS.sig")
    assert set(whole.files) == {LEDGER, LEDGER_KEY, EVIDENCE_KEY, SUMMARY_KEY, *(STATEMENT + end for end in endings)}
    assert compared["files"] == len(whole.files)


@pytest.mark.parametrize(
    ("bucket", "key", "change", "place"),
    [
        ("statements", f"{STATEMENT}.csv", lambda content: content.replace(b",direct,", b",shared,", 1), "line 2"),
        ("statements", f"{STATEMENT}.pdf", lambda content: content + b" ", "SHA-256 as the evidence has it"),
        ("statements", f"{STATEMENT}.pdf", lambda content: b"!" + content[1:], "byte 0"),
        ("statements", f"{STATEMENT}.SHA256SUMS", lambda content: content[:-1], "line 2"),
        ("statements", f"{STATEMENT}.SHA256SUMS.p7s", lambda content: content[:-1], "SHA-256 as the evidence has it"),
        ("statements", f"{STATEMENT}.SHA256SUMS.sig", lambda content: content[1:], "SHA-256 as the evidence has it"),
        ("ledger", LEDGER_KEY, lambda content: content + b"!", "SHA-256"),
        ("ledger", SUMMARY_KEY, lambda content: content.replace(b"100.00", b"100.01", 1), "allocated_cost"),
        ("ledger", SUMMARY_KEY, lambda content: content.replace(b'"allocated_cost"', b'"allocated"', 1), "allocated"),
        ("ledger", SUMMARY_KEY, lambda content: content + b"\n", "SHA-256 as the evidence has it"),
        ("ledger", SUMMARY_KEY, lambda _: b"no JSON", "allocated_cost"),
    ],
)
def test_a_file_that_was_changed_after_it_was_filed_is_named_and_no_other(
    restored: FunctionBench, bucket: str, key: str, change: Callable[[bytes], bytes], place: str
) -> None:
    overwrite(bucket, key, change)
    derive_may(restored)

    found = differences(restored)
    assert found.keys() == {key}
    with_json = restored.work.read_json(run_files.replay_key(REPLAY))["differences"]
    assert with_json[0]["place"] == place


def test_a_changed_line_is_told_with_both_values(restored: FunctionBench) -> None:
    overwrite("statements", f"{STATEMENT}.csv", lambda content: content.replace(b",direct,", b",shared,", 1))
    derive_may(restored)

    [(place, filed, derived)] = differences(restored).values()
    assert place == "line 2"
    assert filed.replace(",shared,", ",direct,") == derived


def test_a_ledger_that_says_otherwise_is_named_by_its_row(restored: FunctionBench) -> None:
    derive_may(restored)

    found = differences(restored, filed=[ENTRIES[0], ENTRIES[1] | {"cost": "4.51"}, ENTRIES[2]])
    assert found == {LEDGER: ("row 2", "entry_id e-2, cost 4.51", "entry_id e-2, cost 4.50")}


def test_a_derivation_that_comes_out_otherwise_differs_in_rows_and_in_the_hash_of_the_entries(
    restored: FunctionBench,
) -> None:
    derive_may(restored, entries=[*ENTRIES[:2], ENTRIES[2] | {"cost": "-1.01"}])

    with pytest.raises(ReplayDiffers, match=r"row 3: filed 'entry_id e-3, cost -1.00', derived 'entry_id e-3, cost -1"):
        compare_may(restored)
    listed = restored.work.read_json(run_files.replay_key(REPLAY))["differences"]
    assert [row["place"] for row in listed] == ["row 3", "SHA-256 of the entries"]


def test_a_statement_that_is_rendered_otherwise_is_told_by_its_page(restored: FunctionBench) -> None:
    derive_may(restored, business_unit=BusinessUnit(id="claims", name="Claims and Appeals"))

    found = differences(restored)
    assert found.keys() == {f"{STATEMENT}.csv", f"{STATEMENT}.pdf"}
    assert found[f"{STATEMENT}.csv"][0] == "line 2"
    assert found[f"{STATEMENT}.pdf"][0].startswith("page 1, byte ")


def test_a_file_that_is_gone_is_missed(restored: FunctionBench) -> None:
    restored.s3.delete_object(Bucket="statements", Key=f"{STATEMENT}.csv")
    restored.s3.delete_object(Bucket="ledger", Key=SUMMARY_KEY)
    derive_may(restored)

    found = differences(restored)
    assert found == {f"{STATEMENT}.csv": ("file", "(nothing)", "a file"), SUMMARY_KEY: ("file", "(nothing)", "a file")}


def test_a_statement_more_than_there_was_is_told(restored: FunctionBench) -> None:
    derive_may(restored)
    record = restored.work.read_json(run_files.rendered_key(REPLAY, "claims")) | {"business_unit": "finance"}
    record["csv"] = "statements/finance-2026-05-r1.csv"
    restored.work.write_json(run_files.rendered_key(REPLAY, "finance"), record)

    found = differences(restored)
    assert found["statements/finance-2026-05-r1.csv"] == ("statement", "(nothing)", "a statement of finance")


def test_evidence_that_was_changed_meanwhile_is_not_believed(restored: FunctionBench) -> None:
    derive_may(restored)
    overwrite("ledger", EVIDENCE_KEY, lambda content: content.replace(b"0.00", b"0.01", 1))

    with pytest.raises(SignatureInvalid, match=r"evidence\.json: the signature is of a content"):
        compare_may(restored)


@pytest.mark.usefixtures("signing")
def test_a_close_that_was_resumed_with_other_code_is_not_passed_off_as_the_same_code(
    bench: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its evidence names the code that ended it, which is today's; its statements were made by the one before."""
    monkeypatch.setattr(closed_may, "CODE", "0ddc" * 16)
    close_may(bench)
    restore_may(bench)
    derive_may(bench)

    compared = compare_may(bench)

    assert not compared["same_code"]
    assert compared["notes"] == ["other code: the close ran version 0ddc0ddc0ddc, this replay c0dec0dec0de"]


def test_other_code_and_statements_that_the_close_did_not_have_are_noted_and_no_difference(
    restored: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(VALUES, "CODE_VERSION", "f00d" * 16)
    monkeypatch.setattr(closed_may, "ALLOCATION", closed_may.ALLOCATION | {"s070_carbon": {"query_execution_id": "q"}})
    derive_may(restored)

    compared = compare_may(restored)

    assert not compared["same_code"]
    assert compared["notes"] == [
        "other code: the close ran version c0dec0dec0de, this replay f00df00df00d",
        "statements that the close did not have yet, as they are today: s070_carbon",
    ]
