"""What the columns of a delivery are, against what the contract of the bill says that they are."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from functions.shared.delivery import NEEDED_COLUMNS, READ_COLUMNS
from functions.shared.errors import SchemaBroken
from functions.shared.payload import Payload
from functions.shared.sql_catalog import SQL_ROOT

CONTRACT = SQL_ROOT / "contracts" / "cur2_columns.csv"


class SchemaDrift(Payload):
    """Columns that differ from the contract: new ones, such as are not there, and ``retyped`` as "was, is"."""

    added: tuple[str, ...]
    missing: tuple[str, ...]
    retyped: dict[str, str]


@cache
def contract_columns() -> Mapping[str, str]:
    """The columns of CUR 2.0 that the SQL was written for, with their types."""
    with CONTRACT.open(encoding="utf-8", newline="") as file:
        return {row["name"]: row["type"] for row in csv.DictReader(file)}


def delivered_columns(manifest: str | bytes) -> dict[str, str]:
    """The columns that a manifest declares with their types; blank where it names none.

    The manifest has been parsed before: it has columns with names.
    """
    columns: list[dict[str, Any]] = json.loads(manifest)["columns"]
    return {column["name"]: str(column.get("type", "")) for column in columns}


def find_drift(delivered: Mapping[str, str]) -> SchemaDrift:
    """How a delivery's columns differ from the contract; flattened tags (``tag_…``) are ours, and strings."""
    contract = {**contract_columns(), **{name: "string" for name in delivered if name.startswith("tag_")}}
    return SchemaDrift(
        added=tuple(sorted(name for name in delivered if name not in contract)),
        missing=tuple(sorted(name for name in contract if name not in delivered)),
        retyped={
            name: f"{contract[name]}, {kind}"
            for name, kind in sorted(delivered.items())
            if kind and name in contract and _spelled(kind) != _spelled(contract[name])
        },
    )


def differences(drift: SchemaDrift) -> int:
    """How many delivered columns the contract does not know as they are; one that is not exported is no difference."""
    return len(drift.added) + len(drift.retyped)


def require_needed(manifest_key: str, drift: SchemaDrift) -> None:
    """Raises SchemaBroken when a column that every allocation needs is gone, or one that it reads has another type.

    It names them before a query would fail on them, or silently read nothing.
    """
    gone = [name for name in NEEDED_COLUMNS if name in drift.missing]
    read = (name for name in drift.retyped if name in READ_COLUMNS or name.startswith("tag_"))
    retyped = [f"{name} ({drift.retyped[name]})" for name in read]
    told = [f"lacks {', '.join(gone)}"] if gone else []
    told += [f"has another type of {', '.join(retyped)}"] if retyped else []
    if told:
        new = f" (new there: {', '.join(drift.added)})" if drift.added else ""
        raise SchemaBroken(f"{manifest_key}: the export {' and '.join(told)}{new}; correct the export's query")


def _spelled(kind: str) -> str:
    return "".join(kind.lower().split())
