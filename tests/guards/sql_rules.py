"""What a statement may not say, as functions from its text to the places where it does."""

from __future__ import annotations

import re
from collections.abc import Iterator

import sqlglot
from sqlglot import exp
from sqlglot.expressions import DataType, DType

KEPT_IN_CAPITALS = frozenset({"NFC"})

_COMMENT_OR_QUOTED = re.compile(r"/\*.*?\*/|--[^\n]*|'(?:[^']|'')*'|\"[^\"]*\"", re.DOTALL)
_REAL = frozenset(DataType.FLOAT_TYPES)


def parse(text: str) -> exp.Expr:
    """The only statement of a text."""
    (tree,) = sqlglot.parse(text, read="athena")
    assert tree is not None
    return tree


def bare(text: str) -> str:
    """The text without comments, strings and quoted names."""
    return _COMMENT_OR_QUOTED.sub(" ", text)


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w:]):(\w+)", bare(text)))


def subscripts(text: str) -> list[str]:
    """`map[key]` and `array[1]`: Athena fails where there is nothing, element_at answers NULL on both engines."""
    return re.findall(r"\S*\[[^\]]*\]", bare(text))


def capitals(text: str) -> list[str]:
    return [word for word in re.findall(r"\w*[A-Z]\w*", bare(text)) if word not in KEPT_IN_CAPITALS]


def careless_divisions(text: str) -> Iterator[str]:
    """Divisions but floor(cast(… as double) / cast(… as double)) cast to whole numbers, and what divides unseen.

    Decimal division has other digits in each engine. A double may only guess an integer quotient.
    """
    tree = parse(text)
    for node in tree.find_all(exp.Div):
        operands = all(_is_cast_to(side, *_REAL) for side in (node.this, node.expression))
        floor = node.parent
        whole = isinstance(floor, exp.Floor) and not floor.args.get("decimals") and _is_integer_cast(floor.parent)
        if not (operands and whole):
            yield node.sql("athena")
    yield from (node.sql("athena") for node in tree.find_all(exp.Avg, exp.Mod, exp.Pow, exp.Sqrt, exp.IntDiv))


def floats(text: str) -> Iterator[str]:
    """Doubles beside those guesses: casts, and literals that Athena reads as doubles."""
    tree = parse(text)
    for node in tree.find_all(exp.Cast, exp.TryCast):
        if _is_cast_to(node, *_REAL) and not isinstance(node.parent, exp.Div):
            yield node.sql("athena")
    yield from re.findall(r"(?<![\w.])[\d.]+[eE][+-]?\d+", bare(text))


def sums_of_doubles(typed: exp.Expr) -> Iterator[str]:
    """Additions and sums of doubles in a typed tree: their result depends on the order of the rows."""
    for node in typed.find_all(exp.Sum, exp.Add, exp.Sub, exp.Mul):
        operands = [node.this] if isinstance(node, exp.Sum) else [node.this, node.expression]
        if any(operand.type is not None and operand.type.this in _REAL for operand in operands):
            yield node.sql("athena")


def function_names(text: str) -> set[str]:
    """The names in front of a parenthesis, keywords among them."""
    return {name.lower() for name in re.findall(r"(\w+)\s*\(", bare(text))}


def _is_cast_to(node: exp.Expr | None, *kinds: DType) -> bool:
    return isinstance(node, exp.Cast | exp.TryCast) and node.to.this in kinds


def _is_integer_cast(node: exp.Expr | None) -> bool:
    return _is_cast_to(node, DType.DECIMAL) and [size.name for size in node.to.expressions] == ["38", "0"]  # type: ignore[union-attr]
