"""The SQL files as statements: reads their headers, renders them with typed parameters.

Rendering replaces nodes of the syntax tree, so a value can never become syntax. Parameter types of a header:
``varchar``, ``integer``, ``boolean``, ``varchar list`` (inside ``in (…)``), ``tag`` and ``tag list`` (the tag keys
inside ``resource_tag(…)`` and ``resource_tag_list(…)``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import sqlglot
from sqlglot import exp

from functions.shared.policy.tags import tag_column_suffix

SQL_ROOT = Path(__file__).resolve().parents[2] / "sql"
HEADER_FIELDS = ("purpose", "grain", "inputs", "parameters", "invariants")
ParameterValue = str | int | bool | Sequence[str]

_HEADER = re.compile(r"\A/\*\n(.*?)\n\*/\n", re.DOTALL)
_FIELD = re.compile(r"^(\w+):\s+", re.MULTILINE)
_PARAMETER = re.compile(r"(\w+) (varchar list|varchar|integer|boolean|tag list|tag)\b")


class SqlContractError(Exception):
    """A SQL file and its use do not fit together: a defect of the code, never of the data."""


@dataclass(frozen=True)
class Statement:
    """One SQL file: its name (``f010_charges``), header fields, parameter types, text and SHA-256."""

    name: str
    header: Mapping[str, str]
    parameters: Mapping[str, str]
    text: str
    sha256: str

    @property
    def relation(self) -> str:
        """The relation that the statement makes: its name without the number."""
        return self.name.split("_", 1)[1]


@cache
def load_statements() -> Mapping[str, Statement]:
    """Every statement of ``sql/`` by name, in run order."""
    files = sorted(SQL_ROOT.glob("*/*.sql"), key=lambda file: file.name)
    return {file.stem: read_statement(file.stem, file.read_text(encoding="utf-8")) for file in files}


def load_statement(name: str) -> Statement:
    """The statement of that name; raises SqlContractError when there is none."""
    try:
        return load_statements()[name]
    except KeyError:
        raise SqlContractError(f"no statement {name} in sql/") from None


def hash_sources(texts: Mapping[str, str]) -> str:
    """One SHA-256 over SQL files, given as text by statement name: it names the arithmetic that a run used.

    It is over the lines ``<SHA-256 of the file>  <name>``, in the order of the names.
    """
    lines = [f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in sorted(texts.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def render(name: str, values: Mapping[str, ParameterValue], *, flat_tags: frozenset[str] = frozenset()) -> str:
    """The statement in Athena's dialect with every parameter in place.

    ``flat_tags`` are the export's flattened tag columns (``tag_cost_center`` …); a tag without one is read from the
    resource_tags map. Raises SqlContractError when a parameter is missing, unknown or of another type.
    """
    return to_athena(bind(load_statement(name), values, flat_tags))


def to_athena(tree: exp.Expr) -> str:
    """A syntax tree as text for Athena."""
    return tree.sql("athena", pretty=True, comments=False)


def bind(statement: Statement, values: Mapping[str, ParameterValue], flat_tags: frozenset[str]) -> exp.Expr:
    """The statement's syntax tree with every parameter in place; see ``render``."""
    if set(values) != set(statement.parameters):
        raise SqlContractError(f"{statement.name} takes {sorted(statement.parameters)}, not {sorted(values)}")
    tree = _parse(statement.text).copy()
    for node in list(tree.find_all(exp.Anonymous)):
        if node.name.lower() in {"resource_tag", "resource_tag_list"}:
            node.replace(_tag_expression(node, statement, values, flat_tags))
    for placeholder in list(tree.find_all(exp.Placeholder)):
        _bind(placeholder, statement, values)
    return tree


