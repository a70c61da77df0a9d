"""Which tables and columns of an instance hold what: instances differ."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

_Column = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class ExpenseLineMapping(BaseModel):
    """Which table and columns of the instance hold a charge.

    ``key_column`` holds 64 characters and has a unique index. ``cost_center_column`` is text, or, when
    ``cost_center_table`` is given, a reference to the record of that table whose ``cost_center_code_column`` is the
    cost center. With a ``staging_table`` charges are imported through it instead of being created: its columns have
    the names of those here, and its transform map coalesces on the key. ``constants`` are further columns with the
    same value on every line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: _Column = "fm_expense_line"
    staging_table: _Column | None = None
    key_column: _Column = "u_chargeback_key"
    amount_column: _Column = "amount"
    currency_column: _Column = "u_currency"
    cost_center_column: _Column = "u_cost_center"
    cost_center_table: _Column | None = None
    cost_center_code_column: _Column = "code"
    description_column: _Column = "short_description"
    date_column: _Column = "process_date"
    statement_sha256_column: _Column | None = None
    constants: dict[_Column, str] = Field(default_factory=dict)

    @property
    def shown_cost_center(self) -> str:
        """The column in which the cost center's own id is shown: of a reference, the column of what it refers to."""
        if self.cost_center_table is None:
            return self.cost_center_column
        return f"{self.cost_center_column}.{self.cost_center_code_column}"

    @property
    def shown_columns(self) -> list[str]:
        """What is read of a line."""
        return ["sys_id", self.key_column, self.amount_column, self.currency_column, self.shown_cost_center]


class IncidentMapping(BaseModel):
    """Which table, columns and states of the instance make a ticket.

    ``update_column`` holds 100 characters of ours: the name of the last change. A ticket is escalated when
    ``urgency_column`` has ``escalated_urgency``; one that is taken up again is as urgent as a new one.
    ``constants`` are further columns of every new incident, such as its caller, category and contact type.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: _Column = "incident"
    correlation_column: _Column = "correlation_id"
    update_column: _Column = "correlation_display"
    summary_column: _Column = "short_description"
    description_column: _Column = "description"
    note_column: _Column = "work_notes"
    due_column: _Column = "due_date"
    group_column: _Column = "assignment_group"
    state_column: _Column = "state"
    close_code_column: _Column = "close_code"
    close_notes_column: _Column = "close_notes"
    urgency_column: _Column = "urgency"
    ordinary_urgency: str = "3"
    escalated_urgency: str = "1"
    in_progress_state: str = "2"
    resolved_state: str = "6"
    closed_states: tuple[str, ...] = ("7", "8")
    close_code: str = "Solution provided"
    constants: dict[_Column, str] = Field(default_factory=dict)


class ChangeMapping(BaseModel):
    """Which columns of a change request hold the hash of what it is about, and what one that we open has beside it.

    The hash stands in one of ``hash_columns``, as it is or in a text. ``constants`` are further columns of every
    request that is opened; in ``submitted_state`` it is put before its approvers, a blank one leaves that to people.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hash_columns: tuple[_Column, ...] = Field(default=("description",), min_length=1)
    constants: dict[_Column, str] = Field(default_factory=dict)
    submitted_state: str = "-4"
