"""A delivery is what its manifest lists, bound to the versions of the objects that were there when it was read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.shared.adapters.object_store import StoredVersion
from functions.shared.delivery import (
    NEEDED_COLUMNS,
    Delivery,
    Manifest,
    bind_manifest,
    choose_manifest,
    parse_manifest,
    period_of_manifest,
)
from functions.shared.errors import (
    DeliveryInProgress,
    EmptyMonth,
    InvalidManifest,
    ManifestNotFound,
    MissingColumn,
    MissingDataFile,
)
from functions.shared.periods import BillingPeriod
from tests.unit.run_samples import COLUMNS, DATA_KEY, EXPORT, MANIFEST_KEY

MAY = BillingPeriod(2026, 5)
FOLDER = f"{EXPORT}metadata/BILLING_PERIOD=2026-05/"
KEPT_DATA = f"{EXPORT}data/BILLING_PERIOD=2026-05/20260603T010203Z-abc/chargeback-00001.snappy.parquet"


def stored(key: str, hour: int = 0, **changes: Any) -> StoredVersion:
    whole = {
        "key": key,
        "version_id": "v1",
        "size": 100,
        "etag": "e1",
        "last_modified": datetime(2026, 6, 3, hour, tzinfo=UTC),
    }
    return StoredVersion(**(whole | changes))


def manifest(*keys: str, columns: tuple[str, ...] = COLUMNS) -> Manifest:
    return Manifest(
        execution_id="export-1", columns=columns, data_files=tuple(f"s3://exports/elsewhere/{key}" for key in keys)
    )


def bind(listed: Manifest, *versions: StoredVersion) -> Delivery:
    return bind_manifest(stored(MANIFEST_KEY, hour=9), listed, MAY, versions)


def text(**changes: Any) -> str:
    whole = {"executionId": "export-1", "columns": [{"name": "a"}], "dataFiles": ["s3://exports/data/x"]}
    return json.dumps({name: value for name, value in (whole | changes).items() if value is not None})


@pytest.mark.parametrize(
    "key",
    [
        MANIFEST_KEY,
        f"{FOLDER}20260603T010203Z-abc/chargeback-Manifest.json",
        "metadata/BILLING_PERIOD=2026-05/x-Manifest.json",
    ],
)
def test_the_month_of_a_manifest_is_in_its_key(key: str) -> None:
    assert period_of_manifest(key) == MAY


@pytest.mark.parametrize(
    "key", [DATA_KEY, f"{FOLDER}chargeback-manifest.csv", f"{FOLDER}a/b/x-Manifest.json", "x-Manifest.json", ""]
)
def test_another_key_is_no_manifest(key: str) -> None:
    with pytest.raises(InvalidManifest, match="is not the key of an export manifest"):
        period_of_manifest(key)


def test_the_newest_of_the_deliveries_that_are_kept_is_chosen() -> None:
    kept = [stored(f"{FOLDER}2026060{day}T000000Z-abc/x-Manifest.json", hour=day) for day in (2, 4, 3)]

    assert choose_manifest(EXPORT, MAY, kept).key == kept[1].key


def test_the_manifest_in_the_month_s_own_folder_counts_before_those_of_kept_deliveries() -> None:
    kept = stored(f"{FOLDER}20260603T000000Z-abc/x-Manifest.json", hour=5)

    assert choose_manifest(EXPORT, MAY, [kept, stored(MANIFEST_KEY, hour=4)]).key == MANIFEST_KEY


def test_manifests_of_other_months_and_other_files_are_no_manifest_of_the_month() -> None:
    others = [
        stored(MANIFEST_KEY.replace("2026-05", "2026-04")),
        stored(f"{FOLDER}chargeback-create-table.sql"),
        stored(f"other/{MANIFEST_KEY}"),
    ]

    with pytest.raises(ManifestNotFound, match=f"no manifest for 2026-05: {FOLDER} holds no"):
        choose_manifest(EXPORT, MAY, others)


def test_a_manifest_gives_the_delivery_its_columns_and_its_files() -> None:
    assert parse_manifest("m", text()) == Manifest(
        execution_id="export-1", columns=("a",), data_files=("s3://exports/data/x",)
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "m is not JSON"),
        (text(executionId=None), "m has no field 'executionId'"),
        (text(columns=None), "m has no field 'columns'"),
        (text(dataFiles=None), "m has no field 'dataFiles'"),
        (text(columns=[{"type": "string"}]), "m has no field 'name'"),
        (text(columns=["a"]), "not of the right form"),
        (text(executionId=7), "not of the right form"),
        ("[]", "not of the right form"),
    ],
)
def test_a_manifest_that_cannot_be_read_names_what_is_wrong(content: str, said: str) -> None:
    with pytest.raises(InvalidManifest, match=said):
        parse_manifest("m", content)


def test_files_are_bound_to_their_versions_wherever_the_bucket_was_copied_from() -> None:
    second = DATA_KEY.replace("00001", "00002")

    bound = bind(manifest(second, DATA_KEY), stored(second, version_id="v9"), stored(DATA_KEY, size=7))

    assert [(file.key, file.version_id, file.size) for file in bound.files] == [
        (DATA_KEY, "v1", 7),
        (second, "v9", 100),
    ]


def test_an_export_that_keeps_every_delivery_lists_files_of_its_own_folder() -> None:
    assert bind(manifest(KEPT_DATA), stored(KEPT_DATA), stored(DATA_KEY)).files[0].key == KEPT_DATA


@pytest.mark.parametrize("column", NEEDED_COLUMNS)
def test_an_export_without_a_needed_column_is_refused(column: str) -> None:
    without = tuple(name for name in COLUMNS if name != column)

    with pytest.raises(MissingColumn, match=f"the export lacks {column}; add it to the export's query"):
        bind(manifest(DATA_KEY, columns=without), stored(DATA_KEY))


def test_tags_may_come_flattened_or_as_a_map_but_must_come() -> None:
    for tags in (("resource_tags",), ("tag_cost_center",)):
        assert bind(manifest(DATA_KEY, columns=NEEDED_COLUMNS + tags), stored(DATA_KEY)).files
    with pytest.raises(MissingColumn, match="lacks resource_tags"):
        bind(manifest(DATA_KEY, columns=NEEDED_COLUMNS), stored(DATA_KEY))


def test_a_manifest_without_files_is_an_empty_month() -> None:
    with pytest.raises(EmptyMonth, match="nothing was delivered for 2026-05"):
        bind(manifest())


def test_a_listed_file_that_is_not_there_means_the_delivery_is_incomplete() -> None:
    with pytest.raises(MissingDataFile, match="the delivery is incomplete"):
        bind(manifest(DATA_KEY), stored(DATA_KEY.replace("00001", "00002")))


@pytest.mark.parametrize("key", [DATA_KEY.replace("2026-05", "2026-04"), "data/x.parquet", "secrets.txt"])
def test_a_listed_file_of_another_month_or_place_is_refused(key: str) -> None:
    with pytest.raises(InvalidManifest, match="which is not a data file of 2026-05"):
        bind(manifest(key), stored(key))


def test_the_fingerprint_follows_the_bytes_and_not_who_delivered_them_when() -> None:
    first = bind(manifest(DATA_KEY), stored(DATA_KEY))
    same = bind(manifest(DATA_KEY), stored(DATA_KEY, hour=9, version_id="v2"))

    assert first.fingerprint == same.fingerprint
    for change in ({"etag": "e2"}, {"size": 101}):
        assert bind(manifest(DATA_KEY), stored(DATA_KEY, **change)).fingerprint != first.fingerprint


def test_a_month_that_aws_is_overwriting_is_not_read_before_its_manifest_has_come() -> None:
    listed = manifest(DATA_KEY)
    assert bind(listed, stored(DATA_KEY, hour=9)).files  # S3 tells times in seconds: the same one is not later

    with pytest.raises(
        DeliveryInProgress, match=r"00001\S+ is newer than the manifest .*start again when the manifest"
    ):
        bind(listed, stored(DATA_KEY, hour=10))
