"""Reads a statement's CSV, and compares it with the ledger line by line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from functions.shared.money import format_cents, parse_money, total
from functions.shared.run_files import safe_name
from local.verify.ledger import Row

_AMOUNTS = {"exact_cost", "cost"}
_NEEDED = ("entry_id", "billing_currency", "business_unit", "charge_period", "revision", "cost")
_ESCAPE = "'"


class SheetUnreadable(Exception):
    """A CSV is not a statement's; the message says in which line."""


class Line(NamedTuple):
    """A line of a CSV and its number; the header is line 1."""

    number: int
    row: Row


class Sheet(NamedTuple):
    """A statement as CSV."""

    lines: tuple[Line, ...]

    @classmethod
    def read(cls, content: bytes) -> Sheet:
        """Reads a CSV; raises SheetUnreadable."""
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            raise SheetUnreadable(f"line {line:,} is not UTF-8") from error
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            header = next(reader, [])
            if missing := [name for name in _NEEDED if name not in header]:
                raise SheetUnreadable(f"line 1, the header, lacks {', '.join(missing)}")
            lines = tuple(Line(reader.line_num, _row(header, cells, reader.line_num)) for cells in reader)
        except csv.Error as error:
            raise SheetUnreadable(f"line {reader.line_num:,}: {error}") from error
        return cls(lines)

    def total(self) -> Decimal:
        """What its lines add up to; raises SheetUnreadable when one has no amount."""
        return total(_cost(line) for line in self.lines)


def foreign_line(sheet: Sheet, named_for: Row) -> str | None:
    """The first line of another unit, period or revision than the file is named for; None when there is none."""
    for line in sheet.lines:
        for name, value in named_for.items():
            if value not in (safe_name(line.row[name]), safe_name(line.row[name].removeprefix(_ESCAPE))):
                return f"line {line.number:,} has {name} {line.row[name]}, the file is named for {value}"
    return None


def first_difference(sheet: Sheet, entries: Iterable[Row]) -> str | None:
    """Where a CSV and the ledger's entries of its unit differ first; None when they say the same.

    Compared are the columns that both have; names of people's choosing are in the CSV alone.
    """
    return next(_differences(sheet, {entry["entry_id"]: entry for entry in entries}), None)


def _differences(sheet: Sheet, entries: dict[str, Row]) -> Iterator[str]:
    seen: set[str] = set()
    for number, row in sheet.lines:
        entry_id = row["entry_id"]
        if entry_id in seen:
            yield f"line {number:,}: entry {entry_id} a second time"
        seen.add(entry_id)
        entry = entries.get(entry_id)
        if entry is None:
            yield f"line {number:,}: entry {entry_id} is not in the ledger"
            continue
        for name in row:
            if name in entry and not _same(name, row[name], entry[name]):
                yield f"line {number:,}, entry {entry_id}: {name} is {row[name]}, in the ledger {entry[name]}"
    for entry_id, entry in entries.items():
        if entry_id not in seen:
            yield f"entry {entry_id} ({entry['cost']}) is in the ledger, and in no line"


def _same(name: str, cell: str, value: str) -> bool:
    if name not in _AMOUNTS:
        return cell in (value, _ESCAPE + value)
    try:
        return Decimal(cell) == Decimal(value)
    except InvalidOperation:
        return False


def _row(header: list[str], cells: list[str], number: int) -> Row:
    if len(cells) != len(header):
        raise SheetUnreadable(f"line {number:,} has {len(cells)} cells, the header {len(header)}")
    return dict(zip(header, cells, strict=True))


def _cost(line: Line) -> Decimal:
    try:
        amount = parse_money(line.row["cost"])
        format_cents(amount)
    except ValueError as error:
        raise SheetUnreadable(f"line {line.number:,}: cost {error}") from error
    return amount
