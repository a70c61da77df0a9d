"""A closed month derives again to the last byte, whatever has happened since; what was changed in it is named."""

from __future__ import annotations

import io
import re
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from functions.compare_replay.logic import Comparison, Difference
from functions.read_manifest.logic import name_run
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore, StoredVersion
from functions.shared.periods import BillingPeriod
from tests.statemachines.harness import Close, Execution

pytestmark = pytest.mark.slow

REPLAYED = ["BeginReplay", "RestorePeriod", "DeriveAgain", "ListFiledEntries", "CompareReplay", "ReplayIdentical"]


def close_month(close: Close, period: str, seed: int, **request: Any) -> Execution:
    """Delivers a bill of a month, another with another seed, and closes it."""
    close.deliver(period, seed=seed)
    closed = close.run(period, **request)
    assert (closed.status, closed.cause) == ("SUCCEEDED", "")
    return closed


def records(close: Close) -> list[StoredVersion]:
    """Every object of the buckets that hold records, by key and version."""
    return [version for bucket in (close.ledger, close.statements) for version in bucket.latest_versions("")]


def result(close: Close, period: str, replay: Execution) -> Comparison:
    """Everything that a replay has written down."""
    run_id = name_run(BillingPeriod.parse(period), replay.arn, 1)
    return Comparison.model_validate(close.work.read_json(run_files.replay_key(run_id)))


@pytest.fixture(scope="module")
def january(close: Close) -> Execution:
    """A month that is closed once."""
    return close_month(close, "2024-01", seed=1)


def test_a_closed_month_derives_again_to_the_last_byte_and_nothing_is_touched(close: Close, january: Execution) -> None:
    before = (records(close), close.period("2024-01"), close.charges("2024-01"))

    replay = close.replay("2024-01")

    assert (replay.status, replay.cause) == ("SUCCEEDED", "")
    assert replay.states == REPLAYED
    statements = january.output["rendered"]["count"]
    comparison = replay.output["comparison"]
    assert (comparison["files"], comparison["entries"]) == (4 + 5 * statements, january.output["ledger"]["entries"])
    assert (comparison["same_code"], comparison["notes"]) == (True, [])
    assert (records(close), close.period("2024-01"), close.charges("2024-01")) == before


def test_the_close_that_derives_again_is_the_same_state_machine_as_any_other(close: Close, january: Execution) -> None:
    derived = close.wait(close.replay("2024-01").output["derived"]["execution_arn"])

    assert derived.states[-2:] == ["SummarizePreview", "Previewed"]
    queries = {"CountControlTotals", "FoldLineItems", "OwnCharges", "SplitPools", "WriteLedger", "ReconcileInvoices"}
    assert (
        queries
        < set(derived.states)
        <= set(january.states)
        | {
            "RestoredPeriod",
            "RestoredInvoices",
            "SummarizePreview",
            "Previewed",
        }
    )
    assert derived.output["reconciliation"] == january.output["reconciliation"]


@pytest.fixture(scope="module")
def restated(close: Close) -> None:
    """March is closed, and April upon it; then March is restated three times, first under another policy."""
    other = close.world.out / "other" / "policy.yaml"
    other.parent.mkdir()
    small = close.work.read_text(close.policy_key)
    other.write_text(small.replace("method: even", "method: proportional"), encoding="utf-8")
    assert other.read_text(encoding="utf-8") != small
    close_month(close, "2024-03", seed=1)
    close_month(close, "2024-04", seed=1)
    close_month(close, "2024-03", seed=2, policy_key=close.world.put_policy(other))
    close_month(close, "2024-03", seed=3)
    close_month(close, "2024-03", seed=4)
    close.world.cloud.client("s3").put_object(Bucket=close.world.work_bucket, Key=close.policy_key, Body=small.encode())


@pytest.mark.usefixtures("restated")
@pytest.mark.parametrize(("asked", "revision"), [({"revision": 1}, 1), ({"revision": 2}, 2), ({}, 4)])
def test_every_revision_of_a_restated_month_derives_again_though_aws_has_overwritten_its_files(
    close: Close, asked: dict[str, int], revision: int
) -> None:
    replay = close.replay("2024-03", **asked)

    assert (replay.status, replay.cause) == ("SUCCEEDED", "")
    assert replay.output["restored"]["revision"] == revision
    assert replay.output["restored"]["ledger_objects"] >= revision - 1


