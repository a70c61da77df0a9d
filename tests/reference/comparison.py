"""Where the SQL's allocation and the reference's differ, in words that name the amount."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tests.reference.allocation import Allocation
from tests.reference.invariants import broken_invariants


def assert_same(found: Allocation, expected: Allocation, lines_read: int | None = None) -> None:
    """The SQL found what the reference expects, and both keep every invariant."""
    broken = [
        f"{who}: {what}"
        for who, allocation in (("reference", expected), ("SQL", found))
        for what in broken_invariants(allocation, lines_read)
    ]
    assert not broken, "\n".join(broken)
    differing = [line for field in dataclasses.fields(Allocation) for line in _differing(field.name, found, expected)]
    assert not differing, "\n".join(differing)


def _differing(name: str, found: Allocation, expected: Allocation) -> list[str]:
    by_sql, by_reference = _flat(getattr(found, name)), _flat(getattr(expected, name))
    if name == "bridge":
        by_sql, by_reference = ({key: amount for key, amount in of.items() if amount} for of in (by_sql, by_reference))
    return [
        f"{name} of {key}: SQL {by_sql.get(key)}, reference {by_reference.get(key)}"
        for key in sorted(by_sql.keys() | by_reference.keys(), key=str)
        if by_sql.get(key) != by_reference.get(key)
    ]


def _flat(value: Any) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        return {(): value}
    return {(key, *inner): amount for key, of_key in value.items() for inner, amount in _flat(of_key).items()}
