"""Athena's SQL in DuckDB's words, where sqlglot alone would change its meaning or let pass what Athena refuses."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp
from sqlglot.expressions import DataType, DType

from local.athena.failures import QueryFailed, locate

# `typeof` is a constant once a query is bound, so each CASE folds into the branch of the operands' types.
MACROS = """
CREATE MACRO athena_is_real(t) AS t IN ('DOUBLE', 'FLOAT');
CREATE MACRO athena_is_integer(t) AS t IN ('TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', '"NULL"');
CREATE MACRO athena_quotient(a, b) AS CASE
    WHEN athena_is_real(typeof(a)) OR athena_is_real(typeof(b)) THEN a / b
    ELSE error('NOT_SUPPORTED: Only integers and doubles can be divided: cast both operands of / to one of them')
END;
CREATE MACRO athena_integer_quotient(a, b) AS CASE
    WHEN athena_is_integer(typeof(a)) AND athena_is_integer(typeof(b)) THEN a // b
    ELSE error('NOT_SUPPORTED: Only integers and doubles can be divided: cast both operands of / to one of them')
END;
CREATE MACRO athena_modulus(a, b) AS CASE
    WHEN athena_is_real(typeof(a % b)) AND NOT athena_is_real(typeof(a)) AND NOT athena_is_real(typeof(b))
    THEN error('NOT_SUPPORTED: The decimals of % do not fit one type of 38 digits: cast both to the same one')
    ELSE a % b
END;
CREATE MACRO athena_average(a) AS CASE
    WHEN typeof(a) LIKE 'DECIMAL%' THEN error('NOT_SUPPORTED: avg of a decimal: cast it to double')
    ELSE a
