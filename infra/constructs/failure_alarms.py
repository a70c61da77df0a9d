"""An alarm on every way in which a close can fail to happen; each says what happened and what to do."""

from __future__ import annotations

from collections.abc import Iterable

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.config import EnvironmentConfig
from infra.constructs.hygiene_dashboard import NAMESPACE, SERVICE
from infra.names import name_of

AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
QUIET = cloudwatch.TreatMissingData.NOT_BREACHING

REFUSAL_IS_AN_ANSWER = frozenset({"ReadManifest", "CheckDelivery", "CheckInvoices", "TakePeriodLock"})
"""Functions that refuse most requests of a month without any failure: the delivery, the invoices or the month are not
ready. A failure of theirs that is one fails the execution."""

FRESHNESS_PERIOD = cdk.Duration.hours(6)


class FailureAlarms(Construct):
    """The alarms of one environment; what they watch is known by its name, for it lives in other stacks."""

    def __init__(self, scope: Construct, construct_id: str, *, config: EnvironmentConfig, topic: sns.ITopic) -> None:
        super().__init__(scope, construct_id)
        self._config = config
        self._tell = actions.SnsAction(topic)

    def watch_state_machine(self, name: str, arn: str, runs: str) -> None:
        """Executions, each a ``runs``, that fail, run out of time, are stopped by somebody, or are throttled."""
        for metric, what in (
            ("ExecutionsFailed", f"A {runs} failed: the execution's error and cause say why; look the error up"),
            ("ExecutionsTimedOut", f"A {runs} ran out of time: look at the state that it was in, and start it again"),
            ("ExecutionsAborted", f"Somebody stopped a {runs}: start it again when the reason is gone"),
            ("ExecutionThrottled", f"A {runs} is throttled: ask AWS for a higher quota of state transitions"),
        ):
            self._alarm(f"{name}-{metric}", what, _count("AWS/States", metric, {"StateMachineArn": arn}))

    def watch_functions(self, states: Iterable[str]) -> None:
        """Functions by their states: errors, unless a refusal is an answer, and throttles."""
        for state in states:
            here = {"FunctionName": name_of(self._config, state)}
            throttled = f"{state} was throttled: more runs at once than are reserved for it, or left in the account"
            self._alarm(f"{state}-Throttles", throttled, _count("AWS/Lambda", "Throttles", here))
            if state not in REFUSAL_IS_AN_ANSWER:
                failed = f"{state} failed: the execution says whether a retry made it good, the function's log why not"
                self._alarm(f"{state}-Errors", failed, _count("AWS/Lambda", "Errors", here))

    def watch_queues(self, queues: Iterable[tuple[str, str]]) -> None:
        """Dead-letter queues, and what was lost: one message is a close, or an alert, that did not happen."""
        for queue, lost in queues:
            here = {"QueueName": name_of(self._config, queue)}
            depth = _count("AWS/SQS", "ApproximateNumberOfMessagesVisible", here, statistic="Maximum")
            self._alarm(queue, f"{lost} could not be delivered: the message and the reason are in the queue", depth)

    def watch_rule(self, rule: str) -> None:
        """An event rule that cannot start its target, or keep what it could not start."""
        for metric in ("FailedInvocations", "InvocationsFailedToBeSentToDlq"):
            what = f"The rule {rule} could not start the close: start the month by hand, then look at the rule's role"
            here = {"RuleName": name_of(self._config, rule)}
            self._alarm(f"{rule}-{metric}", what, _count("AWS/Events", metric, here))

    def watch_schedules(self, group: str) -> None:
        """Schedules of a group that cannot start their target, or keep what they could not start."""
        for metric in ("TargetErrorCount", "InvocationDroppedCount", "InvocationsFailedToBeSentToDeadLetterCount"):
            what = "The daily schedule could not start the close: start the month by hand, then look at its role"
            here = {"ScheduleGroup": name_of(self._config, group)}
            self._alarm(f"{group}-{metric}", what, _count("AWS/Scheduler", metric, here))

    def watch_replication(self, rule_id: str) -> None:
        """Objects that S3 could not copy to the replica region, of every bucket whose replication rule has this id."""
        copies = 'SELECT SUM(OperationsFailedReplication) FROM "AWS/S3" WHERE RuleId'
        failed = cloudwatch.MathExpression(
            expression=f"{copies} = '{rule_id}'", period=cdk.Duration.minutes(5), label="failed copies"
        )
        what = "A record could not be copied: look at the replication status of the newest objects, and at the replica"
        self._alarm("Replication", what, failed)

    def watch_freshness(self, rule: str, *, within: cdk.Duration) -> None:
        """AWS delivers at least once a day; silence means that the month will not close."""
        here = {"RuleName": name_of(self._config, rule)}
        arrivals = cloudwatch.MathExpression(
            # Silence has no data points, and CloudWatch would look further back for some: it is counted as zero.
            expression="FILL(arrivals, 0)",
            using_metrics={"arrivals": _count("AWS/Events", "TriggeredRules", here, period=FRESHNESS_PERIOD)},
            period=FRESHNESS_PERIOD,
            label="manifests",
        )
        hours = within.to_hours()
        self._alarm(
            "Freshness",
            f"AWS has delivered no bill for {hours:.0f} hours: look at the export's status in Data Exports",
            arrivals,
            comparison=BELOW,
            periods=int(hours // FRESHNESS_PERIOD.to_hours()),
            missing=cloudwatch.TreatMissingData.BREACHING,
        )

    def watch_columns(self) -> None:
        """Columns that AWS has added, or given another type; once a day, however often a delivery is validated."""
        drift = _count(NAMESPACE, "SchemaDrift", SERVICE, statistic="Maximum", period=cdk.Duration.days(1))
        what = "The bill has columns that are new or of another type: the day's hygiene report names them"
        self._alarm("SchemaDrift", what, drift)

    def _alarm(
        self,
        name: str,
        what: str,
        metric: cloudwatch.IMetric,
        *,
        comparison: cloudwatch.ComparisonOperator = AT_LEAST,
        periods: int = 1,
        missing: cloudwatch.TreatMissingData = QUIET,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=name_of(self._config, name),
            alarm_description=f"{what} (docs/runbook.md, When an alarm rings).",
            metric=metric,
            threshold=1,
            comparison_operator=comparison,
            evaluation_periods=periods,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(self._tell)


def _count(
    namespace: str,
    metric: str,
    dimensions: dict[str, str],
    *,
    statistic: str = "Sum",
    period: cdk.Duration | None = None,
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=metric,
        dimensions_map=dimensions,
        statistic=statistic,
        period=period or cdk.Duration.minutes(5),
    )
