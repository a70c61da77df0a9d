"""Which partitions of a table a query reads: projected or registered ones, after the query's predicates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import product

from local.athena.catalog import Table
from local.athena.failures import QueryFailed

_COMPARISONS = {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (1, 0)}
_RELATIVE_DATE = re.compile(r"^NOW(?:\s*([+-])\s*(\d+)\s*(MONTH|YEAR)S?)?$", re.IGNORECASE)
_MONTH = re.compile(r"^(\d{4})-(0[1-9]|1[0-2])$")


@dataclass(frozen=True)
class Predicate:
    """`column operator values` of a WHERE clause, with literals only; the operator is `in`, `<`, `<=`, `>` or `>=`."""

    column: str
    operator: str
    values: tuple[str, ...]

    def allows(self, value: str) -> bool:
        if self.operator == "in":
            return any(_compare(value, wanted) == 0 for wanted in self.values)
        return _compare(value, self.values[0]) in _COMPARISONS[self.operator]


@dataclass(frozen=True)
class Partition:
    """A folder to read, as `s3://bucket/prefix/`, and the values that its rows have in the partition columns."""

    location: str
    values: Mapping[str, str] = field(default_factory=dict)


def partitions_of(table: Table, predicates: Sequence[Predicate], today: date) -> list[Partition]:
    """The partitions that can hold rows for a table reference with these predicates."""
    if not table.partition_keys:
        return [Partition(table.location)]
    wanted = {column: [p for p in predicates if p.column == column] for column in table.partition_keys}
    if not table.is_projected:
        registered = [
            Partition(
                f"{partition.location.rstrip('/')}/", dict(zip(table.partition_keys, partition.values, strict=True))
            )
            for partition in table.partitions
        ]
        return [p for p in registered if all(_allowed(v, wanted[column]) for column, v in p.values.items())]
    candidates = {column: list(_projected(table, column, wanted[column], today)) for column in table.partition_keys}
    return [
        Partition(_projected_location(table, values), values)
        for values in (dict(zip(candidates, combination, strict=True)) for combination in product(*candidates.values()))
    ]


def _projected(table: Table, column: str, predicates: Sequence[Predicate], today: date) -> Iterator[str]:
    kind = _setting(table, column, "type")
    match kind:
        case "injected":
            values: Iterable[str] = _injected(column, predicates)
        case "enum":
            values = [value.strip() for value in _setting(table, column, "values").split(",")]
        case "integer":
            values = _integers(table, column)
        case "date":
            values = _months(table, column, today)
        case _:
            raise _invalid(table, column, f"type '{kind}'")
    return (value for value in values if _allowed(value, predicates))


def _injected(column: str, predicates: Sequence[Predicate]) -> list[str]:
    static = [predicate.values for predicate in predicates if predicate.operator == "in"]
    if not static or any(predicate.operator != "in" for predicate in predicates):
        raise QueryFailed(
            f"CONSTRAINT_VIOLATION: For the injected projected partition column {column}, the WHERE clause must "
            "contain only static equality conditions, and at least one such condition must be present."
        )
    return list(dict.fromkeys(static[0]))


def _integers(table: Table, column: str) -> Iterator[str]:
    low, high = (int(bound) for bound in _range(table, column))
    step = int(table.parameters.get(f"projection.{column}.interval", "1"))
    digits = int(table.parameters.get(f"projection.{column}.digits", "0"))
    return (str(number).zfill(digits) for number in range(low, high + 1, step))


def _months(table: Table, column: str, today: date) -> Iterator[str]:
    if _setting(table, column, "format") != "yyyy-MM":
        raise _invalid(table, column, "a date format other than yyyy-MM")
    if table.parameters.get(f"projection.{column}.interval.unit", "MONTHS").upper() != "MONTHS":
        raise _invalid(table, column, "an interval unit other than MONTHS")
    low, high = (_month_number(table, column, bound, today) for bound in _range(table, column))
    step = int(table.parameters.get(f"projection.{column}.interval", "1"))
    return (f"{month // 12:04d}-{month % 12 + 1:02d}" for month in range(low, high + 1, step))


def _month_number(table: Table, column: str, bound: str, today: date) -> int:
    if month := _MONTH.match(bound):
        return int(month[1]) * 12 + int(month[2]) - 1
    if not (relative := _RELATIVE_DATE.match(bound)):
        raise _invalid(table, column, f"range bound '{bound}'")
    sign, count, unit = relative.groups()
    months = int(count or 0) * (12 if (unit or "").upper() == "YEAR" else 1)
    return today.year * 12 + today.month - 1 + (-months if sign == "-" else months)


def _range(table: Table, column: str) -> tuple[str, str]:
    bounds = [bound.strip() for bound in _setting(table, column, "range").split(",")]
    if len(bounds) != 2:
        raise _invalid(table, column, f"range '{','.join(bounds)}'")
    return bounds[0], bounds[1]


def _setting(table: Table, column: str, name: str) -> str:
    value = table.parameters.get(f"projection.{column}.{name}")
    if value is None:
        raise _invalid(table, column, f"no property projection.{column}.{name}")
    return value.strip()


def _projected_location(table: Table, values: Mapping[str, str]) -> str:
    template = table.parameters.get("storage.location.template")
    if template is None:
        return table.location + "".join(f"{column}={value}/" for column, value in values.items())
    location = re.sub(r"\$\{([^}]+)\}", lambda hole: values[hole[1].lower()], template)
    return f"{location.rstrip('/')}/"


def _allowed(value: str, predicates: Sequence[Predicate]) -> bool:
    return all(predicate.allows(value) for predicate in predicates)


def _compare(left: str, right: str) -> int:
    if re.fullmatch(r"-?\d+", left) and re.fullmatch(r"-?\d+", right) and left != right:
        return (int(left) > int(right)) - (int(left) < int(right))
    return (left > right) - (left < right)


def _invalid(table: Table, column: str, what: str) -> QueryFailed:
    return QueryFailed(
        f"INVALID_TABLE_PROPERTY: the projected partition column {column} of {table.database}.{table.name} has {what}"
    )