END;
CREATE MACRO athena_varchar(x) AS CASE
    WHEN typeof(x) LIKE 'TIMESTAMP%' THEN strftime(try_cast(x AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%g')
    WHEN athena_is_real(typeof(x)) THEN error('NOT_SUPPORTED: A double has another text in Athena: cast it to decimal')
    ELSE CAST(x AS VARCHAR)
END;
CREATE MACRO athena_integer_text(x) AS CASE
    WHEN x IS NULL OR regexp_full_match(x, '[+-]?[0-9]+') THEN x
    ELSE error('INVALID_CAST_ARGUMENT: Cannot cast ''' || x || ''' to an integer')
END;
CREATE MACRO athena_integer_text_or_null(x) AS CASE WHEN regexp_full_match(x, '[+-]?[0-9]+') THEN x END;
CREATE MACRO athena_needs_decimal_text(x, unit) AS
    abs(x) * unit >= 2e13 OR abs(x * unit - floor(x * unit) - 0.5) < 0.01;
"""

_TEXT = frozenset(DataType.TEXT_TYPES)
_INTEGER = frozenset(DataType.INTEGER_TYPES)
_REAL = frozenset(DataType.FLOAT_TYPES)
_DECIMAL = frozenset({DType.DECIMAL})
_OTHER_SCALARS = frozenset({DType.BOOLEAN, DType.DATE, DType.TIMESTAMP})
_NOT_TEXT = _INTEGER | _REAL | _DECIMAL | _OTHER_SCALARS

# what Java calls white space, which is what Athena trims
_WHITE_SPACE = "\t\n\v\f\r\x1c\x1d\x1e\x1f \u1680" + "".join(
    chr(code) for code in (*range(0x2000, 0x2007), 0x2008, 0x2009, 0x200A, 0x2028, 0x2029, 0x205F, 0x3000)
)

# functions that sqlglot passes on by name, and that mean the same to both engines
_SAME_IN_BOTH = frozenset({"translate", "bool_and", "map_concat", "cardinality"})


def to_duckdb(tree: exp.Query, sql: str) -> str:
    """The text for DuckDB of a resolved and typed query; `sql` is the statement as it was sent, for messages."""

    def rewrite(node: exp.Expr) -> exp.Expr:
        rule = _RULES.get(type(node))
        return rule(node, sql) if rule else node

    for node in tree.walk():
        _check_operands(node, sql)
    return _bottom_up(tree.copy(), rewrite).sql("duckdb", comments=False)


def _bottom_up(tree: exp.Expr, rewrite: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    root = tree
    for node in reversed(list(tree.walk(bfs=True))):
        new = rewrite(node)
        if new is not node:
            new.type = node.type
            if node is root:
                root = new
            else:
                node.replace(new)
    return root


def _divide(node: exp.Expr, sql: str) -> exp.Expr:
    left, right = _kind(node.this), _kind(node.expression)
    if left in _INTEGER and right in _INTEGER:
        return _call("athena_integer_quotient", node.this, node.expression)
    if (left in _DECIMAL or right in _DECIMAL) and left not in _REAL and right not in _REAL:
        raise QueryFailed(
            f"NOT_SUPPORTED: {_place(node, sql)}: A decimal is divided, and the local engine would answer "
            "with a double: divide integers, or cast an operand to double"
        )
    return _call("athena_quotient", node.this, node.expression)


def _modulus(node: exp.Expr, sql: str) -> exp.Expr:  # noqa: ARG001
    return _call("athena_modulus", node.this, node.expression)


def _average(node: exp.Expr, sql: str) -> exp.Expr:
    if _kind(node.this) in _DECIMAL:
        raise QueryFailed(f"NOT_SUPPORTED: {_place(node, sql)}: avg of a decimal: cast it to double")
    return exp.Avg(this=_call("athena_average", node.this))


def _subscript(node: exp.Expr, sql: str) -> exp.Expr:
    if not node.args.get("safe"):
        raise QueryFailed(
            f"NOT_SUPPORTED: {_place(node, sql)}: A subscript fails in Athena when the key or index is absent: "
            "use element_at"
        )
    return node


def _cast(node: exp.Expr, sql: str) -> exp.Expr:
    source, target = _kind(node.this), node.args["to"].this
    if target in _INTEGER and source in _REAL:
        return type(node)(this=exp.Round(this=node.this.copy()), to=node.args["to"].copy())
    if target in _INTEGER and source in _TEXT:
        checked = "athena_integer_text_or_null" if isinstance(node, exp.TryCast) else "athena_integer_text"
        return type(node)(this=_call(checked, node.this), to=node.args["to"].copy())
    if target in _TEXT:
        return _cast_to_text(node, sql)
    if target in _DECIMAL:
        return _cast_to_decimal(node)
    if target == DType.TIMESTAMP:
        return type(node)(this=node.this.copy(), to=DataType.build("timestamp", dialect="duckdb"))
    return node


def _cast_to_text(node: exp.Expr, sql: str) -> exp.Expr:
    source = _kind(node.this)
    if source in _REAL:
        raise QueryFailed(
            f"NOT_SUPPORTED: {_place(node, sql)}: A double has another text in Athena: cast it to decimal first"
        )
    plain = source in _TEXT | _INTEGER | _DECIMAL or source in (DType.BOOLEAN, DType.DATE)
    text = exp.cast(node.this.copy(), "text", dialect="duckdb") if plain else _call("athena_varchar", node.this)
    length = node.args["to"].expressions
    return _call("left", text, length[0].this) if length else text


def _cast_to_decimal(node: exp.Expr) -> exp.Expr:
    target = node.args["to"].copy()
    if not target.expressions:
        # The parser makes `decimal '0.01'` a cast without a width, which Athena takes for decimal(38, 0): 0.
        raise QueryFailed("NOT_SUPPORTED: a decimal without a width: write cast('0.01' as decimal(3, 2))")
    direct = type(node)(this=node.this.copy(), to=target.copy())
    if _kind(node.this) not in _REAL:
        return direct
    # Athena rounds the shortest decimal text of a double; DuckDB scales the double, which can miss by a last digit
    scale = target.expressions[1].name if len(target.expressions) > 1 else "0"
    needs_text = _call("athena_needs_decimal_text", node.this, exp.Literal.number(f"1e{scale}"))
    exact = type(node)(this=exp.cast(node.this.copy(), "text", dialect="duckdb"), to=target.copy())
    return exp.Case(ifs=[exp.If(this=needs_text, true=exact)], default=direct)


def _trim(node: exp.Expr, sql: str) -> exp.Expr:  # noqa: ARG001
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or "").upper(), "trim")
    characters = node.args.get("expression") or exp.Literal.string(_WHITE_SPACE)
    return _call(name, node.this, characters)


def _normalize(node: exp.Expr, sql: str) -> exp.Expr:
    if (form := node.args.get("form")) and form.name.upper() != "NFC":
        raise QueryFailed(f"NOT_SUPPORTED: {_place(node, sql)}: normalize to {form.name}: only NFC is supported")
    return _call("nfc_normalize", node.this)


def _regexp_replace(node: exp.Expr, sql: str) -> exp.Expr:
    replacement = node.args.get("replacement")
    if replacement is None:
        return node
    if not isinstance(replacement, exp.Literal):
        raise QueryFailed(f"NOT_SUPPORTED: {_place(node, sql)}: regexp_replace needs a literal replacement")
    text = replacement.name.replace("\\$", "\0").replace("\\", "\\\\")
    node.set("replacement", exp.Literal.string(re.sub(r"\$(\d)", r"\\\1", text).replace("\0", "$")))
    return node


def _cardinality(node: exp.Expr, sql: str) -> exp.Expr:  # noqa: ARG001
    return exp.cast(_call("cardinality", node.this), "bigint", dialect="duckdb")


def _count_if(node: exp.Expr, sql: str) -> exp.Expr:  # noqa: ARG001
    # without a row that counts Athena says 0, and DuckDB's count_if NULL
    return exp.Count(this=exp.Case(ifs=[exp.If(this=node.this.copy(), true=exp.Literal.number(1))]))


def _max_by(node: exp.Expr, sql: str) -> exp.Expr:
    if node.args.get("count"):
        raise QueryFailed(f"NOT_SUPPORTED: {_place(node, sql)}: max_by and min_by with a number of rows")
    name = "arg_max_null" if isinstance(node, exp.ArgMax) else "arg_min_null"
    return _call(name, node.this, node.expression)


def _unknown_function(node: exp.Expr, sql: str) -> exp.Expr:
    name = node.name.lower()
    if name in _SAME_IN_BOTH:
        return node
    raise QueryFailed(f"FUNCTION_NOT_FOUND: {locate(sql, name)}: Function '{name}' not registered")


def _not_in_athena(node: exp.Expr, sql: str) -> exp.Expr:
    raise QueryFailed(f"SYNTAX_ERROR: {_place(node, sql)}: mismatched input '{node.key.upper()}'")


def _check_operands(node: exp.Expr, sql: str) -> None:
    """Athena never mixes text with another type, and concatenates text only; DuckDB would convert."""
    for operands in _operands(node):
        kinds = [_kind(operand) for operand in operands]
        others = any(kind in _NOT_TEXT for kind in kinds)
        if others and (isinstance(node, exp.DPipe | exp.Concat) or any(kind in _TEXT for kind in kinds)):
            names = ", ".join(kind.value.lower() if kind else "unknown" for kind in kinds)
            raise QueryFailed(
                f"TYPE_MISMATCH: {_place(node, sql)}: Cannot apply {node.key.upper()} to "
                f"({names}): {node.sql('athena')}"
            )


def _operands(node: exp.Expr) -> list[list[exp.Expr]]:
    """The groups of expressions below a node whose types must agree."""
    match node:
        case exp.Case():
            branches = [branch.args["true"] for branch in node.args["ifs"]]
            results = [*branches, *filter(None, [node.args.get("default")])]
            return [results, [node.this, *(branch.this for branch in node.args["ifs"])]] if node.this else [results]
        case exp.If() if not isinstance(node.parent, exp.Case):
            return [[node.args["true"], *filter(None, [node.args.get("false")])]]
        case exp.In() | exp.Coalesce() | exp.Greatest() | exp.Least():
            return [[node.this, *node.expressions]]
        case exp.Between():
            return [[node.this, node.args["low"], node.args["high"]]]
        case exp.SetOperation():
            return [list(pair) for pair in zip(node.left.selects, node.right.selects, strict=False)]
        case exp.Concat():
            return [node.expressions]
        case exp.Predicate() | exp.DPipe() | exp.Nullif() if isinstance(node, exp.Binary | exp.Nullif):
            return [[node.this, node.expression]]
    return []


def _kind(node: exp.Expr) -> DType | None:
    kind = node.type.this if node.type else None
    return None if kind in (DType.UNKNOWN, DType.NULL) else kind


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def _place(node: exp.Expr, sql: str) -> str:
    column = node.find(exp.Column)
    return locate(sql, column.name) if column else "line 1:1"


_RULES: dict[type[exp.Expr], Callable[[exp.Expr, str], exp.Expr]] = {
    exp.Div: _divide,
    exp.Mod: _modulus,
    exp.Avg: _average,
    exp.Bracket: _subscript,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Trim: _trim,
    exp.Normalize: _normalize,
    exp.RegexpReplace: _regexp_replace,
    exp.ArraySize: _cardinality,
    exp.CountIf: _count_if,
    exp.ArgMax: _max_by,
    exp.ArgMin: _max_by,
    exp.Anonymous: _unknown_function,
    exp.Qualify: _not_in_athena,
    exp.ILike: _not_in_athena,
}