def render_over(
    name: str, bases: Sequence[str], values: Mapping[str, ParameterValue], *, flat_tags: frozenset[str] = frozenset()
) -> str:
    """A statement that reads relations (CTEs) of other statements, with those in front of it.

    So a number is explained by the very relations that made it, and not by a second version of them. ``values`` has
    the parameters of all the statements; each takes its own.
    """
    tree = _bound_tree(name, values, flat_tags)
    own = list(tree.args["with_"].expressions) if tree.args.get("with_") else []
    borrowed = [cte for base in bases for cte in _bound_tree(base, values, flat_tags).args["with_"].expressions]
    tree.set("with_", exp.With(expressions=[*borrowed, *own]))
    return to_athena(tree)


def _bound_tree(name: str, values: Mapping[str, ParameterValue], flat_tags: frozenset[str]) -> exp.Expr:
    statement = load_statement(name)
    taken = {key: value for key, value in values.items() if key in statement.parameters}
    return bind(statement, taken, flat_tags)


def unload(query: str, location: str) -> str:
    """Wraps a rendered statement so that Athena writes its rows to an empty S3 prefix as Parquet."""
    target = exp.Literal.string(location).sql("athena")
    return f"UNLOAD (\n{query}\n) TO {target} WITH (format = 'PARQUET', compression = 'SNAPPY')"


@cache
def _parse(text: str) -> exp.Expr:
    return sqlglot.parse_one(text, read="athena")


def read_statement(name: str, text: str) -> Statement:
    """A SQL file as a statement; raises SqlContractError when its header is not of the form that all have."""
    found = _HEADER.match(text)
    if not found:
        raise SqlContractError(f"{name}.sql has no header")
    parts = _FIELD.split(found[1])
    header = {name: " ".join(value.split()) for name, value in zip(parts[1::2], parts[2::2], strict=True)}
    if tuple(header) != HEADER_FIELDS:
        raise SqlContractError(f"{name}.sql: the header has {', '.join(header)}; it takes {', '.join(HEADER_FIELDS)}")
    parameters = dict(_PARAMETER.findall(header["parameters"]))
    return Statement(name, header, parameters, text, hashlib.sha256(text.encode()).hexdigest())


def _bind(placeholder: exp.Placeholder, statement: Statement, values: Mapping[str, ParameterValue]) -> None:
    name = placeholder.name
    kind, value = statement.parameters.get(name), values.get(name)
    match kind, value:
        case "varchar", str():
            placeholder.replace(exp.Literal.string(value))
        case "integer", int() if not isinstance(value, bool):
            placeholder.replace(exp.Literal.number(value))
        case "boolean", bool():
            placeholder.replace(exp.Boolean(this=value))
        case "varchar list", list() | tuple() if value and isinstance(placeholder.parent, exp.In):
            literals = [exp.Literal.string(item) for item in value]
            placeholder.parent.set("expressions", literals)
        case _:
            raise SqlContractError(f"{statement.name}: :{name} is {kind}, not {value!r}")


def _tag_expression(
    node: exp.Anonymous, statement: Statement, values: Mapping[str, ParameterValue], flat_tags: frozenset[str]
) -> exp.Expr:
    name = node.expressions[0].name
    value, kind = values[name], statement.parameters[name]
    if node.name.lower() == "resource_tag" and kind == "tag" and isinstance(value, str):
        return _tag_value(value, flat_tags)
    if node.name.lower() == "resource_tag_list" and kind == "tag list" and isinstance(value, list | tuple):
        items = [exp.func("coalesce", _tag_value(key, flat_tags), exp.Literal.string("")) for key in value]
        return exp.cast(exp.Array(expressions=items), "array(varchar)", dialect="athena")
    raise SqlContractError(f"{statement.name}: :{name} is {kind}, not {value!r}")


def _tag_value(key: str, flat_tags: frozenset[str]) -> exp.Expr:
    column = tag_column_suffix(key)
    if f"tag_{column}" in flat_tags:
        return exp.column(f"tag_{column}")
    return exp.func("element_at", exp.column("resource_tags"), exp.Literal.string(f"user_{column}"), dialect="athena")