@pytest.mark.usefixtures("restated")
def test_a_month_derives_again_with_the_trend_that_it_had_though_a_month_in_it_was_restated(close: Close) -> None:
    replay = close.replay("2024-04")

    assert (replay.status, replay.cause) == ("SUCCEEDED", "")


def test_neither_deleted_files_nor_another_policy_in_its_place_keep_a_month_from_deriving_again(close: Close) -> None:
    close_month(close, "2024-05", seed=1)
    s3, world = close.world.cloud.client("s3"), close.world
    for bucket, prefix in ((world.billing_bucket, "cur2/"), (world.work_bucket, "policies/")):
        for version in ObjectStore(bucket).latest_versions(prefix):
            if "2024-05" in version.key or prefix == "policies/":
                s3.delete_object(Bucket=bucket, Key=version.key)
    try:
        replay = close.replay("2024-05")
    finally:
        close.policy_key = world.put_policy(world.out / "small" / "policy.yaml")

    assert (replay.status, replay.cause) == ("SUCCEEDED", "")


@pytest.fixture(scope="module")
def tampered(close: Close) -> Execution:
    """A month in which somebody with every right has changed ledger, statements and summary, and its replay."""
    closed = close_month(close, "2024-06", seed=1)
    first, second = closed.output["prepared"]["business_units"]
    overwrite(close.statements, statement(first, "csv"), lambda content: content.replace(b",direct,", b",shared,", 1))
    overwrite(close.statements, statement(first, "pdf"), lambda content: content + b"\n")
    overwrite(close.statements, statement(second, "pdf"), flip_in_first_page)
    overwrite(
        close.statements, statement(second, "SHA256SUMS"), lambda content: content.replace(b"-r1.csv", b"-r2.csv")
    )
    [ledger] = close.published("2024-06")
    overwrite(close.ledger, ledger, add_a_cent_to_the_third_entry)
    summary = run_files.summary_key("2024-06", 1)
    total = closed.output["reconciliation"]["billed_cost"].encode()
    overwrite(close.ledger, summary, lambda content: content.replace(total, b"1.00", 1))
    return close.replay("2024-06")


def statement(unit: str, kind: str) -> str:
    return f"charge_period=2024-06/statements/{unit}-2024-06-r1.{kind}"


def overwrite(store: ObjectStore, key: str, change: Any) -> None:
    """Puts another content in an object's place; the version that was filed stays beneath."""
    before = store.read(key)
    after = change(before)
    assert after != before
    store.write(key, after, "application/octet-stream")


def flip_in_first_page(content: bytes) -> bytes:
    [number] = re.findall(rb"/Contents (\d+) 0 R", content)[:1]
    at = content.index(b"stream", content.index(b"\n%s 0 obj" % number)) + 100
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def add_a_cent_to_the_third_entry(content: bytes) -> bytes:
    table = pq.read_table(io.BytesIO(content))
    column = table.schema.get_field_index("cost")
    costs = table["cost"].to_pylist()
    costs[2] += Decimal("0.01")
    changed = table.set_column(column, table.schema.field(column), pa.array(costs, table.schema.field(column).type))
    target = io.BytesIO()
    pq.write_table(changed, target)
    return target.getvalue()


@pytest.fixture(scope="module")
def differences(close: Close, tampered: Execution) -> dict[str, list[Difference]]:
    found: dict[str, list[Difference]] = {}
    for difference in result(close, "2024-06", tampered).differences:
        found.setdefault(difference.file, []).append(difference)
    return found


def test_a_replay_that_differs_fails_with_the_first_difference_and_says_where_the_others_are(
    tampered: Execution,
) -> None:
    assert (tampered.status, tampered.error) == ("FAILED", "ReplayDiffers")
    assert tampered.states[-3:] == ["RecordFailure", "WhatFailed", "ReplayDiffers"]
    assert tampered.cause.startswith("ledger/billing_period=2024-06/2024-06-revision-0001-, row ")
    assert "; 6 more; all of it in s3://" in tampered.cause
    assert "\n" not in tampered.cause


