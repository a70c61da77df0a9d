"""Writes a month as AWS Data Exports delivers it: Parquet chunks, and the manifest that lists them, written last."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from local.sample.columns import arrow_schema, columns
from local.sample.organisation import PAYER

EXPORT = "meridian-cur2"
_BUCKET = "s3://example-bucket/cur2/" + EXPORT
_NAMESPACE = uuid.UUID("0d1f9a52-9d1c-4c77-8a11-9c2f7f2f6c5e")
_ROW_GROUP = 250_000


class ChunkedExport:
    """Takes tables in and writes them to chunks of at most ``rows_per_chunk`` lines."""

    def __init__(self, out: Path, period: str, *, rows_per_chunk: int, flat_tags: bool) -> None:
        self._folder = out / "data" / f"BILLING_PERIOD={period}"
        self._folder.mkdir(parents=True, exist_ok=True)
        for stale in self._folder.glob(f"{EXPORT}-*.snappy.parquet"):
            stale.unlink()
        self._schema = arrow_schema(flat_tags=flat_tags)
        self._rows_per_chunk = rows_per_chunk
        self._room = 0
        self._writer: pq.ParquetWriter | None = None
        self.files: list[Path] = []

    def __enter__(self) -> ChunkedExport:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._writer:
            self._writer.close()

    def write(self, table: pa.Table) -> None:
        """Appends lines, going on to the next chunk where one is full."""
        while table.num_rows:
            writer = self._writer if self._writer and self._room else self._next_chunk()
            part = table.slice(0, self._room)
            writer.write_table(part, row_group_size=_ROW_GROUP)
            self._room -= part.num_rows
            table = table.slice(part.num_rows)

    def _next_chunk(self) -> pq.ParquetWriter:
        if self._writer:
            self._writer.close()
        self.files.append(self._folder / f"{EXPORT}-{len(self.files) + 1:05d}.snappy.parquet")
        self._room = self._rows_per_chunk
        # Everything that changes bytes is pinned. The Arrow schema stays out, so that text reads back as text.
        self._writer = pq.ParquetWriter(
            self.files[-1],
            self._schema,
            version="2.6",
            compression="snappy",
            data_page_version="1.0",
            data_page_size=1 << 20,
            dictionary_pagesize_limit=1 << 20,
            use_dictionary=True,
            write_statistics=True,
            store_schema=False,
        )
        return self._writer


def write_manifest(out: Path, period: str, *, delivery: str, files: list[Path], flat_tags: bool) -> Path:
    """Writes the manifest of a delivery; ``delivery`` is what the execution id is made from."""
    manifest = {
        "executionId": str(uuid.uuid5(_NAMESPACE, delivery)),
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:{PAYER.account_id}:export/"
        f"{EXPORT}-{uuid.uuid5(_NAMESPACE, EXPORT)}",
        "columns": [column._asdict() for column in columns(flat_tags=flat_tags)],
        "dataFiles": [f"{_BUCKET}/data/BILLING_PERIOD={period}/{file.name}" for file in files],
    }
    path = out / "metadata" / f"BILLING_PERIOD={period}" / f"{EXPORT}-Manifest.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(manifest) + "\n", encoding="utf-8")
    return path
