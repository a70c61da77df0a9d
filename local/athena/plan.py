"""A query against its catalog: every column resolved and typed, every table reference with what it reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import OptimizeError, ParseError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.schema import MappingSchema

from local.athena.catalog import PATH_COLUMN, GlueCatalog, Table
from local.athena.failures import QueryFailed, column_not_found
from local.athena.partitions import Predicate

_UNRESOLVED = re.compile(r"""Column '"?(?:[^"']+"\.")?([^"']+)"?' could not be resolved|Unknown column: "?([^"\s.]+)""")
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPERATORS: dict[type[exp.Expr], str] = {exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}


@dataclass(frozen=True)
class TableReference:
    """One mention of a table in a query: the columns it reads there and the static predicates that hold for it."""

    node: exp.Table
    table: Table
    columns: frozenset[str]
    predicates: tuple[Predicate, ...]


@dataclass(frozen=True)
class Plan:
    """A SELECT whose columns are resolved and typed, and the table references in it."""

    tree: exp.Query
    references: tuple[TableReference, ...]


def plan(sql: str, database: str, catalog: GlueCatalog) -> Plan:
    """Resolves a SELECT as Athena does: an alias is not visible in WHERE, GROUP BY, HAVING or beside itself."""
    tree = _parse(sql)
    tables: dict[tuple[str, str], Table] = {}
    for node in _base_tables(tree):
        node.set("catalog", None)
        key = (node.db.lower() or database, node.name.lower())
        tables[key] = tables.get(key) or catalog.table(*key, sql)
    _name_output_columns(tree)
    schema = _schema(tables)
    try:
        resolved = qualify(tree, dialect="athena", db=database, schema=schema, expand_alias_refs=False)
        resolved = annotate_types(resolved, schema=schema, dialect="athena")
    except OptimizeError as error:
        raise _unresolved(error, sql) from None
    return Plan(resolved, tuple(_references(resolved, tables)))


def _parse(sql: str) -> exp.Query:
    try:
        statements = sqlglot.parse(sql, read="athena")
    except ParseError as error:
        first = error.errors[0]
        raise QueryFailed(
            f"SYNTAX_ERROR: line {first['line']}:{first['col']}: mismatched input '{first['highlight']}'. "
            f"{first['description']}"
        ) from None
    if len(statements) != 1 or statements[0] is None:
        raise QueryFailed("SYNTAX_ERROR: line 1:1: Only one sql statement is allowed")
    if not isinstance(statements[0], exp.Query):
        kind = sql.split(maxsplit=1)[0].upper()
        raise QueryFailed(f"NOT_SUPPORTED: Queries of this type are not supported: {kind}. Use SELECT or UNLOAD.")
    return statements[0]


def _base_tables(tree: exp.Query) -> list[exp.Table]:
    try:
        scopes = traverse_scope(tree)
    except OptimizeError as error:
        raise QueryFailed(f"SYNTAX_ERROR: line 1:1: {error}") from None
    return [source for scope in scopes for source in scope.sources.values() if isinstance(source, exp.Table)]


def _name_output_columns(tree: exp.Query) -> None:
    """Athena names an expression without an alias after its position: `_col0`, `_col1`."""
    first = tree
    while isinstance(first, exp.SetOperation | exp.Subquery):
        first = first.this
    if isinstance(first, exp.Select):
        for position, column in enumerate(first.expressions):
            if not isinstance(column, exp.Alias | exp.Column | exp.Star):
                column.replace(exp.alias_(column.copy(), f"_col{position}"))


def _schema(tables: dict[tuple[str, str], Table]) -> MappingSchema:
    databases = {database for database, _ in tables}
    hidden = {PATH_COLUMN: exp.DataType.build("varchar", dialect="athena")}
    columns: dict[str, object] = {
        each: {name: {**table.all_columns, **hidden} for (database, name), table in tables.items() if database == each}
        for each in databases
    }
    visible: dict[str, object] = {
        each: {name: list(table.all_columns) for (database, name), table in tables.items() if database == each}
        for each in databases
    }
    return MappingSchema(columns, visible=visible, dialect="athena")


def _unresolved(error: OptimizeError, sql: str) -> QueryFailed:
    reason = str(error).splitlines()[0]
    if found := _UNRESOLVED.search(reason):
        return column_not_found(sql, found[1] or found[2])
    return QueryFailed(f"SYNTAX_ERROR: line 1:1: {reason}")


def _references(tree: exp.Query, tables: dict[tuple[str, str], Table]) -> Iterator[TableReference]:
    for scope in traverse_scope(tree):
        for alias, (_, source) in scope.selected_sources.items():
            if isinstance(source, exp.Table):
                yield TableReference(
                    node=source,
                    table=tables[source.db.lower(), source.name.lower()],
                    columns=frozenset(column.name for column in scope.source_columns(alias)),
                    predicates=tuple(_predicates(scope, alias)),
                )


def _predicates(scope: Scope, alias: str) -> Iterator[Predicate]:
    """The predicates with literals that every row of this reference must meet to count in the query."""
    select = scope.expression
    conditions = [select.args["where"].this] if select.args.get("where") else []
    for join in select.args.get("joins") or []:
        joined = join.this.alias_or_name == alias
        if join.args.get("on") and (not join.side or (join.side == "LEFT" and joined)):
            conditions.append(join.args["on"])
    for condition in conditions:
        for conjunct in exp.and_(condition).flatten() if isinstance(condition, exp.And) else [condition]:
            yield from _as_predicates(conjunct.unnest(), alias)


def _as_predicates(condition: exp.Expr, alias: str) -> Iterator[Predicate]:
    match condition:
        case exp.EQ():
            for column, value in ((condition.left, condition.right), (condition.right, condition.left)):
                if _is_column_of(column, alias) and _is_literal(value):
                    yield Predicate(column.name, "in", (_literal(value),))
        case exp.In() if condition.expressions and all(_is_literal(value) for value in condition.expressions):
            if _is_column_of(condition.this, alias):
                yield Predicate(condition.this.name, "in", tuple(_literal(value) for value in condition.expressions))
        case exp.Between():
            low, high = condition.args["low"], condition.args["high"]
            if _is_column_of(condition.this, alias) and _is_literal(low) and _is_literal(high):
                yield Predicate(condition.this.name, ">=", (_literal(low),))
                yield Predicate(condition.this.name, "<=", (_literal(high),))
        case exp.LT() | exp.LTE() | exp.GT() | exp.GTE():
            operator = _OPERATORS[type(condition)]
            if _is_column_of(condition.left, alias) and _is_literal(condition.right):
                yield Predicate(condition.left.name, operator, (_literal(condition.right),))
            elif _is_column_of(condition.right, alias) and _is_literal(condition.left):
                yield Predicate(condition.right.name, _MIRRORED[operator], (_literal(condition.left),))


def _is_column_of(node: exp.Expr, alias: str) -> bool:
    return isinstance(node, exp.Column) and node.table == alias


def _is_literal(node: exp.Expr) -> bool:
    return isinstance(_uncast(node), exp.Literal)


def _literal(node: exp.Expr) -> str:
    return str(_uncast(node).this)


def _uncast(node: exp.Expr) -> exp.Expr:
    unwrapped = node.unnest()
    return _uncast(unwrapped.this) if isinstance(unwrapped, exp.Cast) else unwrapped
