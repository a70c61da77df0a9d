"""One delivery of a Data Exports export: its manifest, and exactly the files that it lists."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from functions.shared.adapters.object_store import StoredVersion
from functions.shared.errors import (
    DeliveryInProgress,
    EmptyMonth,
    InvalidManifest,
    ManifestNotFound,
    MissingColumn,
    MissingDataFile,
)
from functions.shared.periods import BillingPeriod

_MANIFEST_KEY = re.compile(
    r"(?P<export>.*?)metadata/BILLING_PERIOD=(?P<period>\d{4}-\d{2})/(?:[^/]+/)?[^/]+-Manifest\.json"
)
_DATA_PATH = re.compile(r"data/BILLING_PERIOD=.*")

NEEDED_COLUMNS = (
    "bill_billing_period_start_date",
    "bill_invoice_id",
    "bill_payer_account_id",
    "line_item_currency_code",
    "line_item_line_item_type",
    "line_item_operation",
    "line_item_product_code",
    "line_item_resource_id",
    "line_item_unblended_cost",
    "line_item_usage_account_id",
    "line_item_usage_type",
    "reservation_effective_cost",
    "reservation_reservation_a_r_n",
    "reservation_unused_amortized_upfront_fee_for_billing_period",
    "reservation_unused_recurring_fee",
    "savings_plan_savings_plan_effective_cost",
    "savings_plan_total_commitment_to_date",
    "savings_plan_used_commitment",
)
"""Columns without which no allocation is right; the split_line_item columns are optional, as the export's option is."""

READ_COLUMNS = (
    *NEEDED_COLUMNS,
    "resource_tags",
    "split_line_item_parent_resource_id",
    "split_line_item_split_cost",
    "split_line_item_unused_cost",
)
"""Columns that the fold reads when they are there; flattened tags (``tag_…``) beside them."""


class DataFile(BaseModel):
    """One data file: key in the billing bucket, version, size in bytes, ETag."""

    model_config = ConfigDict(frozen=True)

    key: str
    version_id: str
    size: int
    etag: str


class Delivery(BaseModel):
    """One delivery: what the manifest says, bound to object versions in the billing bucket."""

    model_config = ConfigDict(frozen=True)

    billing_period: str
    manifest_key: str
    manifest_execution_id: str
    columns: tuple[str, ...]
    files: tuple[DataFile, ...]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over keys, sizes and ETags: equal for equal bytes, whoever delivered them when."""
        lines = sorted(f"{file.key} {file.size} {file.etag}\n" for file in self.files)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def flat_tags(self) -> frozenset[str]:
        """The flattened tag columns that the export query made."""
        return frozenset(column for column in self.columns if column.startswith("tag_"))


class Manifest(BaseModel):
    """The parts of ``*-Manifest.json`` that matter: execution, column names, data file URIs."""

    model_config = ConfigDict(frozen=True)

    execution_id: str
    columns: tuple[str, ...]
    data_files: tuple[str, ...]


def period_of_manifest(key: str) -> BillingPeriod:
    """The billing period in a manifest's key; raises InvalidManifest when the key is not a manifest's."""
    found = _MANIFEST_KEY.fullmatch(key)
    if not found:
        raise InvalidManifest(f"{key} is not the key of an export manifest (metadata/BILLING_PERIOD=…/…-Manifest.json)")
    return BillingPeriod.parse(found["period"])


def manifest_folder(export_prefix: str, period: BillingPeriod) -> str:
    """The folder where an export puts the manifests of a period."""
    return f"{export_prefix}metadata/BILLING_PERIOD={period}/"


def choose_manifest(export_prefix: str, period: BillingPeriod, versions: Iterable[StoredVersion]) -> StoredVersion:
    """The newest manifest of a period.

    An export that keeps every delivery has a copy of the newest manifest in the period's folder; that one counts.
    Raises ManifestNotFound when there is none.
    """
    folder = manifest_folder(export_prefix, period)
    manifests = [v for v in versions if v.key.startswith(folder) and _MANIFEST_KEY.fullmatch(v.key)]
    if not manifests:
        raise ManifestNotFound(
            f"no manifest for {period}: {folder} holds no …-Manifest.json; the delivery is incomplete or not an export"
        )
    direct = [v for v in manifests if "/" not in v.key.removeprefix(folder)]
    return max(direct or manifests, key=lambda version: (version.last_modified, version.key))


def parse_manifest(key: str, text: str | bytes) -> Manifest:
    """Reads a manifest; raises InvalidManifest that names the field."""
    try:
        content: dict[str, Any] = json.loads(text)
        return Manifest(
            execution_id=content["executionId"],
            columns=tuple(column["name"] for column in content["columns"]),
            data_files=tuple(content["dataFiles"]),
        )
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidManifest(f"{key} is not JSON: {error}") from error
    except KeyError as error:
        raise InvalidManifest(f"{key} has no field {error}") from error
    except (TypeError, ValidationError) as error:
        raise InvalidManifest(f"{key}: executionId, columns or dataFiles is not of the right form") from error


def bind_manifest(
    found: StoredVersion, manifest: Manifest, period: BillingPeriod, versions: Iterable[StoredVersion]
) -> Delivery:
    """Binds the files that the manifest lists to the object versions there are now.

    Raises MissingColumn, EmptyMonth, MissingDataFile, InvalidManifest or DeliveryInProgress, each naming what it is
    about.
    """
    manifest_key = found.key
    missing = [column for column in NEEDED_COLUMNS if column not in manifest.columns]
    if "resource_tags" not in manifest.columns and not any(c.startswith("tag_") for c in manifest.columns):
        missing.append("resource_tags")
    if missing:
        raise MissingColumn(f"{manifest_key}: the export lacks {', '.join(missing)}; add it to the export's query")
    if not manifest.data_files:
        raise EmptyMonth(f"{manifest_key} lists no data file: nothing was delivered for {period}")
    parts = _MANIFEST_KEY.fullmatch(manifest_key)
    export_prefix = parts["export"] if parts else ""
    stored = {version.key: version for version in versions}
    files = []
    for uri in manifest.data_files:
        path = _DATA_PATH.search(uri)
        if not path or f"BILLING_PERIOD={period}/" not in path[0]:
            raise InvalidManifest(f"{manifest_key} lists {uri}, which is not a data file of {period}")
        version = stored.get(export_prefix + path[0])
        if version is None:
            raise MissingDataFile(f"{manifest_key} lists {path[0]}, which is not there; the delivery is incomplete")
        if version.last_modified > found.last_modified:
            # AWS overwrites the files in place and writes the manifest last: this one is of the delivery before.
            raise DeliveryInProgress(
                f"{path[0]} is newer than the manifest that lists it ({version.last_modified:%Y-%m-%dT%H:%M:%SZ}, "
                f"{manifest_key}: {found.last_modified:%Y-%m-%dT%H:%M:%SZ}): AWS is delivering {period}; "
                "start again when the manifest is newer"
            )
        files.append(DataFile(key=version.key, version_id=version.version_id, size=version.size, etag=version.etag))
    return Delivery(
        billing_period=str(period),
        manifest_key=manifest_key,
        manifest_execution_id=manifest.execution_id,
        columns=manifest.columns,
        files=tuple(sorted(files, key=lambda file: file.key)),
    )
