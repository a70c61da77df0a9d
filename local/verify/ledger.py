"""Reads the published ledger from its Parquet files, hashes what it says, and finds what was changed in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from functions.publish_ledger.logic import hash_entries
from functions.shared.money import parse_money, total
from local.verify.findings import reason
from local.verify.layout import LEDGER, Artefact, PeriodFolder

Row = Mapping[str, str]

ORDER = (
    "business_unit",
    "cost_center",
    "allocation_method",
    "pool_id",
    "billing_account_id",
    "invoice_id",
    "sub_account_id",
    "service_name",
    "charge_class",
    "rule_id",
)
"""The columns by which entries are sorted before they are hashed."""

_AMOUNTS = {"exact_cost", "cost"}
_COLUMNS = {*ORDER, *_AMOUNTS, "entry_id", "line_count"}
_PART = re.compile(r"(?P<period>\d{4}-\d{2})-revision-(?P<revision>\d{4})-.+\.parquet")


class Content(NamedTuple):
    """The ledger by its content: how many entries, and the SHA-256 over their ids and amounts."""

    entries: int
    sha256: str


@dataclass(frozen=True)
class Part:
    """One Parquet file of a revision."""

    file: Artefact
    revision: int

    @cached_property
    def rows(self) -> list[Row] | None:
        """Its entries as text; None when it cannot be read."""
        try:
            return read_rows(self.file.content or b"")
        except (pa.ArrowException, OSError, ValueError):
            return None

    def damage(self) -> str:
        """Which columns of a file that cannot be read are damaged, or missing."""
        return ", ".join(_damaged_columns(self.file.content or b""))


@dataclass(frozen=True)
class Ledger:
    """The ledger files of a charge period, of every revision."""

    parts: tuple[Part, ...]

    @classmethod
    def of(cls, folder: PeriodFolder, period: str) -> Ledger:
        """The files that lie in a period's folder."""
        paths = sorted((folder.files / LEDGER).glob("billing_period=*/*.parquet"))
        return cls(tuple(part for path in paths if (part := _part(folder, path, period))))

    def parts_of(self, revision: int) -> list[Part]:
        """The files of one revision."""
        return [part for part in self.parts if part.revision == revision]

    def rows_of(self, revision: int) -> list[Row] | None:
        """The entries of one revision, sorted; None when a file of it cannot be read, or there is none."""
        found = [part.rows for part in self.parts_of(revision)]
        if not found or None in found:
            return None
        return sorted((row for rows in found if rows for row in rows), key=lambda row: [row[name] for name in ORDER])

    def revisions(self) -> list[int]:
        """The revisions of which there are files."""
        return sorted({part.revision for part in self.parts})


def read_rows(content: bytes) -> list[Row]:
    """The entries of a Parquet file, every value as text, as the statement queries give it; raises what Arrow does."""
    table = pq.read_table(pa.BufferReader(content), page_checksum_verification=True)
    if missing := _COLUMNS - {*table.column_names}:
        raise ValueError(f"no column {', '.join(sorted(missing))}")
    return [{name: _text(value) for name, value in row.items()} for row in table.to_pylist()]


def content_of(rows: Iterable[Row]) -> Content:
    """Hashes sorted entries as they were hashed when they were published."""
    return Content(*hash_entries(rows))


def cost(rows: Iterable[Row]) -> Decimal:
    """What entries add up to."""
    return total(parse_money(row["cost"]) for row in rows)


def _part(folder: PeriodFolder, path: Path, period: str) -> Part | None:
    found = _PART.fullmatch(path.name)
    if not found or found["period"] != period:
        return None
    return Part(folder.file(path.relative_to(folder.files).as_posix()), int(found["revision"]))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _damaged_columns(content: bytes) -> Iterator[str]:
    """Reads every column by itself, and says where those are that cannot be read."""
    try:
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        named = {*file.schema_arrow.names}
    except (pa.ArrowException, OSError, ValueError) as error:
        yield f"its end, which describes it, is damaged ({reason(error)})"
        return
    yield from (f"it has no column {name}" for name in sorted(_COLUMNS - named))
    for group in range(file.num_row_groups):
        for number in range(file.metadata.num_columns):
            chunk = file.metadata.row_group(group).column(number)
            try:
                file.read_row_group(group, columns=[chunk.path_in_schema]).to_pylist()
            except (pa.ArrowException, OSError, ValueError):
                start = chunk.data_page_offset
                yield f"column {chunk.path_in_schema}, bytes {start:,}–{start + chunk.total_compressed_size - 1:,}"
