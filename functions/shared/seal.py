"""The seal on a delivery: which bytes a close stands on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from functions.shared.adapters.object_store import Digest, StoredVersion
from functions.shared.delivery import DataFile, Delivery
from functions.shared.errors import SealedDataChanged, UnreadableDataFile
from functions.shared.periods import BillingPeriod

PARQUET_MAGIC = b"PAR1"


class SealedFile(BaseModel):
    """One object version and the SHA-256 of its bytes."""

    model_config = ConfigDict(frozen=True)

    key: str
    version_id: str
    size: int
    etag: str
    sha256: str


class Seal(BaseModel):
    """Everything a close reads, fixed: restoring these versions restores the bill as it was."""

    model_config = ConfigDict(frozen=True)

    billing_period: str
    manifest_key: str
    manifest_execution_id: str
    retain_until: datetime | None
    files: tuple[SealedFile, ...]


def retention_end(started_at: datetime, years: int) -> datetime:
    """When the audit horizon of a close ends: that many years after the end of the month in which it was made."""
    return BillingPeriod(started_at.year, started_at.month).previous(-12 * years - 1).start


def seal_file(file: DataFile, digest: Digest) -> SealedFile:
    """Fixes one data file; raises UnreadableDataFile when it does not begin and end as Parquet does."""
    if digest.head != PARQUET_MAGIC or digest.tail != PARQUET_MAGIC:
        raise UnreadableDataFile(f"{file.key} is not whole Parquet ({file.size:,} bytes); the delivery is damaged")
    return SealedFile(**file.model_dump(), sha256=digest.sha256)


def check_unchanged(seal: Seal, now: Iterable[StoredVersion]) -> None:
    """Raises SealedDataChanged, naming the file, when a newer version of anything sealed has arrived."""
    current = {version.key: version.version_id for version in now}
    for file in seal.files:
        if file.key not in current:
            raise SealedDataChanged(f"{file.key} was removed while {seal.billing_period} was being closed")
        if current[file.key] != file.version_id:
            raise SealedDataChanged(
                f"AWS delivered {file.key} again while {seal.billing_period} was being closed "
                f"(version {file.version_id} is now {current[file.key]})"
            )


def seal_delivery(delivery: Delivery, files: Iterable[SealedFile], retain_until: datetime | None) -> Seal:
    """The seal on a delivery."""
    return Seal(
        billing_period=delivery.billing_period,
        manifest_key=delivery.manifest_key,
        manifest_execution_id=delivery.manifest_execution_id,
        retain_until=retain_until,
        files=tuple(files),
    )
