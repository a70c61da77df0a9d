"""Facts are told from the run, evidences follow each other, and keys tell what queries read of the ledger."""

from __future__ import annotations

import hashlib

import pytest

from functions.shared.evidence import Closed, facts_sha256, previous_closed, read_by_queries

EVIDENCE = {"billing_period": "2026-05", "totals": {"b": "é", "a": "1"}, "run": {"started_at": "now"}}


def test_the_facts_do_not_depend_on_how_the_run_went() -> None:
    assert facts_sha256(EVIDENCE) == facts_sha256(EVIDENCE | {"run": {"started_at": "years later"}})
    assert facts_sha256(EVIDENCE) != facts_sha256(EVIDENCE | {"billing_period": "2026-06"})


def test_anybody_can_compute_the_hash_of_the_facts() -> None:
    text = '{"billing_period":"2026-05","totals":{"a":"1","b":"é"}}'
    assert facts_sha256(EVIDENCE) == hashlib.sha256(text.encode("utf-8")).hexdigest()


def signed(*closed: str) -> list[str]:
    return [f"periods/{name.replace(' ', '/revision-000')}/evidence.json.p7s" for name in closed]


@pytest.mark.parametrize(
    ("closed", "own", "previous"),
    [
        ([], ("2026-05", 1), None),
        (["2026-03 1", "2026-04 1"], ("2026-05", 1), ("2026-04", 1)),
        (["2026-03 1", "2026-04 1", "2026-04 2"], ("2026-05", 1), ("2026-04", 2)),
        (["2026-04 1", "2026-05 1"], ("2026-05", 2), ("2026-05", 1)),
        (["2026-04 1", "2026-05 1", "2026-05 2"], ("2026-05", 2), ("2026-05", 1)),
        (["2026-02 1"], ("2026-05", 1), ("2026-02", 1)),
        (["2026-06 1", "2026-07 1"], ("2026-05", 1), None),
        (["2025-12 1", "2026-06 1"], ("2026-01", 1), ("2025-12", 1)),
    ],
)
def test_evidence_follows_the_revision_before_or_the_last_month_before(
    closed: list[str], own: tuple[str, int], previous: tuple[str, int] | None
) -> None:
    assert previous_closed(signed(*closed), *own) == (previous and Closed(*previous))


def test_evidence_that_is_not_signed_yet_is_no_link_of_the_chain() -> None:
    keys = ["periods/2026-04/revision-0001/evidence.json", "periods/2026-04/revision-0001/evidence.json.sig"]

    assert previous_closed(keys, "2026-05", 1) is None


@pytest.mark.parametrize(
    ("key", "read"),
    [
        ("ledger/billing_period=2026-05/2026-05-revision-0001-part-00000.parquet", True),
        ("ledger/billing_period=2026-08/2026-05-revision-0002-part-00000.parquet", False),
        ("ledger/billing_period=2026-09/2026-05-revision-0003-part-00000.parquet", False),
        ("ledger/billing_period=2026-07/2026-04-revision-0002-part-00001.parquet", True),
        ("ledger/billing_period=2025-06/2025-06-revision-0001-part-00000.parquet", True),
        ("ledger/billing_period=2025-05/2025-05-revision-0001-part-00000.parquet", False),
        ("ledger/billing_period=2025-06/2025-05-revision-0002-part-00000.parquet", False),
        ("ledger/billing_period=2026-06/2026-06-revision-0001-part-00000.parquet", False),
        ("periods/2026-04/revision-0001/summary.json", False),
    ],
)
def test_the_second_revision_of_may_read_the_first_and_the_eleven_months_before(key: str, read: bool) -> None:
    assert read_by_queries(key, "2026-05", 2, trend_months=11) is read
