"""Export folders to close: a month of the sample organisation, and what can be wrong with one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from local.sample.month import write_month

PERIOD = "2026-05"
LINE_ITEMS = 2_000
SEED = 11


@dataclass(frozen=True)
class Bill:
    """An export folder with one month in it, and ways to damage it."""

    folder: Path
    period: str = PERIOD

    @classmethod
    def write(cls, folder: Path, period: str = PERIOD) -> Bill:
        """Writes a final month that can be closed."""
        write_month(folder, period, line_items=LINE_ITEMS, seed=SEED)
        return cls(folder, period)

    def copy_to(self, folder: Path) -> Bill:
        """The same bill elsewhere, to be damaged there."""
        shutil.copytree(self.folder, folder)
        return Bill(folder, self.period)

    @property
    def manifest(self) -> Path:
        """The manifest of the month."""
        (path,) = (self.folder / "metadata" / f"BILLING_PERIOD={self.period}").glob("*-Manifest.json")
        return path

    @property
    def data_files(self) -> list[Path]:
        """The data files of the month; a small month has two."""
        return sorted((self.folder / "data" / f"BILLING_PERIOD={self.period}").rglob("*.parquet"))

    def edit_manifest(self, edit: Callable[[dict[str, Any]], None]) -> None:
        """Changes the manifest."""
        manifest = json.loads(self.manifest.read_text())
        edit(manifest)
        self.manifest.write_text(json.dumps(manifest))

    def edit_lines(self, edit: Callable[[pa.Table], pa.Table], *, files: slice = slice(None)) -> None:
        """Changes the lines of some data files."""
        for file in self.data_files[files]:
            pq.write_table(edit(pq.read_table(file)), file, compression="snappy", store_schema=False)

    def edit_bytes(self, edit: Callable[[bytes], bytes]) -> None:
        """Changes the bytes of the second data file."""
        self.data_files[1].write_bytes(edit(self.data_files[1].read_bytes()))

    def add_unlisted_file(self, lines: int) -> None:
        """Adds a data file that the manifest does not list."""
        table = pq.read_table(self.data_files[0]).slice(0, lines)
        pq.write_table(table, self.data_files[0].with_name("later-00001.snappy.parquet"), store_schema=False)

    def as_created_new(self, executions: int) -> None:
        """Rearranges the folder as an export that keeps every delivery: one subfolder for each, the last one counts."""
        manifest = json.loads(self.manifest.read_text())
        data, metadata = self.data_files[0].parent, self.manifest.parent
        files = self.data_files
        for number in range(executions):
            delivery = f"2026-06-0{number + 1}T07:15:00.000Z-{number:08d}-79a7-42b1-a680-1de7c660dc8f"
            (data / delivery).mkdir()
            (metadata / delivery).mkdir()
            for file in files:
                shutil.copyfile(file, data / delivery / file.name)
            listed = [uri.replace(file.name, f"{delivery}/{file.name}") for uri, file in zip_listed(manifest, files)]
            text = json.dumps(manifest | {"dataFiles": listed, "executionId": delivery[25:]})
            (metadata / delivery / self.manifest.name).write_text(text)
            (metadata / self.manifest.name).write_text(text)
        for file in files:
            file.unlink()


def zip_listed(manifest: dict[str, Any], files: list[Path]) -> list[tuple[str, Path]]:
    """The URIs that a manifest lists with their files."""
    return [(uri, next(file for file in files if uri.endswith(file.name))) for uri in manifest["dataFiles"]]


def with_column(name: str, value: object) -> Callable[[pa.Table], pa.Table]:
    """Sets a column of every line."""

    def edit(table: pa.Table) -> pa.Table:
        field = table.schema.field(name)
        values = pa.array([value] * table.num_rows).cast(field.type)
        return table.set_column(table.schema.get_field_index(name), field, values)

    return edit


def without_column(name: str) -> Callable[[pa.Table], pa.Table]:
    """Takes a column away."""
    return lambda table: table.drop_columns([name])


def without_lines(table: pa.Table) -> pa.Table:
    """Takes every line away."""
    return table.slice(0, 0)


def in_month(month: int) -> Callable[[pa.Table], pa.Table]:
    """Moves lines to another month of the year."""

    def edit(table: pa.Table) -> pa.Table:
        name = "bill_billing_period_start_date"
        field = table.schema.field(name)
        start = pa.array([f"2026-{month:02d}-01"] * table.num_rows).cast(pa.timestamp("s")).cast(pa.timestamp("ms"))
        start = pc.assume_timezone(start, "UTC") if field.type.tz else start
        return table.set_column(table.schema.get_field_index(name), field, start.cast(field.type))

    return edit
