"""Driver tables: what their files must look like, and what a policy's hash covers."""

from __future__ import annotations

from decimal import Decimal

import pytest

from functions.shared.policy import policy_hash
from tests.unit.shared.policy_sample import defects, load, put

HEADER = "billing_period,cost_center,value\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "headcount.csv line 1: the header is not billing_period,cost_center,value"),
        ("cost_center,value\n", "headcount.csv line 1: the header is not billing_period,cost_center,value"),
        (HEADER + "2026-05,CC-1001\n", "headcount.csv line 2: has 2 values, not 3"),
        (HEADER + "05/2026,CC-1001,1\n", "headcount.csv line 2: '05/2026' is not a month of the form YYYY-MM"),
        (HEADER + "2026-05,CC-9999,1\n", "headcount.csv line 2: 'CC-9999' is not a cost center"),
        (HEADER + "2026-05,CC-1001,many\n", "headcount.csv line 2: 'many' is not a plain decimal such as 0.25"),
        (HEADER + "2026-05,CC-1001,1e3\n", "headcount.csv line 2: '1e3' is not a plain decimal such as 0.25"),
        (HEADER + "2026-05,CC-1001,\n", "headcount.csv line 2: '' is not a plain decimal such as 0.25"),
        (HEADER + "2026-05,CC-1001,-3\n", "headcount.csv line 2: -3 is negative"),
        (
            HEADER + "2026-05,CC-1001,1\n\n2026-05,CC-1001,2\n",
            "headcount.csv line 4: CC-1001 already has a row for 2026-05",
        ),
        (HEADER + '2026-05,"CC-1001,1\n', "headcount.csv line 2: is not CSV: unexpected end of data"),
    ],
)
def test_a_driver_row_that_cannot_be_used_is_named_with_its_line(text: str, found: str) -> None:
    assert defects(drivers={"headcount.csv": text}) == [found]


def test_a_driver_file_that_is_not_there_is_named_with_its_driver() -> None:
    assert defects(drivers={}) == ["drivers.headcount.file: headcount.csv is not there, beside the policy"]


def test_weight_for_a_cost_center_that_has_ended_is_refused_and_zero_is_not() -> None:
    ended = put("cost_centers.1.valid_to", "2026-04")
    rows = HEADER + "2026-05,CC-1001,1\n2026-04,CC-1002,5\n2026-05,CC-1002,{}\n"
    assert defects(ended, drivers={"headcount.csv": rows.format("0")}) == []
    assert defects(ended, drivers={"headcount.csv": rows.format("5")}) == [
        "headcount.csv line 4: CC-1002 is not valid in 2026-05"
    ]


def test_a_driver_file_may_come_from_a_spreadsheet() -> None:
    text = '\ufeffbilling_period,cost_center,value\r\n"2026-05","CC-1001"," 12.50 "\r\n\r\n'
    table = load(drivers={"headcount.csv": text}).driver_tables["headcount"]
    assert table == {"2026-05": {"CC-1001": Decimal("12.50")}}


def test_two_drivers_may_share_a_file_and_its_defects_are_named_once() -> None:
    both = put("drivers", {"headcount": {"file": "x.csv"}, "seats": {"file": "x.csv"}})
    assert defects(both, drivers={"x.csv": HEADER + "2026-05,CC-1001,-1\n"}) == ["x.csv line 2: -1 is negative"]
    tables = load(both, drivers={"x.csv": HEADER + "2026-05,CC-1001,1\n"}).driver_tables
    assert tables["headcount"] == tables["seats"]


def test_the_hash_changes_with_every_text_and_name_and_with_nothing_else() -> None:
    original = policy_hash("policy", {"a.csv": "1", "b.csv": "2"})
    assert policy_hash("policy", {"b.csv": "2", "a.csv": "1"}) == original
    others = [
        policy_hash("policy ", {"a.csv": "1", "b.csv": "2"}),
        policy_hash("policy", {"a.csv": "2", "b.csv": "1"}),
        policy_hash("policy", {"c.csv": "1", "b.csv": "2"}),
        policy_hash("policy", {"a.csv": "1"}),
        policy_hash("policya.csv1b.csv2", {}),
        policy_hash("policy", {"a.csv": "1b.csv2"}),
    ]
    assert len({original, *others}) == len(others) + 1
    assert len(original) == 64


def test_a_loaded_policy_carries_the_hash_of_what_it_was_read_from() -> None:
    rows = {"headcount.csv": HEADER + "2026-05,CC-1001,1\n"}
    more = {"headcount.csv": HEADER + "2026-05,CC-1001,2\n"}
    assert load(drivers=rows).content_hash == load(drivers=rows).content_hash != load(drivers=more).content_hash
