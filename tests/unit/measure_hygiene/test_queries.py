"""What a validation's queries cost is what Athena's price list says."""

from __future__ import annotations

from decimal import Decimal

import pytest

from functions.measure_hygiene.queries import plotted_queries


@pytest.mark.parametrize(
    ("scanned", "usd"),
    [
        ([10**12], "5"),
        ([0], "0.00005"),
        ([1, 10_000_000], "0.0001"),
        ([10_000_001], "0.000055"),
        ([], "0"),
    ],
)
def test_a_query_costs_whole_megabytes_and_ten_at_least(scanned: list[int], usd: str) -> None:
    assert plotted_queries(scanned, Decimal(5)) == {"QueryBytes": sum(scanned), "QueryCost": Decimal(usd)}
