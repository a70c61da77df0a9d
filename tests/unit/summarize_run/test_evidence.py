"""The evidence of a close: everything it stands on, as facts that come out alike whenever the same bytes are closed."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.shared import run_files
from functions.shared.errors import InvalidPolicy
from functions.shared.evidence import facts_sha256
from tests.unit.function_bench import VALUES, FunctionBench
from tests.unit.run_samples import RUN_ID, policy_of_run, seal
from tests.unit.shared.policy_sample import HEADCOUNT, sample
from tests.unit.summarize_run.run_of_may import (
    ALLOCATION,
    FILED,
    INVOICES,
    SQL,
    STATEMENTS,
    event,
    evidence_of,
    keep_run,
)

UNTIL = datetime(2033, 7, 1, tzinfo=UTC)
PART = "{}-revision-{:04d}-part-00000.parquet"


def publish(bench: FunctionBench, period: str, revision: int = 1, booked_in: str | None = None) -> str:
    """Publishes a ledger; returns its key."""
    key = f"ledger/billing_period={booked_in or period}/{PART.format(period, revision)}"
    bench.ledger.write_once(key, f"ledger of {period} {revision}".encode(), "parquet", "content", UNTIL)
    return key


def file_evidence(bench: FunctionBench, period: str, revision: int = 1, *, signed: bool = True) -> bytes:
    """Files the evidence of another close."""
    key = run_files.evidence_key(period, revision)
    content = json.dumps({"billing_period": period, "revision": revision, "run": {"id": "x"}}).encode()
    bench.ledger.write_once(key, content, "application/json", "content", UNTIL)
    if signed:
        bench.ledger.write_once(f"{key}.p7s", b"signature", "x", "content", UNTIL)
    return content


def summarize(bench: FunctionBench, **changes: Any) -> dict[str, Any]:
    keep_run(bench)
    bench.invoke("summarize_run", event(**changes))
    return evidence_of(bench, revision=changes.get("revision", 1))


def test_the_evidence_leads_from_sealed_bytes_over_policy_and_sql_to_ledger_and_statements(
    bench: FunctionBench,
) -> None:
    evidence = summarize(bench)

    [file] = evidence["bill"]["files"]
    assert file == {"key": seal().files[0].key, "size": 1000, "sha256": "ab" * 32}
    assert evidence["policy"]["sha256"] == policy_of_run().sha256
    assert {row["name"]: row["sha256"] for row in evidence["sql"]} == {
        name: hashlib.sha256(text.encode()).hexdigest() for name, text in SQL.items()
    }
    assert evidence["code_version"] == VALUES["CODE_VERSION"]
    assert evidence["totals"]["billed_cost"] == "100.00"
    assert evidence["invoice_totals"] == INVOICES
    assert evidence["ledger"] == {
        "prefix": "ledger/billing_period=2026-05/2026-05-revision-0001-",
        "entries": 3,
        "content_sha256": "ab" * 32,
    }
    assert evidence["statements"] == [FILED.model_dump(mode="json")]


def test_every_invariant_is_listed_with_both_its_values(bench: FunctionBench) -> None:
    listed = {row["invariant"]: (row["found"], row["expected"]) for row in summarize(bench)["invariants"]}

    invoice = "invoice INV-1 of 999900001111"
    assert listed == {
        f"{invoice}: allocated = billed": ("100.00", "100.00"),
        f"{invoice}: effective + bridge = unblended": ("99.9960000000", "99.9960000000"),
        f"{invoice}: the fold's unblended cost": ("99.9960000000", "99.9960000000"),
        f"{invoice}: lines folded": ("10", "10"),
        f"{invoice}: entries without business unit": ("0", "0"),
        "pool support on invoice INV-1 of 999900001111: shares": ("25.00", "25.00"),
    }


def test_another_run_on_the_same_bytes_gives_the_same_facts(bench: FunctionBench) -> None:
    """Another day, other object versions, other query ids: all of that is in ``run``, and nowhere else."""
    first = summarize(bench)
    again = seal(
        retain_until=datetime(2040, 1, 1, tzinfo=UTC),
        files=[seal().files[0].model_copy(update={"version_id": "v9", "etag": "e9"})],
    )
    keep_run(bench, "2026-05-ffffffffffff-1")
    bench.work.write_json(run_files.seal_key("2026-05-ffffffffffff-1"), again.model_dump(mode="json"))
    other = event(
        run_id="2026-05-ffffffffffff-1",
        started_at="2027-01-31T23:00:00Z",
        execution_arn="arn:other",
        steps={"s010_ledger_entries": {"query_execution_id": "q-99", "bytes_scanned": 6}},
        ledger=event()["ledger"] | {"location": "s3://elsewhere/…", "files": 7},
        status="PREVIEW",
    )
    bench.invoke("summarize_run", other)
    second = bench.work.read_json("runs/2026-05-ffffffffffff-1/evidence.json") | {"status": "CLOSED"}

    assert second["run"] != first["run"]
    assert {name: value for name, value in second.items() if name != "run"} == {
        name: value for name, value in first.items() if name != "run"
    }
    assert facts_sha256(first) == facts_sha256(second)


def test_the_run_says_when_by_whom_and_with_which_object_versions_and_queries(bench: FunctionBench) -> None:
    run = summarize(bench)["run"]

    assert (run["run_id"], run["started_at"]) == (RUN_ID, "2026-06-08T06:00:00+00:00")
    [file] = run["bill"]["files"]
    assert (file["version_id"], file["etag"]) == ("v1", "e1")
    assert run["queries"] == ALLOCATION | STATEMENTS
    summary = bench.ledger.read(run_files.summary_key("2026-05", 1))
    assert run["summary"]["sha256"] == hashlib.sha256(summary).hexdigest()


def test_the_queries_of_the_execution_that_was_interrupted_are_not_forgotten(bench: FunctionBench) -> None:
    """An execution that resumes a close runs the statements' queries only."""
    assert summarize(bench, steps=STATEMENTS)["run"]["queries"].keys() == {"f010_charges", "s010_ledger_entries"}


