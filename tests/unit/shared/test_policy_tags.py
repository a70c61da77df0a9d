"""How tag keys and values are compared."""

from __future__ import annotations

import pytest

from functions.shared.policy import closest, normalize_tag_value, tag_column_suffix


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("CC-1001", "cc-1001"),
        ("  cc-1001\t", "cc-1001"),
        ("SANTE\u0301", "santé"),
        ("Santé", "santé"),
        ("", ""),
        (" \u00a0", ""),
        ("ΟΔΟΣ", "οδοσ"),
        ("İzmir", "izmir"),
        ("straße", "straße"),
    ],
)
def test_tag_values_are_compared_composed_trimmed_and_in_lower_case(written: str, compared: str) -> None:
    assert normalize_tag_value(written) == compared
    assert normalize_tag_value(compared) == compared


@pytest.mark.parametrize(
    ("key", "suffix"),
    [
        ("Cost-Center", "cost_center"),
        ("cost-center", "cost_center"),
        ("environment", "environment"),
        ("app.kubernetes.io/name", "app_kubernetes_io_name"),
        ("Cost  Center", "cost__center"),
        ("équipe", "_quipe"),
        ("team2", "team2"),
    ],
)
def test_a_tag_key_becomes_the_end_of_a_column_name(key: str, suffix: str) -> None:
    assert tag_column_suffix(key) == suffix


def test_a_mistyped_value_leads_to_the_nearest_spelling() -> None:
    candidates = ["CC-1001", "CC-2002", "Adjudication"]
    assert closest("cc1001", candidates) == "CC-1001"
    assert closest("adjudicaton", candidates) == "Adjudication"
    assert closest(" CC-2002 ", candidates) == "CC-2002"
    assert closest("marketing", candidates) is None
    assert closest("anything", []) is None


def test_the_nearest_spelling_does_not_depend_on_the_order_of_the_candidates() -> None:
    assert closest("CC-100", ["CC-1001", "CC-1002"]) == closest("CC-100", ["CC-1002", "CC-1001"])
