"""The close on a real Trino server: the statements of production, on the same files, give the same rows and cents."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from functions.shared.sql_catalog import load_statements
from local.close import SAMPLE_POLICY
from local.sample.month import write_month
from local.world import open_world
from tests.trino.client import TrinoClient
from tests.trino.replay import Comparison, Replay

pytestmark = pytest.mark.trino

LINE_ITEMS = 60_000
FEW_LINE_ITEMS = 3_000
REAL_BILLS = os.environ.get("REAL_BILLS", "")
"""A folder with ``<bill>/data``, ``<bill>/metadata`` and ``policies/<bill>.yaml``; not part of the repository."""


def test_every_statement_gives_the_same_rows_for_the_sample_organisation(
    trino: TrinoClient, compared: list[Comparison], tmp_path: Path
) -> None:
    """A month, AWS's restatement of it, and the next month, which shows it as an earlier one."""
    deliveries = [("april", "2026-04", FEW_LINE_ITEMS, 7), ("april-restated", "2026-04", FEW_LINE_ITEMS, 8)]
    deliveries += [("may", "2026-05", LINE_ITEMS, 7)]
    comparisons: list[Comparison] = []
    with open_world(tmp_path / "world") as world:
        replay = Replay(world, trino)
        for name, period, line_items, seed in deliveries:
            write_month(tmp_path / name, period, line_items=line_items, seed=seed)
            comparisons += replay.close(tmp_path / name, SAMPLE_POLICY, period)
        comparisons += replay.explain(cost_center="CC-1101", pool="untagged")
        comparisons += replay.validate(SAMPLE_POLICY, "2026-05")

    _assert_equal(comparisons, compared)
    rows = {(each.month, each.statement): each.rows for each in comparisons}
    names = [each.statement for each in comparisons]
    assert [file for file in load_statements() if not any(name.startswith(file) for name in names)] == []
    assert rows["may 2026-05 revision 1", "f010_charges"] > 1000
    assert rows["may 2026-05 revision 1", "s040_earlier_months"] > 0
    assert rows["2026-05 validated", "v020_untagged_cost"] > 0
    assert ("april-restated 2026-04 revision 2", "a050_ledger_entries") in rows


@pytest.mark.parametrize(
    ("bill", "period", "preview"), [("wa-labs", "2018-10", False), ("ha-project", "2026-04", True)]
)
def test_every_statement_gives_the_same_rows_for_a_real_bill(
    trino: TrinoClient, compared: list[Comparison], tmp_path: Path, bill: str, period: str, preview: bool
) -> None:
    policy = Path(REAL_BILLS, "policies", f"{bill}.yaml")
    if not policy.is_file():
        pytest.skip(f"no {policy}: set REAL_BILLS to the folder that has the real bills")
    with open_world(tmp_path) as world:
        comparisons = Replay(world, trino).close(Path(REAL_BILLS, bill), policy, period, preview=preview)

    _assert_equal(comparisons, compared)


def _assert_equal(comparisons: list[Comparison], compared: list[Comparison]) -> None:
    compared += comparisons
    assert [str(each) for each in comparisons if each.differences] == []
    assert {"r010_control_totals", "f010_charges", "a050_ledger_entries", "r020_invoices", "s010_ledger_entries"} <= {
        each.statement for each in comparisons
    }
