"""The tables of the stand-in's instance, as an administrator would have set them up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SYSTEM_COLUMNS = ("sys_id", "sys_created_on", "sys_created_by", "sys_updated_on", "sys_updated_by", "sys_mod_count")
NOBODY = "admin"


@dataclass(frozen=True)
class Table:
    """What the dictionary, the data policies and the access rules say of a table.

    ``columns`` have the length at which each cuts its text; ``references`` name the table they refer to. A journal's
    text goes into the journal and is not shown in the record. ``number`` is the prefix of an automatic number.
    ``needs`` are the columns that a value of another makes mandatory; records whose column has one of ``locked`` values
    cannot be changed any more. ``reader`` and ``writer`` are the roles that the access rules ask for.
    """

    columns: Mapping[str, int]
    unique: tuple[str, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    journals: tuple[str, ...] = ()
    number: str = ""
    defaults: Mapping[str, str] = field(default_factory=dict)
    needs: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    locked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reader: str = "financial_mgmt_user"
    writer: str = "financial_mgmt_user"
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
    references={"cost_center": "cmn_cost_center"},
)

COST_CENTERS = Table(
    columns={"account_number": 40, "code": 40, "name": 100, "valid_from": 40, "valid_to": 40}, writer=NOBODY
)

STAGED_CHARGES = Table(
    columns={column: length for column, length in EXPENSE_LINES.columns.items() if column != "number"}
    | {"sys_import_set": 32, "sys_import_state": 40},
    reader="import_transformer",
    writer="import_transformer",
)

INCIDENTS = Table(
    columns={
        "number": 40,
        "short_description": 160,
        "description": 4000,
        "state": 40,
        "correlation_id": 100,
        "correlation_display": 100,
        "assignment_group": 32,
        "caller_id": 32,
        "category": 40,
        "contact_type": 40,
        "close_code": 40,
        "close_notes": 4000,
        "due_date": 40,
        "urgency": 40,
        "work_notes": 4000,
    },
    references={"assignment_group": "sys_user_group", "caller_id": "sys_user"},
    journals=("work_notes",),
    number="INC",
    defaults={"state": "1", "urgency": "3"},
    needs={("state", "6"): ("close_code", "close_notes")},
    locked={"state": ("7", "8")},
    reader="sn_incident_write",
    writer="sn_incident_write",
)

CHANGES = Table(
    columns={
        "number": 40,
        "short_description": 160,
        "description": 4000,
        "state": 40,
        "approval": 40,
        "requested_by": 32,
        "type": 40,
        "u_policy_hash": 64,
    },
    references={"requested_by": "sys_user"},
    number="CHG",
    defaults={"state": "-4", "approval": "requested", "type": "normal"},
    reader="sn_change_read",
    writer="sn_change_write",
)

APPROVALS = Table(
    columns={"sysapproval": 32, "approver": 32, "state": 40},
    references={"sysapproval": "change_request", "approver": "sys_user"},
    defaults={"state": "requested"},
    reader="sn_change_read",
    writer="approval_admin",
)

ATTACHMENTS = Table(
    columns={"table_name": 80, "table_sys_id": 32, "file_name": 100, "content_type": 255, "size_bytes": 40},
    reader="",
    writer=NOBODY,
)

TABLES: Mapping[str, Table] = {
    "fm_expense_line": EXPENSE_LINES,
    "cmn_cost_center": COST_CENTERS,
    "u_chargeback_import": STAGED_CHARGES,
    "incident": INCIDENTS,
    "change_request": CHANGES,
    "sysapproval_approver": APPROVALS,
    "sys_attachment": ATTACHMENTS,
    "sys_user": Table(columns={"user_name": 40, "name": 100, "email": 100}, reader="", writer=NOBODY),
    "sys_user_group": Table(columns={"name": 80}, reader="", writer=NOBODY),
    "sys_journal_field": Table(
        columns={"name": 80, "element": 80, "element_id": 32, "value": 4000}, reader=NOBODY, writer=NOBODY
    ),
}

STATE_LABELS = {
    "-5": "New",
    "-4": "Assess",
    "-3": "Authorize",
    "-2": "Scheduled",
    "-1": "Implement",
    "0": "Review",
    "3": "Closed",
    "4": "Canceled",
}
"""What people read where a change request's state is a number."""

BY_HAND = {
    "-5": ("-4", "4"),
    "-4": ("-5", "4"),
    "-3": ("-5", "4"),
    "-2": ("-1", "4"),
    "-1": ("0", "4"),
    "0": ("3",),
}
"""Where people can move a normal change from each state. To Authorize and Scheduled approvals move it, and nobody else;
under review it cannot be canceled any more."""
