"""An alarm on every way in which a close can fail to happen; each says what happened and where to read on."""

from __future__ import annotations

from collections.abc import Iterable

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
QUIET = cloudwatch.TreatMissingData.NOT_BREACHING

REFUSAL_IS_AN_ANSWER = frozenset({"ReadManifest", "CheckInvoices"})
"""Functions whose refusal ends most executions of a month quietly: there is no delivery yet, or no invoice."""


class FailureAlarms(Construct):
    """The alarms of one environment; what they watch is known by its name, for it lives in other stacks."""

    def __init__(self, scope: Construct, construct_id: str, *, topic: sns.ITopic) -> None:
        super().__init__(scope, construct_id)
        self._tell = actions.SnsAction(topic)

    def watch_state_machine(self, name: str, arn: str) -> None:
        """Executions that fail, run out of time, are stopped by somebody, or are throttled."""
        for metric, what in (
            ("ExecutionsFailed", "failed: the execution's error says why, docs/runbook.md what to do"),
            ("ExecutionsTimedOut", "ran out of time: look at the state it was in, and start it again"),
            ("ExecutionsAborted", "was stopped by somebody: start it again when the reason is gone"),
            ("ExecutionThrottled", "was throttled: ask AWS for a higher quota of state transitions"),
        ):
            self._alarm(f"{name}-{metric}", f"{name} {what}.", _count("AWS/States", metric, {"StateMachineArn": arn}))

    def watch_functions(self, functions: Iterable[tuple[str, str]]) -> None:
        """State and function name of each: errors, unless a refusal is an answer, and throttles."""
        for state, function in functions:
            here = {"FunctionName": function}
            throttled = f"{function} was throttled: its reserved concurrency or the account's is used up."
            self._alarm(f"{state}-Throttles", throttled, _count("AWS/Lambda", "Throttles", here))
            if state not in REFUSAL_IS_AN_ANSWER:
                failed = f"{function} failed: its log and the execution's error say why; docs/runbook.md what to do."
                self._alarm(f"{state}-Errors", failed, _count("AWS/Lambda", "Errors", here))

    def watch_queues(self, queues: Iterable[tuple[str, str]]) -> None:
        """Dead-letter queues by what was lost: one message is a close, or an alert, that did not happen."""
        for queue, lost in queues:
            depth = _count("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": queue}, statistic="Maximum")
            self._alarm(queue, f"{lost} could not be delivered: the message is in the queue {queue}.", depth)

    def watch_rule(self, rule: str) -> None:
        """An event rule that cannot start its target, or keep what it could not start."""
        for metric in ("FailedInvocations", "InvocationsFailedToBeSentToDlq"):
            what = f"The rule {rule} could not start its target: start the month by hand, then look at its role."
            self._alarm(f"{rule}-{metric}", what, _count("AWS/Events", metric, {"RuleName": rule}))

    def watch_schedules(self, group: str) -> None:
        """Schedules of a group that cannot start their target."""
        for metric in ("TargetErrorCount", "InvocationDroppedCount", "InvocationsFailedToBeSentToDeadLetterCount"):
            what = f"A schedule of the group {group} could not start its target: look at its role and its queue."
            self._alarm(f"Schedules-{metric}", what, _count("AWS/Scheduler", metric, {"ScheduleGroup": group}))

    def watch_freshness(self, rule: str, *, days: int) -> None:
        """AWS delivers at least once a day; silence means that the month will not close."""
        arrivals = _count("AWS/Events", "TriggeredRules", {"RuleName": rule}, period=cdk.Duration.days(1))
        self._alarm(
            "Freshness",
            f"AWS has delivered no bill for {days} days: look at the export's status in Data Exports.",
            arrivals,
            comparison=BELOW,
            periods=days,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )

    def _alarm(
        self,
        name: str,
        description: str,
        metric: cloudwatch.Metric,
        *,
        comparison: cloudwatch.ComparisonOperator = AT_LEAST,
        periods: int = 1,
        missing: cloudwatch.TreatMissingData = QUIET,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_description=description,
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
