"""The comparison with the reference is worth something: it notices every mistake that we could think of."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import duckdb
import pytest

from functions.shared import sql_catalog
from local.athena.failures import QueryFailed
from tests.reference.cases import CASES, cases_of
from tests.reference.engine import Engine
from tests.reference.mutations import MUTATIONS, Mutation

NOTICED = (AssertionError, QueryFailed, duckdb.Error, KeyError)
"""A wrong amount, an amount where there is none, or a statement that no longer runs."""


@pytest.fixture(scope="module")
def crowded() -> Engine:
    """The SQL among the leftovers of other runs, deliveries and months."""
    return Engine(crowded=True)


@pytest.mark.parametrize("check", CASES.values(), ids=CASES)
def test_the_sql_gives_every_hard_month_as_the_reference_does(crowded: Engine, check: Callable[..., None]) -> None:
    check(crowded)


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation.mistake for mutation in MUTATIONS])
def test_a_mistake_in_the_sql_is_noticed(crowded: Engine, mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    statement = sql_catalog.load_statement(mutation.statement)
    assert mutation.written in statement.text, f"{mutation.statement} no longer says {mutation.written!r}"
    mistaken = dataclasses.replace(statement, text=statement.text.replace(mutation.written, mutation.becomes))
    load_statement = sql_catalog.load_statement
    monkeypatch.setattr(
        sql_catalog, "load_statement", lambda name: mistaken if name == mutation.statement else load_statement(name)
    )

    assert any(_notices(crowded, check) for check in cases_of(mutation.statement)), (
        f"nobody noticed that {mutation.mistake}: {mutation.statement} with {mutation.becomes!r} "
        f"in place of {mutation.written!r}"
    )


def _notices(engine: Engine, check: Callable[[Engine], None]) -> bool:
    try:
        check(engine)
    except NOTICED:
        return True
    return False
