"""Every file of a run lies in the run's folder, and no name that people choose can lead out of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared import run_files

OF_A_RUN = [
    function
    for _, function in inspect.getmembers(run_files, inspect.isfunction)
    if "run_id" in inspect.signature(function).parameters
]
OF_A_NAME = [run_files.posting_key, run_files.rendered_key, run_files.statement_model_key]


@pytest.mark.parametrize("key", OF_A_RUN, ids=lambda function: function.__name__)
def test_a_key_of_a_run_lies_in_its_folder(key: Callable[..., str]) -> None:
    others = [1 if name == "level" else "x" for name in inspect.signature(key).parameters if name != "run_id"]

    assert key("2026-05-abc-1", *others).startswith("runs/2026-05-abc-1/")


@given(st.text(min_size=1), st.text(min_size=1))
def test_two_ids_never_share_a_key(one: str, other: str) -> None:
    for key in OF_A_NAME:
        assert (key("run", one) == key("run", other)) == (one == other)


@given(st.text(min_size=1))
def test_no_id_leads_out_of_its_folder(name: str) -> None:
    safe = run_files.safe_name(name)

    assert not set(safe) & set("/.\\ \n")
    assert safe.isascii()


def test_revisions_of_a_month_lie_beside_each_other_in_order() -> None:
    first, ninth, tenth = (run_files.ledger_prefix("2026-08", "2026-05", revision) for revision in (1, 9, 10))

    assert first < ninth < tenth
    assert not tenth.startswith(first)
    assert run_files.period_prefix("2026-05", 2) == "periods/2026-05/revision-0002/"
