"""The statements of a close that is derived again: its own SQL, over what was restored of the bill and the ledger.

A statement stays as it was written. Where it names a table that AWS or a later close has changed since, the same rows
as then are read from a table that holds them by run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from sqlglot import exp

from functions.shared.sql_catalog import (
    ParameterValue,
    SqlContractError,
    Statement,
    bind,
    load_statement,
    read_statement,
    to_athena,
)

BILL, LEDGER = "cur", "ledger"
RESTORED_BILL, RESTORED_LEDGER = "restored_cur", "restored_ledger"


@dataclass(frozen=True)
class StandIn:
    """A table to read in the place of another, and the values that columns of it must have."""

    table: str
    where: Mapping[str, str | int]


@dataclass(frozen=True)
class SqlCatalog:
    """The statements to render: those of ``sql/`` as deployed, unless a close has its own (``statements``)."""

    statements: Mapping[str, Statement] = field(default_factory=dict)
    stand_ins: Mapping[str, StandIn] = field(default_factory=dict)

    @classmethod
    def restored(cls, texts: Mapping[str, str], run_id: str) -> Self:
        """The statements of a close, given as text by name, over what the run restored."""
        return cls(
            statements={name: read_statement(name, text) for name, text in texts.items()},
            stand_ins={
                BILL: StandIn(RESTORED_BILL, {"run_id": run_id}),
                LEDGER: StandIn(RESTORED_LEDGER, {"run_id": run_id}),
            },
        )

    def statement(self, name: str) -> Statement:
        """The statement of that name; one that the close did not have yet is the deployed one."""
        return self.statements[name] if name in self.statements else load_statement(name)

    def render(
        self, name: str, values: Mapping[str, ParameterValue], *, flat_tags: frozenset[str] = frozenset()
    ) -> str:
        """As ``sql_catalog.render``; a close's own statement may take fewer parameters than are known today."""
        statement = self.statement(name)
        taken = values
        if name in self.statements:
            taken = {parameter: value for parameter, value in values.items() if parameter in statement.parameters}
        tree = bind(statement, taken, flat_tags)
        for table, stand_in in self.stand_ins.items():
            _read_instead(tree, table, stand_in, name)
        return to_athena(tree)


def _read_instead(tree: exp.Expr, table: str, stand_in: StandIn, statement: str) -> None:
    """Renames a table wherever it is read; its columns can be named by the table's old name as before."""
    own_relations = {cte.alias for cte in tree.find_all(exp.CTE)}
    for node in [node for node in tree.find_all(exp.Table) if node.name == table and table not in own_relations]:
        select = node.parent.parent if isinstance(node.parent, exp.From) else None
        if not isinstance(select, exp.Select):
            raise SqlContractError(f"{statement}: {table} is joined, and only what stands after from can be restored")
        name = node.alias_or_name
        node.replace(exp.alias_(exp.to_table(stand_in.table), name, table=True))
        _require(select, [exp.column(column, table=name).eq(exp.convert(v)) for column, v in stand_in.where.items()])


def _require(select: exp.Select, conditions: list[exp.EQ]) -> None:
    """Adds conditions beside those there are, none of them within parentheses: Athena finds partitions by them."""
    where = select.args.get("where")
    there_are = (
        list(where.this.flatten()) if where and isinstance(where.this, exp.And) else [where.this] if where else []
    )
    select.set("where", exp.Where(this=exp.and_(*there_are, *conditions)))
