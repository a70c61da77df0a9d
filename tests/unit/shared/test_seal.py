"""The seal says which bytes a close stands on, and how long they are kept."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from functions.shared.adapters.object_store import Digest, StoredVersion
from functions.shared.errors import SealedDataChanged, UnreadableDataFile
from functions.shared.seal import check_unchanged, retention_end, seal_delivery, seal_file
from tests.unit.run_samples import DATA_KEY, delivery, seal

WHOLE = Digest(sha256="ab" * 32, head=b"PAR1", tail=b"PAR1")


def version(key: str = DATA_KEY, version_id: str = "v1") -> StoredVersion:
    return StoredVersion(key, version_id, 1000, "e1", datetime(2026, 6, 3, tzinfo=UTC))


@pytest.mark.parametrize(
    ("started", "years", "end"),
    [
        (datetime(2026, 6, 3, tzinfo=UTC), 7, datetime(2033, 7, 1, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), 7, datetime(2034, 1, 1, tzinfo=UTC)),
        (datetime(2028, 2, 29, tzinfo=UTC), 1, datetime(2029, 3, 1, tzinfo=UTC)),
    ],
)
def test_the_audit_horizon_ends_years_after_the_month_of_the_close(
    started: datetime, years: int, end: datetime
) -> None:
    assert retention_end(started, years) == end


def test_a_seal_holds_the_delivery_with_the_hash_of_every_file() -> None:
    made = seal_delivery(delivery(), [seal_file(file, WHOLE) for file in delivery().files], None)

    assert made == seal(retain_until=None)


@pytest.mark.parametrize("digest", [Digest("ab" * 32, b"PAR1", b"PAR"), Digest("ab" * 32, b"", b"")])
def test_a_file_that_is_not_whole_parquet_is_not_sealed(digest: Digest) -> None:
    with pytest.raises(UnreadableDataFile, match=r"1,000 bytes.; the delivery is damaged"):
        seal_file(delivery().files[0], digest)


def test_a_seal_holds_while_its_versions_are_the_newest() -> None:
    check_unchanged(seal(), [version(), version("another/file", "v7")])


@pytest.mark.parametrize(
    ("now", "said"), [([version(version_id="v2")], "version v1 is now v2"), ([], "was removed while 2026-05")]
)
def test_a_seal_breaks_by_the_name_of_the_file(now: list[StoredVersion], said: str) -> None:
    with pytest.raises(SealedDataChanged, match=said):
        check_unchanged(seal(), now)