def test_the_ledger_is_listed_object_by_object_with_the_hash_of_its_bytes(bench: FunctionBench) -> None:
    key = publish(bench, "2026-05")
    [stored] = bench.ledger.latest_versions(key)

    [listed] = summarize(bench)["run"]["ledger"]["objects"]
    assert listed == {
        "key": key,
        "version_id": stored.version_id,
        "size": stored.size,
        "sha256": hashlib.sha256(b"ledger of 2026-05 1").hexdigest(),
    }


def test_what_the_queries_read_of_the_ledger_is_listed_so_that_exactly_that_can_be_restored(
    bench: FunctionBench,
) -> None:
    read = [
        publish(bench, "2025-06"),
        publish(bench, "2026-04"),
        publish(bench, "2026-04", 2, booked_in="2026-05"),
        publish(bench, "2026-05", 1),
    ]
    for period, revision in (("2025-05", 1), ("2026-05", 2), ("2026-06", 1)):
        publish(bench, period, revision)

    evidence = summarize(bench, revision=2)
    assert [item["key"] for item in evidence["run"]["ledger_read"]] == sorted(read)


def test_what_was_published_after_the_statements_were_made_is_not_among_it(bench: FunctionBench) -> None:
    keep_run(bench)
    rendered = run_files.rendered_key(RUN_ID, "claims")
    began = bench.s3.head_object(Bucket="work", Key=rendered)["LastModified"]
    publish(bench, "2026-04")
    _set_last_modified("ledger", began.replace(year=began.year + 1))

    bench.invoke("summarize_run", event())
    assert evidence_of(bench)["run"]["ledger_read"] == []


def test_the_evidence_names_the_one_before_it_by_the_hash_of_its_file_and_of_its_facts(bench: FunctionBench) -> None:
    file_evidence(bench, "2026-03")
    content = file_evidence(bench, "2026-04", 2)

    evidence = summarize(bench)

    assert evidence["previous_evidence"] == {
        "billing_period": "2026-04",
        "revision": 2,
        "facts_sha256": facts_sha256(json.loads(content)),
    }
    assert evidence["run"]["previous_evidence"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert evidence["run"]["previous_evidence"]["key"] == "periods/2026-04/revision-0002/evidence.json"


def test_the_first_evidence_has_none_before_it(bench: FunctionBench) -> None:
    file_evidence(bench, "2026-04", signed=False)

    evidence = summarize(bench)
    assert (evidence["previous_evidence"], evidence["run"]["previous_evidence"]) == (None, None)


def test_policy_and_sql_are_kept_under_their_hashes_for_as_long_as_the_ledger(bench: FunctionBench) -> None:
    evidence = summarize(bench)

    assert evidence["policy"]["file"] == policy_of_run().file
    texts = {policy_of_run().file: sample(), **HEADCOUNT, **SQL}
    listed = evidence["policy"]["files"] + evidence["sql"]
    assert {row["name"] for row in listed} == texts.keys()
    for row in listed:
        content = bench.ledger.read(row["key"])
        assert content.decode() == texts[row["name"]]
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
        [version] = bench.ledger.latest_versions(row["key"])
        assert bench.retention("ledger", version.key, version.version_id) == ("COMPLIANCE", UNTIL)


def test_a_later_close_with_the_same_policy_keeps_it_longer_and_an_earlier_one_never_shorter(
    bench: FunctionBench,
) -> None:
    summarize(bench)
    archived = bench.ledger.latest_versions("archive/")
    bench.invoke("summarize_run", event(revision=2, started_at="2026-09-03T06:00:00Z"))
    bench.invoke("summarize_run", event(revision=3, started_at="2026-07-03T06:00:00Z"))

    assert bench.ledger.latest_versions("archive/") == archived
    for version in archived:
        held = bench.retention("ledger", version.key, version.version_id)
        assert held == ("COMPLIANCE", datetime(2033, 10, 1, tzinfo=UTC))


def test_a_policy_that_is_not_the_one_the_run_used_is_not_archived_in_its_place(bench: FunctionBench) -> None:
    keep_run(bench)
    tampered = sample().replace("0.05", "0.06").encode()
    bench.work.write(run_files.policy_source_prefix(RUN_ID) + policy_of_run().file, tampered, "text/plain")

    with pytest.raises(InvalidPolicy, match=r"the copy that the run keeps has the hash .*; it is not archived"):
        bench.invoke("summarize_run", event())
    assert bench.ledger.latest_versions("") == []


def test_a_preview_archives_nothing_and_follows_nothing(bench: FunctionBench) -> None:
    file_evidence(bench, "2026-04")
    keep_run(bench)
    bench.invoke("summarize_run", event(status="PREVIEW", ledger={}))

    evidence = bench.work.read_json(f"runs/{RUN_ID}/evidence.json")
    assert (evidence["status"], evidence["ledger"], evidence["previous_evidence"]) == ("PREVIEW", None, None)
    assert bench.ledger.latest_versions("archive/") == []


def _set_last_modified(bucket: str, moment: datetime) -> None:
    from moto.s3.models import s3_backends

    for key in s3_backends["123456789012"]["aws"].buckets[bucket].keys.values():
        key.last_modified = moment.replace(tzinfo=None)
