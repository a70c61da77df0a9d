"""The daily validation: its functions, state machine and table of hygiene, and what starts it."""

from __future__ import annotations

import json

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from functions.shared.adapters.hygiene_table import BY_OWNER, WORST_FIRST
from infra.config import EnvironmentConfig
from infra.constructs.asl_state_machine import AslStateMachine
from infra.constructs.python_function import PythonFunction, function_code
from infra.constructs.query_rights import let_run_queries
from infra.constructs.validation_functions import add_validation_functions
from infra.names import DELIVERY_ARRIVED, UNDELIVERED_VALIDATIONS, VALIDATE_DAILY, name_of
from infra.stacks.data_stack import DataStack


class DailyValidation(Construct):
    """Measures the open month every day, and whenever AWS has delivered.

    ``shared`` are functions of the close that its states call as well; ``schedules`` is the group of our schedules.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: EnvironmentConfig,
        data: DataStack,
        key: kms.IKey,
        servicenow: secretsmanager.Secret | None,
        layers: list[lambda_.ILayerVersion],
        shared: dict[str, PythonFunction],
        schedules: scheduler.CfnScheduleGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        self.table = self._make_table(key)
        self.by_state = add_validation_functions(
            self,
            config=config,
            data=data,
            key=key,
            table=self.table,
            servicenow=servicenow,
            code=function_code(),
            layers=layers,
        )
        self.machine = AslStateMachine(
            self,
            "DailyValidation",
            name="daily_validation",
            state_machine_name=name_of(config, "daily_validation"),
            log_key=key,
            bindings={**self.by_state, **shared, "WorkGroup": data.workgroup.name, "Database": data.database.ref},
        )
        let_run_queries(self.machine, data, key, reads_bill=True)
        self._queue = sqs.Queue(
            self,
            "Undelivered",
            queue_name=name_of(config, UNDELIVERED_VALIDATIONS),
            # Not our key: EventBridge, which writes here, has no right to use it. An event holds the name of an object.
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
        )
        self._start_on_arrival(config, data)
        self._start_daily(config, schedules)

    def _make_table(self, key: kms.IKey) -> dynamodb.TableV2:
        """One item an account, month and day; what is measured again can be lost, so it may expire."""

        def text(attribute: str) -> dynamodb.Attribute:
            return dynamodb.Attribute(name=attribute, type=dynamodb.AttributeType.STRING)

        return dynamodb.TableV2(
            self,
            "TagHygiene",
            partition_key=text("account_id"),
            sort_key=text("period_day"),
            billing=dynamodb.Billing.on_demand(),
            encryption=dynamodb.TableEncryptionV2.customer_managed_key(key),
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute="expires_at",
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=WORST_FIRST,
                    partition_key=text("period_day"),
                    sort_key=dynamodb.Attribute(name="untagged_cost", type=dynamodb.AttributeType.NUMBER),
                ),
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=BY_OWNER, partition_key=text("owner"), sort_key=text("period_day")
                ),
            ],
            deletion_protection=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )

    def _start_on_arrival(self, config: EnvironmentConfig, data: DataStack) -> None:
        """A rule of its own: the one that starts the close is turned off where nothing is closed by itself."""
        rule = events.Rule(
            self,
            "DeliveryArrived",
            rule_name=name_of(config, DELIVERY_ARRIVED),
            description="A delivery of the Cost and Usage Report is complete and can be validated",
            enabled=config.closes_on_arrival,
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [data.billing.bucket_name]},
                    "object": {
                        "key": events.Match.wildcard(f"{config.export_prefix}metadata/BILLING_PERIOD=*-Manifest.json")
                    },
                },
            ),
        )
        manifest_key = events.EventField.from_path("$.detail.object.key")
        manifest = events.RuleTargetInput.from_object({"manifest_key": manifest_key})
        rule.add_target(targets.SfnStateMachine(self.machine, input=manifest, dead_letter_queue=self._queue))

    def _start_daily(self, config: EnvironmentConfig, schedules: scheduler.CfnScheduleGroup) -> None:
        """A day on which nothing arrives is measured as well: that is how a late delivery is noticed."""
        account = cdk.Stack.of(self).account
        of_our_group = {"StringEquals": {"aws:SourceAccount": account, "aws:SourceArn": schedules.attr_arn}}
        role = iam.Role(
            self,
            "ScheduleRole",
            assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com", conditions=of_our_group),
        )
        for action, resource in (
            ("states:StartExecution", self.machine.state_machine_arn),
            ("sqs:SendMessage", self._queue.queue_arn),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
        scheduler.CfnSchedule(
            self,
            "ValidateDaily",
            name=name_of(config, VALIDATE_DAILY),
            group_name=schedules.ref,
            description="Validates the open month, also when nothing has arrived",
            state="ENABLED" if config.closes_on_arrival else "DISABLED",
            schedule_expression="cron(30 6 * * ? *)",
            schedule_expression_timezone="UTC",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=self.machine.state_machine_arn,
                role_arn=role.role_arn,
                input=json.dumps({"scheduled_at": "<aws.scheduler.scheduled-time>"}),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=self._queue.queue_arn),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=3600, maximum_retry_attempts=5
                ),
            ),
        )