def test_a_changed_ledger_is_named_by_its_row_and_amounts_and_by_its_file(
    close: Close, differences: dict[str, list[Difference]]
) -> None:
    [row] = differences["ledger/billing_period=2024-06/2024-06-revision-0001-"]
    assert row.place.startswith("row ")
    filed, derived = (dict(part.split(" ") for part in text.split(", ")) for text in (row.filed, row.derived))
    assert filed["entry_id"] == derived["entry_id"]
    assert Decimal(filed["cost"]) - Decimal(derived["cost"]) == Decimal("0.01")
    [ledger] = close.published("2024-06")
    assert [difference.place for difference in differences[ledger]] == ["SHA-256"]


def test_a_changed_csv_is_named_by_its_line_and_both_lines(differences: dict[str, list[Difference]]) -> None:
    [line] = [found for file, [found] in differences.items() if file.endswith(".csv")]
    assert line.place.startswith("line ")
    assert line.filed.replace(",shared,", ",direct,", 1) == line.derived


def test_a_changed_pdf_is_named_by_page_and_byte_and_where_only_its_signature_changed_by_its_hash(
    differences: dict[str, list[Difference]],
) -> None:
    places = sorted(found.place for file, [found] in differences.items() if file.endswith(".pdf"))
    assert places[0] == "SHA-256 as the evidence has it"
    assert places[1].startswith("page 1, byte ")


def test_changed_checksums_and_a_changed_summary_are_named(differences: dict[str, list[Difference]]) -> None:
    [sums] = [found for file, [found] in differences.items() if file.endswith(".SHA256SUMS")]
    assert (sums.place, sums.filed.replace("-r2.csv", "-r1.csv")) == ("line 2", sums.derived)
    [member] = differences["periods/2024-06/revision-0001/summary.json"]
    assert member.filed == "1.00"


def test_changed_evidence_is_not_believed(close: Close) -> None:
    close_month(close, "2024-07", seed=1)
    overwrite(close.ledger, run_files.evidence_key("2024-07", 1), lambda content: content.replace(b"0.00", b"0.01", 1))

    replay = close.replay("2024-07")

    assert (replay.status, replay.error, replay.states[-1]) == ("FAILED", "SignatureInvalid", "ReplayFailed")
    assert "periods/2024-07/revision-0001/evidence.json: the signature is of a content with the SHA-256" in replay.cause


def test_what_fails_in_the_derivation_is_the_replays_error_and_leaves_the_month_alone(
    close: Close, january: Execution
) -> None:
    del january
    before = close.period("2024-01")

    def lose_the_copies() -> None:
        for version in close.work.latest_versions("runs/"):
            if "/restored_cur/" in version.key:
                close.world.cloud.client("s3").delete_object(Bucket=close.world.work_bucket, Key=version.key)

    with close.before("read_manifest", lose_the_copies):
        replay = close.replay("2024-01")

    assert (replay.status, replay.error, replay.states[-1]) == ("FAILED", "EmptyMonth", "ReplayFailed")
    assert close.period("2024-01") == before


@pytest.mark.parametrize(
    ("request_", "error", "said"),
    [
        ({"billing_period": "2019-01"}, "EvidenceNotFound", "2019-01 is not closed"),
        ({"billing_period": "2024-01", "revision": 7}, "EvidenceNotFound", "no revision 7; closed are: 1"),
        ({"billing_period": "January"}, "InvalidPeriod", "YYYY-MM"),
        ({"billing_period": "2024-01", "revision": 0}, "InvalidRequest", "revision"),
        ({"month": "2024-01"}, "InvalidRequest", "month"),
    ],
)
def test_a_replay_of_what_was_never_closed_says_so(
    close: Close, january: Execution, request_: dict[str, Any], error: str, said: str
) -> None:
    del january
    failed = close.wait(close.world.start_replay(request_))

    assert (failed.status, failed.error, failed.states[-1]) == ("FAILED", error, "ReplayFailed")
    assert said in failed.cause


def test_nobody_derives_in_the_run_of_a_close(close: Close, january: Execution) -> None:
    failed = close.run_as_asked({"replay": january.output["period"]["run_id"]})

    assert (failed.status, failed.error) == ("FAILED", "InvalidRequest")
    assert "no close is restored to the run" in failed.cause
