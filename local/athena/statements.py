"""The statements the local Athena takes: SELECT, and UNLOAD of a SELECT."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlglot
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import TokenType

from local.athena.failures import QueryFailed, at

_COMPRESSIONS = ("GZIP", "SNAPPY", "ZSTD", "NONE")
_OPTIONS = frozenset({"format", "compression"})


@dataclass(frozen=True)
class Unload:
    """`UNLOAD (query) TO 's3://bucket/prefix/' WITH (format = 'PARQUET', compression = '…')`."""

    bucket: str
    prefix: str
    compression: str

    @property
    def location(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(frozen=True)
class Statement:
    """A query, its text at the place it has in the statement as sent, and where its rows go when it is an UNLOAD."""

    query: str
    unload: Unload | None = None


def is_unload(sql: str) -> bool:
    """Whether the first word, after comments, is UNLOAD."""
    return re.match(r"(\s|--[^\n]*\n|/\*.*?\*/)*UNLOAD\b", sql, re.IGNORECASE | re.DOTALL) is not None


def parse_statement(sql: str) -> Statement:
    """Takes an UNLOAD apart; anything else is a query as it stands."""
    try:
        tokens = sqlglot.tokenize(sql, read="presto")
    except TokenError as error:
        raise QueryFailed(f"SYNTAX_ERROR: line 1:1: {str(error).splitlines()[0]}") from None
    if not tokens:
        raise QueryFailed("SYNTAX_ERROR: line 1:1: mismatched input '<EOF>'")
    if not is_unload(sql):
        return Statement(sql)
    _expect(sql, tokens, 1, kind=TokenType.L_PAREN)
    close = _closing(sql, tokens, 1)
    body = re.sub(r"[^\n]", " ", sql[: tokens[1].end + 1]) + sql[tokens[1].end + 1 : tokens[close].start]
    return Statement(body, _target(sql, tokens, close + 1))


def _target(sql: str, tokens: Sequence[Any], start: int) -> Unload:
    """Reads `TO 'location' WITH (option = 'value', …)`."""
    _expect(sql, tokens, start, text="TO")
    place = _expect(sql, tokens, start + 1, kind=TokenType.STRING)
    _expect(sql, tokens, start + 2, text="WITH")
    _expect(sql, tokens, start + 3, kind=TokenType.L_PAREN)
    close = _closing(sql, tokens, start + 3)
    if close + 1 < len(tokens):
        _expect(sql, tokens, close + 1, kind=TokenType.SEMICOLON)
    location = re.fullmatch(r"s3://([^/]+)/(.*)", place.text)
    if not location:
        raise QueryFailed(f"SYNTAX_ERROR: {at(sql, place.start)}: Invalid S3 location '{place.text}'")
    inside = tokens[start + 4 : close]
    options = {inside[i].text.lower(): inside[i + 2].text.upper() for i in range(0, len(inside) - 2, 4)}
    if unknown := sorted(set(options) - _OPTIONS):
        raise QueryFailed(f"NOT_SUPPORTED: UNLOAD with {', '.join(unknown)}")
    if options.get("format") != "PARQUET":
        raise QueryFailed(
            f"NOT_SUPPORTED: UNLOAD with format {options.get('format', '(none)')}: only PARQUET is supported"
        )
    compression = options.get("compression", "GZIP")
    if compression not in _COMPRESSIONS:
        raise QueryFailed(f"NOT_SUPPORTED: UNLOAD with compression {compression}")
    prefix = f"{location[2].rstrip('/')}/".removeprefix("/")
    return Unload(location[1], prefix, "UNCOMPRESSED" if compression == "NONE" else compression)


def _expect(sql: str, tokens: Sequence[Any], index: int, *, text: str = "", kind: TokenType | None = None) -> Any:
    """The token at this place, which must be that word or of that kind."""
    if index >= len(tokens) or (text and tokens[index].text.upper() != text):
        raise _mismatched(sql, tokens, index)
    if kind is not None and tokens[index].token_type != kind:
        raise _mismatched(sql, tokens, index)
    return tokens[index]


def _closing(sql: str, tokens: Sequence[Any], opening: int) -> int:
    depth = 0
    for index in range(opening, len(tokens)):
        depth += (tokens[index].token_type == TokenType.L_PAREN) - (tokens[index].token_type == TokenType.R_PAREN)
        if not depth:
            return index
    raise _mismatched(sql, tokens, len(tokens))


def _mismatched(sql: str, tokens: Sequence[Any], index: int) -> QueryFailed:
    place = at(sql, tokens[index].start if index < len(tokens) else len(sql))
    found = tokens[index].text if index < len(tokens) else "<EOF>"
    return QueryFailed(f"SYNTAX_ERROR: {place}: mismatched input '{found}'")
