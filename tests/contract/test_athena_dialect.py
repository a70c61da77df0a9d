"""SQL that means on the local engine what it means in Athena, and SQL that is refused because it would not."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal

import pytest

from tests.contract.athena_lake import Lake, open_lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with open_lake(tmp_path_factory.mktemp("lake")) as opened:
        opened.parquet(
            "lines/1",
            "select * from (values "
            "('b', 7::bigint, 2.5::double, 1.25::decimal(38,10), map{'k': 'v'}, ['x', 'y'], "
            "'2026-05-01'::timestamp, 'p'), "
            "('a', 2, 0.5, 0.75, map{'j': 'w'}, ['x'], '2026-05-02', null), "
            "(null, -9, null, null, null, null, null, 'q')"
            ") t(name, n, d, m, tags, names, happened_at, note)",
        )
        columns = "name string, n bigint, d double, m decimal(38,10), tags map<string,string>, names array<string>"
        opened.table("lines", f"{columns}, happened_at timestamp, note string")
        yield opened


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # integers divide to integers, towards zero
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("-7 % 3", "-1"),
        ("7e0 / 2", "3.5"),
        ("mod(cast('7.50' as decimal(3, 2)), cast('2.00' as decimal(3, 2)))", "1.50"),
        # decimals
        ("cast('1.00' as decimal(3, 2))", "1.00"),
        (
            "cast(1234567890123456789 as decimal(38,0)) * cast(1000000007 as decimal(38,0))",
            "1234567898765432019864197523",
        ),
        ("cast('5.123456' as decimal(38,6)) * cast(7 as decimal(18,0))", "35.864192"),
        ("cast(cast('2.345' as decimal(4, 3)) as decimal(38,2))", "2.35"),
        ("cast(cast('-2.345' as decimal(4, 3)) as decimal(38,2))", "-2.35"),
        ("cast(0.285e0 as decimal(38,2))", "0.29"),
        ("cast(2.5e0 as bigint)", "3"),
        ("cast(cast('2.5' as decimal(2, 1)) as bigint)", "3"),
        ("cast(' 1' as varchar)", " 1"),
        ("cast(cast('1.50' as decimal(3, 2)) as varchar)", "1.50"),
        ("cast(timestamp '2026-05-01 00:00:00' as varchar)", "2026-05-01 00:00:00.000"),
        ("cast('42' as integer)", "42"),
        ("try_cast('4.2' as integer)", None),
        ("cast('abcdef' as varchar(3))", "abc"),
        ("round(cast('2.5' as decimal(2, 1)))", "3"),
        ("floor(cast('-1.5' as decimal(2, 1)))", "-2"),
        ("abs(-3)", "3"),
        ("sign(-3)", "-1"),
        # text
        ("trim(chr(9) || ' a ' || chr(8195))", "a"),
        ("lower('ÀB') || upper('c')", "àbC"),
        ("length('é€')", "2"),
        ("substr('abc', 2)", "bc"),
        ("replace('a-b-c', '-', '')", "abc"),
        ("'a' || null", None),
        ("concat('a', 'b', 'c')", "abc"),
        ("concat_ws('|', 'a', null, 'b')", "a|b"),
        ("starts_with('AWSSupportBusiness', 'AWSSupport')", "true"),
        ("regexp_like('CC-1001', '^CC-\\d+$')", "true"),
        ("regexp_replace('abcab', '(a)(b)', '$2$1')", "bacba"),
        ("regexp_replace('a.b', '\\.', '\\$')", "a$b"),
        ("regexp_replace('aXbX', 'X')", "ab"),
        ("normalize('e\u0301', NFC)", "é"),
        ("lower(to_hex(sha256(to_utf8('Zoë'))))", hashlib.sha256("Zoë".encode()).hexdigest()),
        # conditions and NULL
        ("if(1 > 2, 'a', 'b')", "b"),
        ("nullif('a', 'a')", None),
        ("greatest(1, 3, 2)", "3"),
        ("greatest(1, null)", None),
        ("least('b', 'a')", "a"),
        # arrays and maps
        ("array['a', 'b']", "[a, b]"),
        ("element_at(array['a', 'b'], 2)", "b"),
        ("element_at(array['a', 'b'], 3)", None),
        ("element_at(array['a', 'b'], -1)", "b"),
        ("cardinality(array['a', 'b']) / 2", "1"),
        ("contains(array['a', 'b'], 'b')", "true"),
        ("array_join(array['a', null, 'b'], '-')", "a-b"),
        ("element_at(map(array['k'], array['v']), 'k')", "v"),
        ("cardinality(map(array['k'], array['v']))", "1"),
        # time
        ("date '2026-05-01' < date '2026-06-01'", "true"),
        ("timestamp '2026-05-01 00:00:00'", "2026-05-01 00:00:00.000"),
        ("date_format(timestamp '2026-05-01 00:00:00', '%Y-%m')", "2026-05"),
    ],
)
def test_an_expression_has_the_value_it_has_in_athena(lake: Lake, expression: str, expected: str | None) -> None:
    assert lake.value(expression) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select element_at(tags, 'k') from lines order by n", [[None], [None], ["v"]]),
        ("select name from lines order by name desc", [["b"], ["a"], [None]]),
        ("select sum(m), count(*), count(note), count_if(n > 0) from lines", [["2.0000000000", "3", "2", "2"]]),
        ("select sum(n) / count(*), sum(d) / 2 from lines", [["0", "1.5"]]),
        ("select count_if(n > 9 and n is null), count_if(n > 0) from lines where n > 99", [["0", "0"]]),
        ("select max_by(note, n), min_by(note, n) from lines where n > 0", [["p", None]]),
        ("select array_agg(name order by n) from lines", [["[null, a, b]"]]),
        (
            "select names, count(*) from lines group by names order by 2, cardinality(names)",
            [["[x]", "1"], ["[x, y]", "1"], [None, "1"]],
        ),
        (
            "select name, v, i from lines cross join unnest(names) with ordinality as u(v, i) order by name, i",
            [["a", "x", "1"], ["b", "x", "1"], ["b", "y", "2"]],
        ),
        (
            "select row_number() over (order by n desc), rank() over (order by n), "
            "sum(n) over (order by n rows unbounded preceding) from lines order by n",
            [["3", "1", "-9"], ["2", "2", "-7"], ["1", "3", "0"]],
        ),
        (
            "with t(x, y) as (values (1, 'a'), (2, 'b')) select y from t where x > 1 union all select 'c' order by 1",
            [["b"], ["c"]],
        ),
        ("select f.name from lines f where exists (select 1 from lines g where g.n = f.n - 5)", [["b"]]),
        ("select name from lines where n = (select max(n) from lines)", [["b"]]),
        ("select n + 1 as name from lines where name = 'a'", [["3"]]),
        ("select count(*) from lines;", [["3"]]),
        ("select \"Name\" from lines where NAME = 'a'", [["a"]]),
        (
            "select f.* from lines f where f.n = 2 and f.note is null",
            [["a", "2", "0.5", "0.7500000000", "{j=w}", "[x]", "2026-05-02 00:00:00.000", None]],
        ),
    ],
)
def test_a_query_has_the_rows_it_has_in_athena(lake: Lake, query: str, expected: list[list[str | None]]) -> None:
    assert lake.rows(query) == expected


def test_a_double_becomes_the_decimal_of_its_shortest_text(lake: Lake) -> None:
    rng = random.Random(7)
    costs = [
        rng.choice([1, -1]) * round(rng.random() * 10 ** rng.randint(-6, 9), rng.randint(2, 13)) for _ in range(500)
    ]
    lake.parquet("costs/1", "select unnest([" + ", ".join(f"{cost!r}::double" for cost in costs) + "]) as cost")
    lake.table("costs", "cost double")
    exact = [Decimal(repr(cost)).quantize(Decimal("1e-10"), ROUND_HALF_UP) for cost in costs]
    [[total, smallest]] = lake.rows(
        "select sum(cast(cost as decimal(38,10))), min(cast(cost as decimal(38,10))) from costs"
    )
    assert (total, smallest) == (format(sum(exact), "f"), format(min(exact), "f"))


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("select m / 2 from lines", "NOT_SUPPORTED: line 1:8: A decimal is divided"),
        ("select decimal '0.01' as cent", "NOT_SUPPORTED: a decimal without a width"),
        ("select sum(m) / count(*) from lines", "NOT_SUPPORTED"),
        ("select max_by(m, n) / 2 from lines", "NOT_SUPPORTED: Only integers and doubles"),
        ("select avg(m) from lines", "NOT_SUPPORTED: line 1:12: avg of a decimal"),
        ("select cast(7 as decimal(38,2)) % cast(2 as decimal(38,0))", "NOT_SUPPORTED: The decimals of %"),
        ("select tags['k'] from lines", "NOT_SUPPORTED: line 1:8: A subscript fails in Athena"),
        ("select cast(d as varchar) from lines", "NOT_SUPPORTED: line 1:13: A double has another text"),
        ("select normalize(name, NFKC) from lines", "NOT_SUPPORTED"),
        ("select list_sum(array[1])", "FUNCTION_NOT_FOUND: line 1:8: Function 'list_sum' not registered"),
        ("select name from lines where n = '7'", "TYPE_MISMATCH: line 1:30: "),
        ("select name || n from lines", "TYPE_MISMATCH: line 1:8: "),
        ("select name from lines where happened_at >= '2026-05-01'", "TYPE_MISMATCH"),
        ("select coalesce(name, 0) from lines", "TYPE_MISMATCH"),
        ("select case when n > 0 then name else 0 end from lines", "TYPE_MISMATCH"),
        ("select name from lines union all select n from lines", "TYPE_MISMATCH"),
        ("select n + 1 as x from lines where x > 1", "COLUMN_NOT_FOUND: line 1:17: Column 'x' cannot be resolved"),
        ("select n + 1 as x, x * 2 from lines", "COLUMN_NOT_FOUND"),
        ("select n + 1 as x from lines group by x", "COLUMN_NOT_FOUND"),
        ("select name, count(*) from lines", "EXPRESSION_NOT_AGGREGATE: line 1:8: 'name' must be an aggregate"),
        ("select name from lines where name ilike 'a'", "SYNTAX_ERROR"),
    ],
)
def test_what_would_differ_from_athena_is_refused(lake: Lake, query: str, reason: str) -> None:
    answer = lake.query(query)
    assert answer.state == "FAILED"
    assert answer.reason.startswith(reason)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("selec 1", "SYNTAX_ERROR: line 1:"),
        ("select 1 from", "SYNTAX_ERROR: line 1:"),
        ("select 1; select", "SYNTAX_ERROR: line 1:"),
        (" ", "SYNTAX_ERROR: line 1:1: mismatched input '<EOF>'"),
        ("select 1; select 2", "SYNTAX_ERROR: line 1:1: Only one sql statement is allowed"),
        ("/* lines\n */\nselect\n  nothing from lines", "COLUMN_NOT_FOUND: line 4:3: Column 'nothing' cannot be"),
        ("select name from missing", "TABLE_NOT_FOUND: line 1:18: Table 'awsdatacatalog.lake.missing' does not exist"),
        ("select name from other.lines", "SCHEMA_NOT_FOUND: line 1:18: Schema 'other' does not exist"),
        ("select no_such(1)", "FUNCTION_NOT_FOUND: line 1:8: Function 'no_such' not registered"),
        ("select 1 / 0", "DIVISION_BY_ZERO: Division by zero"),
        ("select n / (n - n) from lines", "DIVISION_BY_ZERO: Division by zero"),
        ("select cast('x' as integer)", "INVALID_CAST_ARGUMENT: Cannot cast 'x'"),
        ("select cast('1.5' as bigint)", "INVALID_CAST_ARGUMENT: Cannot cast '1.5'"),
        ("select 9223372036854775807 + 1", "NUMERIC_VALUE_OUT_OF_RANGE"),
        ("select sum(x) from (values (9223372036854775807), (1)) t(x)", "NUMERIC_VALUE_OUT_OF_RANGE"),
        ("select (select n from lines)", "SUBQUERY_MULTIPLE_ROWS"),
        ("create table x (n int)", "NOT_SUPPORTED: Queries of this type are not supported: CREATE"),
        ("insert into lines select * from lines", "NOT_SUPPORTED: Queries of this type are not supported: INSERT"),
    ],
)
def test_a_failure_is_told_in_athenas_words(lake: Lake, query: str, reason: str) -> None:
    answer = lake.query(query)
    assert answer.state == "FAILED"
    assert answer.reason.startswith(reason)
    assert "Traceback" not in answer.reason
