"""What starts a state machine: the arrival of a manifest, and the clock."""

from __future__ import annotations

import json

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.config import EnvironmentConfig


def add_queue(scope: Construct, construct_id: str, name: str) -> sqs.Queue:
    """A queue for starts that could not be delivered."""
    return sqs.Queue(
        scope,
        construct_id,
        queue_name=name,
        # Not our key: EventBridge, which writes here, has no right to use it. An event holds the name of an object.
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=cdk.Duration.days(14),
    )


def start_on_arrival(
    scope: Construct,
    construct_id: str,
    *,
    name: str,
    description: str,
    config: EnvironmentConfig,
    bill: s3.IBucket,
    machine: sfn.IStateMachine,
    queue: sqs.Queue,
) -> None:
    """Only a manifest starts the machine, for it is delivered last; query results land in another bucket."""
    rule = events.Rule(
        scope,
        construct_id,
        rule_name=name,
        description=description,
        enabled=config.closes_on_arrival,
        event_pattern=events.EventPattern(
            source=["aws.s3"],
            detail_type=["Object Created"],
            detail={
                "bucket": {"name": [bill.bucket_name]},
                "object": {
                    "key": events.Match.wildcard(f"{config.export_prefix}metadata/BILLING_PERIOD=*-Manifest.json")
                },
            },
        ),
    )
    manifest_key = events.EventField.from_path("$.detail.object.key")
    manifest = events.RuleTargetInput.from_object({"manifest_key": manifest_key})
    rule.add_target(targets.SfnStateMachine(machine, input=manifest, dead_letter_queue=queue))


def start_daily(
    scope: Construct,
    construct_id: str,
    *,
    name: str,
    description: str,
    at: str,
    config: EnvironmentConfig,
    group: scheduler.CfnScheduleGroup,
    machine: sfn.IStateMachine,
    queue: sqs.Queue,
) -> None:
    """Starts the machine every day ``at`` a time in UTC, minute and hour as cron has them."""
    of_our_group = {"StringEquals": {"aws:SourceAccount": cdk.Stack.of(scope).account, "aws:SourceArn": group.attr_arn}}
    role = iam.Role(
        scope, "ScheduleRole", assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com", conditions=of_our_group)
    )
    for action, resource in (
        ("states:StartExecution", machine.state_machine_arn),
        ("sqs:SendMessage", queue.queue_arn),
    ):
        role.add_to_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
    scheduler.CfnSchedule(
        scope,
        construct_id,
        name=name,
        group_name=group.ref,
        description=description,
        state="ENABLED" if config.closes_on_arrival else "DISABLED",
        schedule_expression=f"cron({at} * * ? *)",
        schedule_expression_timezone="UTC",
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        target=scheduler.CfnSchedule.TargetProperty(
            arn=machine.state_machine_arn,
            role_arn=role.role_arn,
            input=json.dumps({"scheduled_at": "<aws.scheduler.scheduled-time>"}),
            dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=queue.queue_arn),
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_event_age_in_seconds=3600, maximum_retry_attempts=5
            ),
        ),
    )
