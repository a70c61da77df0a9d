"""S3 of the local cloud: versions, locks, conditional puts, and files that are linked in place."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws.cloud import LocalCloud
from local.aws.errors import LinkedFileChanged

NEXT_YEAR = datetime.now(UTC).replace(microsecond=0) + timedelta(days=365)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path / "state") as running:
        running.client("s3").create_bucket(Bucket="ledger", ObjectLockEnabledForBucket=True)
        yield running


@pytest.fixture
def s3(cloud: LocalCloud) -> Any:
    return cloud.client("s3")


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_conditional_put_fails_when_the_key_exists(s3: Any) -> None:
    s3.put_object(Bucket="ledger", Key="2026-05", Body=b"first", IfNoneMatch="*")

    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="ledger", Key="2026-05", Body=b"second", IfNoneMatch="*")

    assert code(error) == "PreconditionFailed"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert s3.get_object(Bucket="ledger", Key="2026-05")["Body"].read() == b"first"


def test_of_many_conditional_puts_at_once_one_wins(s3: Any) -> None:
    won = []

    def put(number: int) -> None:
        try:
            s3.put_object(Bucket="ledger", Key="2026-05", Body=str(number).encode(), IfNoneMatch="*")
            won.append(number)
        except ClientError:
            pass

    threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(won) == 1
    assert s3.get_object(Bucket="ledger", Key="2026-05")["Body"].read() == str(won[0]).encode()


def test_every_version_stays_readable_by_its_id(s3: Any) -> None:
    versions = [s3.put_object(Bucket="ledger", Key="cur", Body=body)["VersionId"] for body in (b"old", b"newer")]

    assert s3.get_object(Bucket="ledger", Key="cur", VersionId=versions[0])["Body"].read() == b"old"
    assert s3.head_object(Bucket="ledger", Key="cur", VersionId=versions[1])["ContentLength"] == 5
    listed = s3.list_object_versions(Bucket="ledger")["Versions"]
    assert [(version["VersionId"], version["IsLatest"]) for version in listed] == [
        (versions[1], True),
        (versions[0], False),
    ]


def test_a_version_under_compliance_retention_cannot_be_deleted(s3: Any) -> None:
    version = s3.put_object(
        Bucket="ledger",
        Key="2026-05",
        Body=b"{}",
        ObjectLockMode="COMPLIANCE",
        ObjectLockRetainUntilDate=NEXT_YEAR,
    )["VersionId"]

    with pytest.raises(ClientError) as error:
        s3.delete_object(Bucket="ledger", Key="2026-05", VersionId=version, BypassGovernanceRetention=True)

    assert code(error) == "AccessDenied"
    assert s3.get_object_retention(Bucket="ledger", Key="2026-05")["Retention"]["RetainUntilDate"] == NEXT_YEAR


@pytest.mark.parametrize(
    "retention",
    [
        {"Mode": "COMPLIANCE", "RetainUntilDate": NEXT_YEAR - timedelta(days=1)},
        {"Mode": "GOVERNANCE", "RetainUntilDate": NEXT_YEAR},
    ],
)
def test_compliance_retention_cannot_be_weakened(s3: Any, retention: dict[str, Any]) -> None:
    s3.put_object(Bucket="ledger", Key="2026-05", Body=b"{}")
    kept = {"Mode": "COMPLIANCE", "RetainUntilDate": NEXT_YEAR}
    s3.put_object_retention(Bucket="ledger", Key="2026-05", Retention=kept)

    with pytest.raises(ClientError) as error:
        s3.put_object_retention(Bucket="ledger", Key="2026-05", Retention=retention)

    assert code(error) == "AccessDenied"


def test_compliance_retention_can_be_extended(s3: Any) -> None:
    s3.put_object(Bucket="ledger", Key="2026-05", Body=b"{}")
    for until in (NEXT_YEAR, NEXT_YEAR + timedelta(days=1)):
        s3.put_object_retention(
            Bucket="ledger", Key="2026-05", Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until}
        )

    retention = s3.get_object_retention(Bucket="ledger", Key="2026-05")["Retention"]

    assert retention["RetainUntilDate"] == NEXT_YEAR + timedelta(days=1)


def test_an_upload_in_parts_is_one_object_with_its_bytes_on_disk(cloud: LocalCloud, s3: Any, tmp_path: Path) -> None:
    upload = s3.create_multipart_upload(Bucket="ledger", Key="big")["UploadId"]
    parts = []
    for number, body in enumerate((b"a" * 5 * 1024 * 1024, b"b"), start=1):
        part = s3.upload_part(Bucket="ledger", Key="big", UploadId=upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})

    s3.complete_multipart_upload(Bucket="ledger", Key="big", UploadId=upload, MultipartUpload={"Parts": parts})

    [found] = cloud.files.objects("ledger", "big")
    assert found.path.is_relative_to(tmp_path / "state")
    assert found.path.read_bytes() == b"a" * 5 * 1024 * 1024 + b"b"


def test_files_are_the_current_objects_under_a_prefix(cloud: LocalCloud, s3: Any) -> None:
    for key in ("runs/b", "runs/a", "runs/deleted", "other"):
        s3.put_object(Bucket="ledger", Key=key, Body=key.encode())
    s3.delete_object(Bucket="ledger", Key="runs/deleted")

    found = cloud.files.objects("ledger", "runs/")

    assert [(one.key, one.path.read_text(), one.size) for one in found] == [
        ("runs/a", "runs/a", 6),
        ("runs/b", "runs/b", 6),
    ]


def test_a_stored_file_is_moved_into_s3(cloud: LocalCloud, s3: Any, tmp_path: Path) -> None:
    finished = tmp_path / "part-0.parquet"
    finished.write_bytes(b"PAR1")

    cloud.files.store("ledger", "fold/part-0.parquet", finished)

    assert not finished.exists()
    assert s3.get_object(Bucket="ledger", Key="fold/part-0.parquet")["Body"].read() == b"PAR1"
    assert (
        s3.head_object(Bucket="ledger", Key="fold/part-0.parquet")["ETag"]
        == s3.put_object(Bucket="ledger", Key="same", Body=b"PAR1")["ETag"]
    )


@pytest.fixture
def delivery(tmp_path: Path) -> Path:
    path = tmp_path / "cur-00001.parquet"
    path.write_bytes(b"PAR1 lines of the month PAR1")
    return path


@pytest.fixture
def every_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.aws.s3_store.HASHED_WHOLE", 0)


@pytest.mark.usefixtures("every_file_is_large")
def test_a_large_file_is_an_object_and_is_not_copied(
    cloud: LocalCloud, s3: Any, delivery: Path, tmp_path: Path
) -> None:
    version = cloud.link("ledger", "cur/00001.parquet", delivery)

    assert (
        s3.get_object(Bucket="ledger", Key="cur/00001.parquet", VersionId=version)["Body"].read()
        == delivery.read_bytes()
    )
    assert [one.path for one in cloud.files.objects("ledger", "cur/")] == [delivery]
    assert not [path for path in (tmp_path / "state" / "objects").rglob("*") if path.is_file()]


@pytest.mark.parametrize(("wanted", "body"), [("bytes=-4", b"PAR1"), ("bytes=5-9", b"lines"), ("bytes=24-", b"PAR1")])
def test_a_range_of_a_linked_file_can_be_read(
    cloud: LocalCloud, s3: Any, delivery: Path, wanted: str, body: bytes
) -> None:
    cloud.link("ledger", "cur", delivery)

    response = s3.get_object(Bucket="ledger", Key="cur", Range=wanted)

    assert response["Body"].read() == body
    assert response["ContentRange"].endswith("/28")


def test_linking_an_unchanged_file_again_makes_no_new_version(cloud: LocalCloud, s3: Any, delivery: Path) -> None:
    first = cloud.link("ledger", "cur", delivery)

    assert cloud.link("ledger", "cur", delivery) == first
    assert len(s3.list_object_versions(Bucket="ledger")["Versions"]) == 1


def test_a_redelivered_file_is_a_new_version(cloud: LocalCloud, s3: Any, delivery: Path) -> None:
    first = cloud.link("ledger", "cur", delivery)
    delivery.write_bytes(b"PAR1 more lines of the month PAR1")

    second = cloud.link("ledger", "cur", delivery)

    assert first != second
    assert s3.get_object(Bucket="ledger", Key="cur")["Body"].read() == delivery.read_bytes()


def test_a_file_that_is_quickly_copied_outlives_its_source(cloud: LocalCloud, s3: Any, delivery: Path) -> None:
    before = delivery.read_bytes()
    first = cloud.link("ledger", "cur", delivery)
    delivery.write_bytes(b"delivered again")
    second = cloud.link("ledger", "cur", delivery)

    assert second != first
    assert s3.get_object(Bucket="ledger", Key="cur", VersionId=first)["Body"].read() == before
    assert s3.get_object(Bucket="ledger", Key="cur")["Body"].read() == b"delivered again"


@pytest.mark.usefixtures("every_file_is_large")
def test_a_linked_file_that_changed_cannot_be_read(cloud: LocalCloud, s3: Any, delivery: Path) -> None:
    cloud.link("ledger", "cur", delivery)
    delivery.write_bytes(b"something else")

    with pytest.raises(ClientError, match=f"{delivery} changed since it was linked"):
        s3.get_object(Bucket="ledger", Key="cur")
    with pytest.raises(LinkedFileChanged, match="changed since it was linked"):
        cloud.files.objects("ledger", "cur")


@pytest.mark.usefixtures("every_file_is_large")
def test_versions_are_listed_though_the_file_of_an_old_one_has_changed(
    cloud: LocalCloud, s3: Any, delivery: Path
) -> None:
    cloud.link("ledger", "cur", delivery)
    delivery.write_bytes(b"delivered again")
    second = cloud.link("ledger", "cur", delivery)

    versions = s3.list_object_versions(Bucket="ledger")["Versions"]

    assert len(versions) == 2
    assert [version["VersionId"] for version in versions if version["IsLatest"]] == [second]


@pytest.mark.usefixtures("every_file_is_large")
def test_a_linked_file_that_vanished_cannot_be_read(cloud: LocalCloud, s3: Any, delivery: Path) -> None:
    cloud.link("ledger", "cur", delivery)
    delivery.unlink()

    with pytest.raises(ClientError, match=f"{delivery} was linked into S3 and cannot be read"):
        s3.get_object(Bucket="ledger", Key="cur", Range="bytes=0-3")


def test_a_large_linked_file_is_not_read_to_be_linked(cloud: LocalCloud, s3: Any, tmp_path: Path) -> None:
    sparse = tmp_path / "sparse.parquet"
    with sparse.open("wb") as file:
        file.truncate(50 * 1024**3)

    cloud.link("ledger", "cur", sparse)

    assert s3.head_object(Bucket="ledger", Key="cur")["ContentLength"] == 50 * 1024**3
    assert s3.get_object(Bucket="ledger", Key="cur", Range="bytes=-8")["Body"].read() == bytes(8)
