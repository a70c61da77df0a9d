"""The tables of the stand-in's instance, as an administrator would have set them up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SYSTEM_COLUMNS = ("sys_id", "sys_created_on", "sys_created_by", "sys_updated_on", "sys_updated_by", "sys_mod_count")


@dataclass(frozen=True)
class Table:
    """Columns with the length at which each cuts its text, unique columns, and the role that may read and write."""

    columns: Mapping[str, int]
    unique: tuple[str, ...] = ()
    role: str = "financial_mgmt_user"
    all_columns: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "all_columns", (*SYSTEM_COLUMNS, *self.columns))


EXPENSE_LINES = Table(
    columns={
        "amount": 40,
        "asset": 32,
        "cost_center": 32,
        "number": 40,
        "process_date": 40,
        "short_description": 1000,
        "source_id": 32,
        "source_table": 80,
        "state": 40,
        "summary_type": 40,
        "u_chargeback_key": 64,
        "u_cost_center": 100,
        "u_currency": 3,
        "u_statement_sha256": 64,
    },
    unique=("u_chargeback_key",),
)

COST_CENTERS = Table(columns={"account_number": 40, "code": 40, "name": 100, "valid_from": 40, "valid_to": 40})

TABLES: Mapping[str, Table] = {"fm_expense_line": EXPENSE_LINES, "cmn_cost_center": COST_CENTERS}
