"""Sealing fixes the bytes of a close: which versions, which hashes, and that nobody can change them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.shared import run_files
from functions.shared.delivery import DataFile, Delivery
from functions.shared.errors import UnreadableDataFile
from functions.shared.seal import Seal
from tests.unit.function_bench import FunctionBench
from tests.unit.run_samples import DATA_KEY, RUN_ID, STARTED_AT, delivery

WHOLE = b"PAR1" + b"lines " * 50 + b"PAR1"
SECOND_KEY = DATA_KEY.replace("00001", "00002")


def deliver(bench: FunctionBench, *contents: bytes) -> Delivery:
    """Keeps a delivery of such files as the run's."""
    files = []
    for key, content in zip((DATA_KEY, SECOND_KEY), contents, strict=False):
        bench.billing.write(key, content, "application/octet-stream")
        [stored] = bench.billing.latest_versions(key)
        files.append(DataFile(key=key, version_id=stored.version_id, size=stored.size, etag=stored.etag))
    delivered = delivery(files=tuple(files))
    bench.work.write_json(run_files.delivery_key(RUN_ID), delivered.model_dump(mode="json"))
    return delivered


def event(*, preview: bool = False) -> dict[str, Any]:
    return {"run_id": RUN_ID, "preview": preview, "started_at": STARTED_AT}


def sealed(bench: FunctionBench) -> Seal:
    return Seal.model_validate(bench.work.read_json(run_files.seal_key(RUN_ID)))


def test_the_seal_names_every_version_with_its_hash(bench: FunctionBench) -> None:
    delivered = deliver(bench, WHOLE, b"PAR1 other PAR1")

    described = bench.invoke("seal_billing_data", event())

    assert [(file.key, file.version_id, file.sha256) for file in sealed(bench).files] == [
        (DATA_KEY, delivered.files[0].version_id, hashlib.sha256(WHOLE).hexdigest()),
        (SECOND_KEY, delivered.files[1].version_id, hashlib.sha256(b"PAR1 other PAR1").hexdigest()),
    ]
    assert described == {
        "files": 2,
        "bytes": len(WHOLE) + 15,
        "retain_until": "2033-07-01",
        "seal_key": run_files.seal_key(RUN_ID),
    }


def test_sealed_versions_cannot_be_changed_until_the_audit_horizon_ends(bench: FunctionBench) -> None:
    [file] = deliver(bench, WHOLE).files

    bench.invoke("seal_billing_data", event())

    assert bench.retention("billing", file.key, file.version_id) == ("COMPLIANCE", datetime(2033, 7, 1, tzinfo=UTC))
    with pytest.raises(ClientError, match="AccessDenied"):
        bench.s3.delete_object(Bucket="billing", Key=file.key, VersionId=file.version_id)


def test_aws_can_still_deliver_again_and_the_seal_keeps_the_version_it_has_read(bench: FunctionBench) -> None:
    [file] = deliver(bench, WHOLE).files
    bench.billing.write(DATA_KEY, b"PAR1 restated PAR1", "application/octet-stream")

    bench.invoke("seal_billing_data", event())

    [first] = sealed(bench).files
    assert (first.version_id, first.sha256) == (file.version_id, hashlib.sha256(WHOLE).hexdigest())


def test_a_preview_hashes_but_retains_nothing(bench: FunctionBench) -> None:
    [file] = deliver(bench, WHOLE).files

    assert bench.invoke("seal_billing_data", event(preview=True))["retain_until"] == ""

    assert sealed(bench).retain_until is None
    assert bench.retention("billing", file.key, file.version_id) is None


@pytest.mark.parametrize("damaged", [WHOLE[:-1], WHOLE[1:], b"", b"PAR"], ids=["cut", "beheaded", "empty", "tiny"])
def test_a_damaged_data_file_stops_the_close_before_anything_is_read_from_it(
    bench: FunctionBench, damaged: bytes
) -> None:
    deliver(bench, WHOLE, damaged)

    with pytest.raises(UnreadableDataFile, match=f"00002.snappy.parquet is not whole Parquet .{len(damaged)} bytes"):
        bench.invoke("seal_billing_data", event())
    assert not bench.work.latest_versions(run_files.seal_key(RUN_ID))


def test_sealing_twice_is_fine_because_a_state_may_be_retried(bench: FunctionBench) -> None:
    deliver(bench, WHOLE)

    assert bench.invoke("seal_billing_data", event()) == bench.invoke("seal_billing_data", event())
