"""Keeps the tags we bill by active: once when it is deployed, and every day, for AWS learns of a tag late."""

from __future__ import annotations

import json
from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from functions.shared.observability import SERVICE, metrics
from infra.constructs.python_function import PythonFunction, function_code

LONGEST_ANSWER = cdk.Duration.minutes(2)
# Lambda tries a failed request twice again, after one and two minutes.
LONGEST_WAIT = cdk.Duration.minutes(12)

COST_EXPLORER = (
    "ce:ListCostAllocationTagBackfillHistory",
    "ce:ListCostAllocationTags",
    "ce:StartCostAllocationTagBackfill",
    "ce:UpdateCostAllocationTagsStatus",
)


class CostAllocationTags(Construct):
    """The function that activates the tags, CloudFormation's resource behind it, its daily schedule and its alarms."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        function_name: str,
        failures_name: str,
        reserves_concurrency: bool,
        keys: Sequence[str],
        backfill_months: int,
        key: kms.IKey,
        layers: list[lambda_.ILayerVersion],
        alerts: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self._key = key
        settings = {"tag_keys": json.dumps(keys), "backfill_months": str(backfill_months)}
        self.function = PythonFunction(
            self,
            "activate_tags",
            code=function_code(),
            layers=layers,
            settings=settings,
            log_key=key,
            function_name=function_name,
            timeout=LONGEST_ANSWER,
            memory_mib=256,
            # A deployment and the daily run take turns, or both would ask for a backfill.
            reserved_concurrency=1 if reserves_concurrency else None,
        )
        # AWS knows no narrower resource: tags of the bill have no ARN.
        self.function.add_to_role_policy(iam.PolicyStatement(actions=list(COST_EXPLORER), resources=["*"]))
        self.resource = cdk.CustomResource(
            self,
            "Tags",
            resource_type="Custom::CostAllocationTags",
            service_token=self.function.function_arn,
            service_timeout=LONGEST_WAIT,
            # The function reads its settings; here they make CloudFormation ask again when they change.
            properties={"TagKeys": list(keys), "BackfillMonths": backfill_months},
        )
        self._failures = sqs.Queue(
            self,
            "Failures",
            queue_name=failures_name,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
        )
        self._keep_failed_runs()
        self._run_daily()
        self._alarm(alerts)

    def attribute(self, name: str) -> str:
        """How the tags stood when they were last deployed."""
        return self.resource.get_att_string(name)

    def _keep_failed_runs(self) -> None:
        """A run that fails to the end leaves its request and its error in the queue."""
        lambda_.CfnEventInvokeConfig(
            self,
            "FailedRuns",
            function_name=self.function.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=2,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=self._failures.queue_arn)
            ),
        )
        for statement in self._let_send_failures():
            self.function.add_to_role_policy(statement)

    def _run_daily(self) -> None:
        role = iam.Role(
            self,
            "ScheduleRole",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            ),
        )
        role.add_to_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[self.function.function_arn])
        )
        for statement in self._let_send_failures():
            role.add_to_policy(statement)
        schedule = scheduler.CfnSchedule(
            self,
            "Daily",
            description="Activates the cost-allocation tags that AWS has learnt of since",
            schedule_expression="cron(30 5 * * ? *)",
            schedule_expression_timezone="UTC",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            kms_key_arn=self._key.key_arn,
            target=scheduler.CfnSchedule.TargetProperty(
                arn=self.function.function_arn,
                role_arn=role.role_arn,
                input=json.dumps({"RequestType": "Daily"}),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=self._failures.queue_arn),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=3600, maximum_retry_attempts=3
                ),
            ),
        )
        # Whoever makes a schedule with a key is asked whether the role may use it.
        schedule.node.add_dependency(role.node.find_child("DefaultPolicy"))

    def _let_send_failures(self) -> list[iam.PolicyStatement]:
        return [
            iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self._failures.queue_arn]),
            iam.PolicyStatement(actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[self._key.key_arn]),
        ]

    def _alarm(self, alerts: sns.ITopic) -> None:
        """The owners hear of a key that AWS refuses, and of runs that failed; a key not known yet only waits."""
        namespace = metrics.namespace
        assert namespace is not None  # noqa: S101 - narrows the type
        refused = cloudwatch.Metric(
            namespace=namespace,
            metric_name="TagsRefused",
            dimensions_map={"service": SERVICE},
            statistic="Maximum",
            period=cdk.Duration.hours(1),
        )
        failed = self._failures.metric_approximate_number_of_messages_visible(statistic="Maximum")
        for name, metric, what in (
            ("Refused", refused, "AWS refuses to activate a cost-allocation tag; the function's log names it"),
            ("Failed", failed, "The tags of the bill are not looked after; the request and its error are in the queue"),
        ):
            alarm = cloudwatch.Alarm(
                self,
                name,
                metric=metric,
                threshold=1,
                comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                evaluation_periods=1,
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
                alarm_description=what,
            )
            alarm.add_alarm_action(actions.SnsAction(alerts))
