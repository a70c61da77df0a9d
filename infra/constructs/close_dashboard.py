"""The dashboard of the closes: what ran, how long, what it read, and whether AWS delivers."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

WIDTH, HEIGHT = 12, 6
DAY = cdk.Duration.days(1)


class CloseDashboard(cloudwatch.Dashboard):
    """Four weeks at a glance; each graph answers one question."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        state_machine_arn: str,
        arrival_rule: str,
        workgroup: str,
        functions: list[str],
    ) -> None:
        machine = {"StateMachineArn": state_machine_arn}
        executions = [
            _sum("AWS/States", metric, machine, label)
            for metric, label in (
                ("ExecutionsSucceeded", "ended well"),
                ("ExecutionsFailed", "failed"),
                ("ExecutionsAborted", "stopped by somebody"),
                ("ExecutionsTimedOut", "out of time"),
            )
        ]
        errors = [_sum("AWS/Lambda", "Errors", {"FunctionName": name}, name) for name in functions]
        arrivals = _sum("AWS/Events", "TriggeredRules", {"RuleName": arrival_rule}, "manifests")
        super().__init__(
            scope,
            construct_id,
            dashboard_name=name,
            default_interval=cdk.Duration.days(28),
            widgets=[
                [
                    _graph("Does AWS deliver the bill?", [arrivals]),
                    _graph("How do month-end closes end?", executions),
                ],
                [
                    _graph("How long does a close take?", [_longest(machine)]),
                    _graph("What do the queries read?", [_scanned(workgroup)]),
                ],
                [_graph("Which function fails?", errors, width=2 * WIDTH)],
            ],
        )


def _graph(
    title: str, metrics: list[cloudwatch.Metric] | list[cloudwatch.MathExpression], width: int = WIDTH
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=width, height=HEIGHT)


def _longest(machine: dict[str, str]) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/States",
        metric_name="ExecutionTime",
        dimensions_map=machine,
        statistic="Maximum",
        period=DAY,
        label="longest execution, milliseconds",
    )


def _scanned(workgroup: str) -> cloudwatch.MathExpression:
    queries = f'{{AWS/Athena,QueryState,QueryType,WorkGroup}} ProcessedBytes WorkGroup="{workgroup}"'
    return cloudwatch.MathExpression(
        expression=f"SUM(SEARCH('{queries}', 'Sum', {DAY.to_seconds():.0f}))",
        using_metrics={},
        label="bytes scanned",
        period=DAY,
    )


def _sum(namespace: str, metric: str, dimensions: dict[str, str], label: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=metric,
        dimensions_map=dimensions,
        statistic="Sum",
        period=DAY,
        label=label,
    )
