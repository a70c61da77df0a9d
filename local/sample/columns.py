"""The columns of a CUR 2.0 export, and how a batch of them becomes an Arrow table.

A batch is a mapping from column name to array; a column that a batch does not mention holds what AWS writes when it
has nothing to say. Text is dictionary-encoded in memory, so that an attribute of a resource is one integer per line.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Batch = dict[str, pa.Array]
Integers = npt.NDArray[np.int64]

UNITS_PER_DOLLAR = 10**10
"""Costs are made as whole numbers of this part of a dollar: the exactness of allocation.md."""

LARGEST_LINE = 90_000 * UNITS_PER_DOLLAR
"""Below it every cost has at most 15 digits, so its double gives the same decimal back."""

FLAT_TAGS: dict[str, str] = {
    "tag_cost_center": "user_cost_center",
    "tag_business_unit": "user_business_unit",
    "tag_environment": "user_environment",
    "tag_application": "user_application",
}
"""The columns that our export's SQL adds, with the resource tag that each one repeats."""

_CONTRACT = Path(__file__).parents[2] / "sql" / "contracts" / "cur2_columns.csv"
_TEXT = pa.dictionary(pa.int32(), pa.string())
_ARROW_TYPES: dict[str, pa.DataType] = {
    "string": _TEXT,
    "double": pa.float64(),
    "timestamp": pa.timestamp("ms", tz="UTC"),
    "map<string,string>": pa.map_(pa.string(), pa.string()),
    "map<string,double>": pa.map_(pa.string(), pa.float64()),
}


class Column(NamedTuple):
    """A column of the export: its name, and its type as the manifest writes it."""

    name: str
    type: str


@cache
def columns(*, flat_tags: bool) -> tuple[Column, ...]:
    """The export's columns in order: those of CUR 2.0, then the flattened tags if the export has them."""
    with _CONTRACT.open(encoding="utf-8", newline="") as lines:
        of_cur = tuple(Column(row["name"], row["type"]) for row in csv.DictReader(lines))
    return of_cur + tuple(Column(name, "string") for name in FLAT_TAGS if flat_tags)


@cache
def arrow_schema(*, flat_tags: bool) -> pa.Schema:
    """The Arrow schema that batches are assembled to."""
    return pa.schema([(column.name, _ARROW_TYPES[column.type]) for column in columns(flat_tags=flat_tags)])


def text(values: Sequence[str | None]) -> pa.DictionaryArray:
    """Text, dictionary-encoded."""
    return pa.array(values, pa.string()).dictionary_encode()


def constant(value: str | None, length: int) -> pa.DictionaryArray:
    """The same text on every line."""
    codes = pa.array(np.zeros(length, dtype=np.int32), mask=np.full(length, value is None))
    return pa.DictionaryArray.from_arrays(codes, pa.array([value or ""]))


def gather(values: pa.Array, positions: npt.NDArray[np.int64]) -> pa.Array:
    """The values at the given positions; for text only the integers move."""
    if isinstance(values, pa.DictionaryArray):
        return pa.DictionaryArray.from_arrays(values.indices.take(pa.array(positions)), values.dictionary)
    return values.take(pa.array(positions))


def gather_all(batch: Mapping[str, pa.Array], positions: npt.NDArray[np.int64]) -> Batch:
    """Every column of a batch at the given positions."""
    return {name: gather(values, positions) for name, values in batch.items()}


def maps(entries: Sequence[Mapping[str, str]]) -> pa.MapArray:
    """Maps from text to text, such as resource tags."""
    return pa.array([list(entry.items()) for entry in entries], _ARROW_TYPES["map<string,string>"])


def dollars(units: npt.NDArray[np.int64]) -> pa.DoubleArray:
    """Costs in units of 1e-10 dollars as the doubles of an export; raises ValueError on one too large to be exact."""
    if units.size and int(np.abs(units).max()) >= LARGEST_LINE:
        raise ValueError(f"a line of {int(np.abs(units).max())} units is too large for an exact double")
    return pa.array(units / UNITS_PER_DOLLAR)


def discount_maps(entries: Sequence[Mapping[str, int]]) -> pa.MapArray:
    """Discounts by name, given in units of 1e-10 dollars."""
    in_dollars = [[(name, units / UNITS_PER_DOLLAR) for name, units in entry.items()] for entry in entries]
    return pa.array(in_dollars, _ARROW_TYPES["map<string,double>"])


def assemble(batch: Mapping[str, pa.Array], *, flat_tags: bool) -> pa.Table:
    """The batch as a table with every column of the export."""
    schema = arrow_schema(flat_tags=flat_tags)
    unknown = set(batch) - set(arrow_schema(flat_tags=True).names)
    if unknown:
        raise KeyError(f"not columns of the export: {sorted(unknown)}")
    length = len(batch["line_item_unblended_cost"])
    arrays = [batch[field.name] if field.name in batch else _nothing(field, length) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _nothing(field: pa.Field, length: int) -> pa.Array:
    """What AWS writes in a column it has nothing to say in: 0.0 for commitments, {} for maps, else NULL."""
    if pa.types.is_map(field.type):
        return pa.MapArray.from_arrays(
            pa.array(np.zeros(length + 1, dtype=np.int32)),
            pa.array([], pa.string()),
            pa.array([], field.type.item_type),
        )
    if pa.types.is_dictionary(field.type):
        return constant(None, length)
    is_commitment = field.name.startswith(("reservation_", "savings_plan_")) and "_net_" not in field.name
    if pa.types.is_float64(field.type) and is_commitment:
        return pa.array(np.zeros(length))
    return pa.nulls(length, field.type)
