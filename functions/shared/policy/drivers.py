"""Driver tables: the monthly figures (headcount, requests, square metres) by which a pool can be split."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from functions.shared.errors import InvalidPeriod
from functions.shared.periods import BillingPeriod
from functions.shared.policy.defects import Defect
from functions.shared.policy.model import CostCenter, parse_decimal

DriverTable = Mapping[str, Mapping[str, Decimal]]
"""Billing period (YYYY-MM) → cost center id → the driver's value, in the driver's own unit, never negative."""

_HEADER = ["billing_period", "cost_center", "value"]


class DriverReader:
    """Reads driver files against the cost centers of one policy and gathers their defects."""

    def __init__(self, cost_centers: Iterable[CostCenter], known_ids: Iterable[str]) -> None:
        self.defects: list[Defect] = []
        self._known_ids = frozenset(known_ids)
        self._by_id: dict[str, list[CostCenter]] = {}
        for center in cost_centers:
            self._by_id.setdefault(center.id, []).append(center)

    def read(self, file: str, text: str) -> DriverTable:
        """The table of one file; rows with a defect are left out and the defect is named with its line.

        The header is exactly ``billing_period,cost_center,value``; a cost center has one row per period, is one the
        policy knows, and is valid in that period unless its value is zero.
        """
        rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
        table: dict[str, dict[str, Decimal]] = {}
        try:
            header = [cell.strip() for cell in next(rows, [])]
            if header != _HEADER:
                self.defects.append(Defect(f"{file} line 1", f"the header is not {','.join(_HEADER)}"))
                return {}
            for row in rows:
                self._add(table, f"{file} line {rows.line_num}", [cell.strip() for cell in row])
        except csv.Error as error:
            self.defects.append(Defect(f"{file} line {rows.line_num}", f"is not CSV: {error}"))
        return table

    def _add(self, table: dict[str, dict[str, Decimal]], where: str, row: list[str]) -> None:
        if not any(row):
            return
        if len(row) != len(_HEADER):
            self.defects.append(Defect(where, f"has {len(row)} values, not {len(_HEADER)}"))
            return
        found = list(self._row_defects(where, *row))
        month, center, value = row
        if not found and center in table.setdefault(month, {}):
            found = [Defect(where, f"{center} already has a row for {month}")]
        if found:
            self.defects += found
        else:
            table[month][center] = parse_decimal(value)

    def _row_defects(self, where: str, month: str, center: str, value: str) -> Iterator[Defect]:
        try:
            month_is_good = str(BillingPeriod.parse(month)) == month
        except InvalidPeriod:
            month_is_good = False
        if not month_is_good:
            yield Defect(where, f"{month!r} is not a month of the form YYYY-MM")
        try:
            zero = not parse_decimal(value)
        except ValueError as error:
            zero = False
            yield Defect(where, f"{value} is negative" if value.startswith("-") else str(error))
        if center not in self._known_ids:
            yield Defect(where, f"{center!r} is not a cost center")
        elif month_is_good and not zero and not self._valid_in(center, month):
            yield Defect(where, f"{center} is not valid in {month}")

    def _valid_in(self, center: str, month: str) -> bool:
        """Whether it is; a cost center that could not be read is given the benefit of the doubt."""
        dated = self._by_id.get(center)
        return dated is None or any(one.valid_in(month) for one in dated)
