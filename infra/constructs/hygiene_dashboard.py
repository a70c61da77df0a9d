"""The dashboard of tag hygiene: how much is untagged, whom it concerns, and whether the bill that says so is fresh."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

WIDTH, HEIGHT = 12, 6
DAY = cdk.Duration.days(1)
NAMESPACE = "Chargeback"
SERVICE = {"service": "chargeback"}
"""Where functions record what they measure; every metric of theirs has this dimension."""


class HygieneDashboard(cloudwatch.Dashboard):
    """Three months at a glance, so that a trend is one; each graph answers one question.

    ``fresh`` is how old the newest delivery may be.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, name: str, state_machine_arn: str, fresh: cdk.Duration
    ) -> None:
        limit = cloudwatch.HorizontalAnnotation(value=fresh.to_seconds(), label="late")
        machine = {"StateMachineArn": state_machine_arn}
        executions = [
            _metric("AWS/States", metric, machine, label, "Sum")
            for metric, label in (("ExecutionsSucceeded", "measured"), ("ExecutionsFailed", "failed"))
        ]
        super().__init__(
            scope,
            construct_id,
            dashboard_name=name,
            default_interval=cdk.Duration.days(91),
            widgets=[
                [
                    _graph("How much is untagged?", [_own("UntaggedRatio", "untagged, % of what could be tagged")]),
                    _graph("Which tags are missing?", [_each("TagCoverage", "tag")]),
                ],
                [
                    _graph("How much do shared pools hold?", [_own("SharedPoolShare", "shared pools, % of the bill")]),
                    _graph(
                        "Which business unit costs more than a month before?",
                        [_each("MonthOverMonthVariance", "business_unit")],
                    ),
                ],
                [
                    _graph(
                        "Which tickets wait?",
                        [_own("TicketsOpen", "open"), _own("TicketsOverdue", "overdue")],
                    ),
                    cloudwatch.GraphWidget(
                        title="How old is the bill, and are its columns those that we know?",
                        left=[_own("FreshnessLag", "seconds since its delivery")],
                        left_annotations=[limit],
                        right=[_own("SchemaDrift", "columns new or of another type")],
                        width=WIDTH,
                        height=HEIGHT,
                    ),
                ],
                [
                    _graph("How do validations end?", executions),
                    cloudwatch.GraphWidget(
                        title="What do validations' queries cost?",
                        left=[_own("QueryCost", "US dollars", "Sum")],
                        right=[_own("QueryBytes", "bytes read", "Sum")],
                        width=WIDTH,
                        height=HEIGHT,
                    ),
                ],
            ],
        )


def _graph(title: str, metrics: list[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=metrics, width=WIDTH, height=HEIGHT)


def _own(metric: str, label: str, statistic: str = "Maximum") -> cloudwatch.IMetric:
    """By default the highest of a day: a validation may run more than once."""
    return _metric(NAMESPACE, metric, SERVICE, label, statistic)


def _each(metric: str, dimension: str) -> cloudwatch.IMetric:
    """One line for every value of a dimension, also for those that are new."""
    names = ",".join(sorted([dimension, *SERVICE]))
    search = f'{{{NAMESPACE},{names}}} MetricName="{metric}" service="{SERVICE["service"]}"'
    return cloudwatch.MathExpression(
        expression=f"SEARCH('{search}', 'Average', {DAY.to_seconds():.0f})",
        using_metrics={},
        label=f"${{PROP('Dim.{dimension}')}}",
        period=DAY,
    )


def _metric(namespace: str, metric: str, dimensions: dict[str, str], label: str, statistic: str) -> cloudwatch.IMetric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=metric,
        dimensions_map=dimensions,
        statistic=statistic,
        period=DAY,
        label=label,
    )
