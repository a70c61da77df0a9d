"""The dashboard of tag hygiene shows what the functions record, under the very names and dimensions that they use."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from functions.measure_hygiene.logic import plotted
from functions.measure_hygiene.queries import plotted_queries
from functions.shared.observability import NAMESPACE, RECORDED, SERVICE, record_metrics
from infra.names import name_of
from tests.infra.stacks import Stacks
from tests.infra.test_observability import METRICS, measurable, place
from tests.unit.measure_hygiene.test_measure_hygiene import measured

DASHBOARD = "Observability/HygieneDashboard"
DIMENSIONS = {"TagCoverage": "tag", "MonthOverMonthVariance": "business_unit"}
"""What is recorded once for every value of a dimension."""

SEARCHED = re.compile(
    r"SEARCH\('\{(?P<schema>[^}]+)\} MetricName=\"(?P<metric>\w+)\" service=\"(?P<service>\w+)\"', .*"
)


def widgets(stacks: Stacks) -> list[dict[str, Any]]:
    body = json.loads(stacks.properties(DASHBOARD)["DashboardBody"])
    return [widget["properties"] for widget in body["widgets"]]


def plain(stacks: Stacks) -> list[list[Any]]:
    return [metric for widget in widgets(stacks) for metric in widget["metrics"] if isinstance(metric[0], str)]


def searched(stacks: Stacks) -> dict[str, dict[str, str]]:
    asked = [m[0]["expression"] for widget in widgets(stacks) for m in widget["metrics"] if isinstance(m[0], dict)]
    found = [match for match in map(SEARCHED.fullmatch, asked) if match]
    assert len(found) == len(asked)
    return {match["metric"]: match.groupdict() for match in found}


def recorded(metric: str, capsys: pytest.CaptureFixture[str]) -> tuple[str, set[str]]:
    """The namespace and dimensions that a metric really has when a function records it."""
    dimensions = {DIMENSIONS[metric]: "one"} if metric in DIMENSIONS else {}
    record_metrics({metric: Decimal("0.5")}, dimensions)
    [told] = json.loads(capsys.readouterr().out)["_aws"]["CloudWatchMetrics"]
    return told["Namespace"], set(told["Dimensions"][0])


def test_it_shows_all_that_a_validation_measures(stacks: Stacks) -> None:
    own = {metric[1] for metric in plain(stacks) if metric[0] == NAMESPACE}

    of_delivery, of_tickets = {"FreshnessLag", "SchemaDrift"}, {"TicketsOpen", "TicketsOverdue"}
    assert own == {*plotted(measured()), *plotted_queries([], Decimal(5)), *of_delivery, *of_tickets}
    assert searched(stacks).keys() == DIMENSIONS.keys()
    assert own | DIMENSIONS.keys() <= RECORDED.keys()


def test_every_metric_has_the_dimensions_that_functions_give_it(
    stacks: Stacks, capsys: pytest.CaptureFixture[str]
) -> None:
    for metric in (metric for metric in plain(stacks) if metric[0] == NAMESPACE):
        assert recorded(metric[1], capsys) == (NAMESPACE, {"service"})
        assert metric[2:4] == ["service", SERVICE]
    for name, search in searched(stacks).items():
        namespace, *dimensions = search["schema"].split(",")
        assert recorded(name, capsys) == (namespace, set(dimensions))
        assert search["service"] == SERVICE


def test_validations_that_end_badly_are_those_of_the_deployed_machine(stacks: Stacks) -> None:
    about = measurable(stacks, place(stacks, DASHBOARD))
    of_aws = [metric for metric in plain(stacks) if metric[0] != NAMESPACE]

    assert {metric[1] for metric in of_aws} == {"ExecutionsSucceeded", "ExecutionsFailed"}
    for namespace, metric, dimension, value, _ in of_aws:
        assert metric in METRICS[namespace][1]
        assert about[dimension, value] == "Validation/DailyValidation"
        assert value.endswith(f":stateMachine:{name_of(stacks.config, 'daily_validation')}")


def test_a_bill_is_late_on_the_dashboard_when_the_validation_says_so(stacks: Stacks) -> None:
    [limit] = [limit for widget in widgets(stacks) for limit in widget.get("annotations", {}).get("horizontal", [])]

    assert limit["value"] == stacks.config.freshness_hours * 3600


def test_every_graph_asks_a_question_and_shows_something(stacks: Stacks) -> None:
    assert stacks.properties(DASHBOARD)["DashboardName"] == name_of(stacks.config, "hygiene")
    for widget in widgets(stacks):
        assert widget["title"].endswith("?")
        assert widget["metrics"]
