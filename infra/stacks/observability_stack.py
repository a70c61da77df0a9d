"""The observability stack: alarms, dashboards, posture, and who may look at it from outside."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.config import EnvironmentConfig
from infra.constructs.alert_topic import AlertTopic
from infra.constructs.bucket_posture import BucketPosture
from infra.constructs.close_dashboard import CloseDashboard
from infra.constructs.failure_alarms import FailureAlarms
from infra.constructs.hygiene_dashboard import HygieneDashboard
from infra.constructs.outside_readers import DatadogRole, WizRole
from infra.constructs.threat_detection import ThreatDetection
from infra.names import (
    DELIVERY_ARRIVED,
    MANIFEST_ARRIVED,
    REPLICATION,
    SCHEDULES,
    UNDELIVERED_EVENTS,
    UNDELIVERED_POSTURE,
    UNDELIVERED_SCHEDULES,
    UNDELIVERED_THREATS,
    UNDELIVERED_VALIDATIONS,
    billing_bucket,
    name_of,
)

ALARMS = "cloudwatch.amazonaws.com"

MACHINES = {"month_end_close": "close", "replay_period": "replay", "daily_validation": "validation"}
"""The state machines that are watched, and what one of their executions is."""

QUEUES = (
    (UNDELIVERED_EVENTS, "A manifest's arrival"),
    (UNDELIVERED_SCHEDULES, "The daily start of the close"),
    (UNDELIVERED_VALIDATIONS, "The start of a validation"),
    (UNDELIVERED_POSTURE, "An alert about the billing bucket"),
)
"""Where what could not be delivered is kept, and what it was."""


class ObservabilityStack(cdk.Stack):
    """Watches the other stacks by the names of what is in them, so that none of them is tied to it.

    ``functions`` are the states whose functions are watched.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: EnvironmentConfig,
        functions: Sequence[str],
        env: cdk.Environment,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Chargeback: alarms and posture")
        self.alerts = AlertTopic(
            self,
            "Alerts",
            name=name_of(config, "alerts"),
            key=kms.Key(
                self,
                "Key",
                description="Chargeback: alerts",
                enable_key_rotation=True,
                removal_policy=cdk.RemovalPolicy.RETAIN,
            ),
            services=[ALARMS],
            owners=config.owners,
        )
        BucketPosture(self, "Posture", bucket_name=billing_bucket(config), config=config, topic=self.alerts)
        self._watch(config, functions)
        self._draw_dashboards(config, functions)
        self._let_outsiders_look(config)

    def _watch(self, config: EnvironmentConfig, functions: Sequence[str]) -> None:
        alarms = FailureAlarms(self, "Alarms", config=config, topic=self.alerts)
        for name, runs in MACHINES.items():
            alarms.watch_state_machine(name, self._machine_arn(config, name), runs)
        alarms.watch_functions(functions)
        alarms.watch_rule(MANIFEST_ARRIVED)
        alarms.watch_rule(DELIVERY_ARRIVED)
        alarms.watch_schedules(SCHEDULES)
        alarms.watch_queues(QUEUES)
        alarms.watch_columns()
        if config.closes_on_arrival:
            alarms.watch_freshness(MANIFEST_ARRIVED, within=cdk.Duration.hours(config.freshness_hours))
        if config.replica_region:
            alarms.watch_replication(name_of(config, REPLICATION))
        if config.detects_threats:
            ThreatDetection(self, "ThreatDetection", config=config, topic=self.alerts)
            alarms.watch_queues([(UNDELIVERED_THREATS, "A finding of GuardDuty")])

    def _draw_dashboards(self, config: EnvironmentConfig, functions: Sequence[str]) -> None:
        CloseDashboard(
            self,
            "Dashboard",
            name=name_of(config, "closes"),
            state_machine_arn=self._machine_arn(config, "month_end_close"),
            arrival_rule=name_of(config, MANIFEST_ARRIVED),
            workgroup=f"chargeback-{config.name}",
            functions=[name_of(config, state) for state in functions],
        )
        HygieneDashboard(
            self,
            "HygieneDashboard",
            name=name_of(config, "hygiene"),
            state_machine_arn=self._machine_arn(config, "daily_validation"),
            fresh=cdk.Duration.hours(config.freshness_hours),
        )

    def _machine_arn(self, config: EnvironmentConfig, name: str) -> str:
        return self.format_arn(
            service="states",
            resource="stateMachine",
            resource_name=name_of(config, name),
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )

    def _let_outsiders_look(self, config: EnvironmentConfig) -> None:
        if config.datadog:
            DatadogRole(self, "Datadog", name=name_of(config, "datadog"), settings=config.datadog)
        if config.wiz:
            WizRole(self, "Wiz", name=name_of(config, "wiz"), settings=config.wiz)
