"""What single expressions give: the same on Trino, on the local Athena, and in our own words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.shared.policy.tags import normalize_tag_value
from tests.contract.athena_lake import Lake, open_lake
from tests.trino.client import TrinoClient
from tests.trino.expressions import EXPRESSIONS, ORDERED, WHITE, Expression
from tests.trino.replay import athena_text

pytestmark = pytest.mark.trino


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with open_lake(Path(tmp_path_factory.mktemp("lake"))) as opened:
        yield opened


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=lambda expression: expression.about)
def test_both_engines_give_the_value_that_the_close_relies_on(
    trino: TrinoClient, lake: Lake, expression: Expression
) -> None:
    expected = list(expression.expected.values())

    assert [athena_text(value) for (value,) in trino.run(expression.query).rows] == expected
    assert [value for (value,) in lake.rows(expression.query)] == expected


def test_both_engines_break_ties_by_code_point(trino: TrinoClient, lake: Lake) -> None:
    values = ", ".join(f"('{text}')" for text in reversed(ORDERED))
    query = f"select x from (values {values}) as given (x) order by x"
    extremes = f"select max(x), min(x) from (values {values}) as given (x)"

    assert sorted(ORDERED) == ORDERED
    assert [text for (text,) in trino.run(query).rows] == ORDERED
    assert [text for (text,) in lake.rows(query)] == ORDERED
    assert trino.run(extremes).rows == [[ORDERED[-1], ORDERED[0]]]
    assert [list(row) for row in lake.rows(extremes)] == [[ORDERED[-1], ORDERED[0]]]


def test_both_engines_call_the_same_characters_white_space_as_the_policy_does(trino: TrinoClient, lake: Lake) -> None:
    codes = [*range(1, 0x300), 0x1680, 0x180E, *range(0x2000, 0x2070), *range(0x3000, 0x3003), 0xFEFF, 0x1F600]
    blank = [code for code in codes if not normalize_tag_value(chr(code))]
    values = ", ".join(f"({code})" for code in codes)
    query = f"select x from (values {values}) as given (x) where not regexp_like(chr(x), '[^{WHITE}]') order by x"

    assert [code for (code,) in trino.run(query).rows] == blank
    assert [int(code) for (code,) in lake.rows(query) if code] == blank


@pytest.mark.parametrize("tags", [0, 1, 3])
def test_both_engines_count_mandatory_tags_from_none(trino: TrinoClient, lake: Lake, tags: int) -> None:
    """A sequence from 1 to 0 counts down in one of them, and is empty in the other."""
    positions = f"unnest(sequence(1, greatest({tags}, 1))) as positions (p)"
    query = f"select positions.p from {positions} where positions.p <= {tags} order by positions.p"

    assert [int(position) for (position,) in trino.run(query).rows] == list(range(1, tags + 1))
    assert [int(position) for (position,) in lake.rows(query) if position] == list(range(1, tags + 1))
