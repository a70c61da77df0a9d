"""Small sample months, written once and read back with code that shares nothing with the generator."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq

from local.sample.invoices import MonthTruth
from local.sample.month import write_month

SMALL = 2_000
REPOSITORY = Path(__file__).parents[3]

_FOLDER = TemporaryDirectory(prefix="sample-months-")

Line = dict[str, Any]


@dataclass(frozen=True)
class SampleMonth:
    """A written month: where it is, what the generator says about it, and its lines as they read."""

    folder: Path
    truth: MonthTruth

    @cached_property
    def lines(self) -> list[Line]:
        """Every line with all its columns."""
        return [line for file in chunks(self.folder) for line in pq.read_table(file).to_pylist()]

    @property
    def manifest(self) -> dict[str, Any]:
        """The delivery's manifest."""
        (path,) = self.folder.glob("metadata/*/*-Manifest.json")
        manifest: dict[str, Any] = json.loads(path.read_text())
        return manifest

    def of_type(self, *types: str) -> list[Line]:
        """The lines of some line item types."""
        return [line for line in self.lines if line["line_item_line_item_type"] in types]


@cache
def sample_month(period: str = "2026-05", seed: int = 7, final: bool = True, line_items: int = SMALL) -> SampleMonth:
    """A month of the sample organisation; each is written once a test run."""
    folder = Path(_FOLDER.name) / f"{period}-{seed}-{final}-{line_items}"
    return SampleMonth(folder, write_month(folder, period, line_items=line_items, seed=seed, final=final))


def chunks(folder: Path) -> list[Path]:
    """The month's Parquet files, in order."""
    return sorted(folder.glob("data/*/*.parquet"))


def exact(value: float | None) -> Decimal:
    """A double as the decimal that its text says it is."""
    return Decimal(repr(value)) if value is not None else Decimal(0)


def effective_cost(line: Line) -> Decimal:
    """What a line of usage really cost, read from the column that its type calls for."""
    columns = {
        "SavingsPlanCoveredUsage": "savings_plan_savings_plan_effective_cost",
        "DiscountedUsage": "reservation_effective_cost",
    }
    return exact(line[columns.get(line["line_item_line_item_type"], "line_item_unblended_cost")])
