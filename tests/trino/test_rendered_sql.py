"""What Athena would read otherwise than the local engine does, found without a server."""

from __future__ import annotations

import re

import pytest
import sqlglot

from functions.shared.sql_catalog import load_statement, load_statements


@pytest.mark.parametrize("name", load_statements())
def test_a_rendered_statement_says_how_wide_every_decimal_is(name: str) -> None:
    """Athena takes DECIMAL for DECIMAL(38,0), and sqlglot writes ``decimal '0.01'`` as a cast to DECIMAL: zero."""
    rendered = sqlglot.parse_one(load_statement(name).text, read="athena").sql("athena", comments=False)

    assert re.findall(r"\bDECIMAL\b(?!\()", rendered) == []
