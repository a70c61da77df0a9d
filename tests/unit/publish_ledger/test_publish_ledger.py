"""The ledger is published once, as it was reconciled, and stands from then on."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.publish_ledger.logic import hash_entries
from functions.shared import run_files
from functions.shared.errors import LedgerConflict
from tests.unit.function_bench import FunctionBench
from tests.unit.run_samples import RUN_ID, STARTED_AT, csv_of, entry_row

FIRST_PART = "ledger/billing_period=2026-05/2026-05-revision-0001-part-00000.parquet"


def event(bench: FunctionBench, *entries: dict[str, str], **changes: Any) -> dict[str, Any]:
    return {
        "run_id": RUN_ID,
        "billing_period": "2026-05",
        "charge_period": "2026-05",
        "revision": 1,
        "entries_result": bench.put_query_result("entries", csv_of(*(entries or (entry_row(),)))),
        "started_at": STARTED_AT,
    } | changes


def stage(bench: FunctionBench, *parts: bytes) -> None:
    for number, part in enumerate(parts):
        key = f"{run_files.table_prefix(RUN_ID, 'ledger_entries')}{number}.parquet"
        bench.work.write(key, part, "application/octet-stream")


def published(bench: FunctionBench) -> dict[str, bytes]:
    return {version.key: bench.ledger.read(version.key) for version in bench.ledger.latest_versions("")}


def test_the_staged_parts_become_the_published_ledger_byte_by_byte(bench: FunctionBench) -> None:
    stage(bench, b"part one", b"part two")

    answer = bench.invoke("publish_ledger", event(bench))

    assert published(bench) == {FIRST_PART: b"part one", FIRST_PART.replace("00000", "00001"): b"part two"}
    line = b"e-1 10.0000000000 10.00 3\n"
    assert answer == {
        "location": "s3://ledger/ledger/billing_period=2026-05/2026-05-revision-0001-",
        "files": 2,
        "entries": 1,
        "content_sha256": hashlib.sha256(line).hexdigest(),
    }


def test_a_published_part_is_locked_for_the_audit_horizon(bench: FunctionBench) -> None:
    stage(bench, b"part")
    bench.invoke("publish_ledger", event(bench))

    [part] = bench.ledger.latest_versions("")
    held = bench.retention("ledger", part.key, part.version_id)
    assert held == ("COMPLIANCE", datetime(2033, 7, 1, tzinfo=UTC))


def test_publishing_the_same_ledger_again_changes_nothing(bench: FunctionBench) -> None:
    """Athena may write other Parquet for the same rows: what counts is what it says."""
    stage(bench, b"part")
    first = bench.invoke("publish_ledger", event(bench))
    stage(bench, b"same rows, other compression")

    assert bench.invoke("publish_ledger", event(bench)) == first
    assert published(bench) == {FIRST_PART: b"part"}


def test_another_ledger_of_the_same_revision_is_refused(bench: FunctionBench) -> None:
    stage(bench, b"part")
    bench.invoke("publish_ledger", event(bench))

    with pytest.raises(LedgerConflict, match="nothing was overwritten"):
        bench.invoke("publish_ledger", event(bench, entry_row(cost="10.01")))
    assert published(bench) == {FIRST_PART: b"part"}


def test_a_restatement_lies_in_the_month_it_is_booked_in_under_the_month_it_is_about(bench: FunctionBench) -> None:
    stage(bench, b"differences")

    bench.invoke("publish_ledger", event(bench, billing_period="2026-08", revision=2))

    assert list(published(bench)) == ["ledger/billing_period=2026-08/2026-05-revision-0002-part-00000.parquet"]


@pytest.mark.parametrize("changed", ["entry_id", "exact_cost", "cost", "line_count"])
def test_the_hash_of_a_ledger_is_over_ids_amounts_and_counts(changed: str) -> None:
    entries, content = hash_entries([entry_row(), entry_row(entry_id="e-2")])
    _, other = hash_entries([entry_row(**{changed: "7"}), entry_row(entry_id="e-2")])

    assert entries == 2
    assert other != content


def test_the_hash_of_a_ledger_depends_on_the_order_of_its_entries() -> None:
    one, two = entry_row(), entry_row(entry_id="e-2")

    assert hash_entries([one, two]) != hash_entries([two, one])
