"""What is measured is told once and read in CloudWatch and in Datadog."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from functions.shared.observability import RECORDED, metrics, record_metrics


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The log lines, which are all that CloudWatch and Datadog's forwarder see."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_cloudwatch_reads_each_value_with_its_unit_and_dimensions(capsys: pytest.CaptureFixture[str]) -> None:
    record_metrics({"UntaggedRatio": Decimal("0.0731"), "FreshnessLag": 5400}, {"business_unit": "claims"})

    [line] = told(capsys)
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Chargeback"
    assert directive["Dimensions"] == [["business_unit", "service"]]
    assert directive["Metrics"] == [
        {"Name": "UntaggedRatio", "Unit": "Percent"},
        {"Name": "FreshnessLag", "Unit": "Seconds"},
    ]
    assert (line["UntaggedRatio"], line["FreshnessLag"]) == ([7.31], [5400.0])
    assert (line["business_unit"], line["service"]) == ("claims", "chargeback")


def test_datadog_reads_the_same_values_when_it_is_asked_to(capsys: pytest.CaptureFixture[str]) -> None:
    record_metrics(
        {"TicketsOverdue": 3, "MonthOverMonthVariance": Decimal("-0.125")}, {"business_unit": "claims"}, to_datadog=True
    )

    in_cloudwatch, *in_datadog = told(capsys)
    assert [(line["m"], line["v"], line["t"]) for line in in_datadog] == [
        ("chargeback.tickets_overdue", 3.0, ["business_unit:claims"]),
        ("chargeback.month_over_month_variance", -12.5, ["business_unit:claims"]),
    ]
    assert [in_cloudwatch[name] for name in ("TicketsOverdue", "MonthOverMonthVariance")] == [[3.0], [-12.5]]


def test_one_call_leaves_nothing_behind_for_the_next_or_for_the_function(capsys: pytest.CaptureFixture[str]) -> None:
    before = dict(metrics.metric_set)  # of a function that has not told its metrics yet
    record_metrics({"QueryBytes": 10_000_000}, {"business_unit": "claims"}, to_datadog=True)
    told(capsys)
    record_metrics({"QueryCost": Decimal("0.05")}, to_datadog=True)

    in_cloudwatch, in_datadog = told(capsys)
    assert "business_unit" not in in_cloudwatch
    assert "QueryBytes" not in in_cloudwatch
    assert (in_datadog["m"], in_datadog["t"]) == ("chargeback.query_cost", [])
    assert metrics.metric_set == before


def test_a_metric_that_no_dashboard_knows_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError, match="UntagedRatio"):
        record_metrics({"UntagedRatio": 1})
    assert told(capsys) == []


@pytest.mark.parametrize("name", RECORDED)
def test_every_metric_can_be_told(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    record_metrics({name: Decimal("0.5")}, to_datadog=True)

    assert len(told(capsys)) == 2
