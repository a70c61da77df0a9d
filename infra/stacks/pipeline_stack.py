"""The pipeline stack: what closes the month and validates it daily. It composes functions and machines, and grants."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.config import EnvironmentConfig
from infra.constructs.asl_state_machine import AslStateMachine
from infra.constructs.close_functions import CloseFunctions
from infra.constructs.pip_layer import PipLayer
from infra.constructs.query_rights import let_run_queries
from infra.constructs.starting import add_queue, start_daily, start_on_arrival
from infra.constructs.validation import DailyValidation
from infra.names import (
    CLOSE_DAILY,
    MANIFEST_ARRIVED,
    SCHEDULES,
    UNDELIVERED_EVENTS,
    UNDELIVERED_SCHEDULES,
    name_of,
    signing_identity_parameter,
)
from infra.stacks.data_stack import DataStack


class PipelineStack(cdk.Stack):
    """Starts when a manifest arrives, runs the month-end close, keeps the periods."""

    def __init__(
        self, scope: Construct, construct_id: str, *, config: EnvironmentConfig, data: DataStack, env: cdk.Environment
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Chargeback: month-end close")
        # By its ARN, so that grants go to the roles here and the data stack knows nothing of them.
        self.key = kms.Key.from_key_arn(self, "DataKey", data.key.key_arn)
        self.periods = self._make_table("Periods", "billing_period")
        self.responses = self._make_table("Responses", "charge_period", "statement")
        self.servicenow = self._make_servicenow_secret(config)
        layers: list[lambda_.ILayerVersion] = [
            PipLayer(self, "Powertools", packages="powertools.txt"),
            PipLayer(self, "Base", packages="base.txt"),
        ]
        self.functions = CloseFunctions(
            self,
            "Functions",
            config=config,
            data=data,
            key=self.key,
            periods=self.periods,
            responses=self.responses,
            servicenow=self.servicenow,
            layers=layers,
            rendering=PipLayer(self, "Rendering", packages="rendering.txt"),
        )
        self.month_end_close = self._make_close(config, data)
        self.replay_period = self._make_replay(config, data)
        # A group of its own: Scheduler counts what failed by the group, and others' schedules are in the default one.
        self.schedules = scheduler.CfnScheduleGroup(self, "Schedules", name=name_of(config, SCHEDULES))
        self._start(config, data)
        self.validation = DailyValidation(
            self,
            "Validation",
            config=config,
            data=data,
            key=self.key,
            servicenow=self.servicenow,
            layers=layers,
            shared={state: self.functions.by_state[state] for state in ("CompilePolicy", "RecordFailure")},
            schedules=self.schedules,
        )
        self._add_outputs(config)

    def _make_servicenow_secret(self, config: EnvironmentConfig) -> secretsmanager.Secret | None:
        """None when it is kept in Vault."""
        if config.vault and config.vault.servicenow_secret:
            return None
        return secretsmanager.Secret(
            self,
            "ServiceNow",
            description="ServiceNow connection: JSON with base_url and credentials; put the value in after deployment",
            encryption_key=self.key,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )

    def _make_table(self, name: str, partition_key: str, sort_key: str | None = None) -> dynamodb.TableV2:
        """A table of records: encrypted, restorable to any second, and kept when its stack goes."""

        def text(attribute: str) -> dynamodb.Attribute:
            return dynamodb.Attribute(name=attribute, type=dynamodb.AttributeType.STRING)

        return dynamodb.TableV2(
            self,
            name,
            partition_key=text(partition_key),
            sort_key=text(sort_key) if sort_key else None,
            billing=dynamodb.Billing.on_demand(),
            encryption=dynamodb.TableEncryptionV2.customer_managed_key(self.key),
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )

    def _make_close(self, config: EnvironmentConfig, data: DataStack) -> AslStateMachine:
        machine = AslStateMachine(
            self,
            "MonthEndClose",
            name="month_end_close",
            state_machine_name=name_of(config, "month_end_close"),
            log_key=self.key,
            bindings={
                **self.functions.of_close,
                "Periods": self.periods,
                "WorkGroup": data.workgroup.name,
                "Database": data.database.ref,
                **self._bind_approval(config),
                "OverdueDay": f"{config.overdue_day:02}",
            },
        )
        let_run_queries(machine, data, self.key, reads_bill=True, reads_ledger=True)
        self.functions.let_read_executions(machine)
        self.functions.let_answer_task(machine)
        if self.approvals:
            publish = iam.PolicyStatement(actions=["sns:Publish"], resources=[self.approvals.topic_arn])
            machine.add_to_role_policy(publish)
        return machine

    def _bind_approval(self, config: EnvironmentConfig) -> dict[str, str]:
        """Whether the close waits for an approval, and where it asks for one."""
        self.approvals: sns.Topic | None = None
        if config.approvers:
            self.approvals = sns.Topic(
                self, "Approvals", topic_name=name_of(config, "approvals"), master_key=self.key, enforce_ssl=True
            )
            for approver in config.approvers:
                self.approvals.add_subscription(subscriptions.EmailSubscription(approver))
        return {
            "PostingApproval": "required" if self.approvals else "not required",
            "ApprovalTopic": self.approvals.topic_arn if self.approvals else "none",
            "DecideApproval": name_of(config, "DecideApproval"),
        }

    def _make_replay(self, config: EnvironmentConfig, data: DataStack) -> AslStateMachine:
        """Derives a closed month again: by the close's own state machine, on what was sealed."""
        machine = AslStateMachine(
            self,
            "ReplayPeriod",
            name="replay_period",
            state_machine_name=name_of(config, "replay_period"),
            log_key=self.key,
            bindings={
                **self.functions.of_replay,
                "RecordFailure": self.functions.by_state["RecordFailure"],
                "MonthEndClose": self.month_end_close,
                "WorkGroup": data.workgroup.name,
                "Database": data.database.ref,
            },
        )
        let_run_queries(machine, data, self.key)
        return machine

    def _start(self, config: EnvironmentConfig, data: DataStack) -> None:
        """Should an event be lost, the month still closes: a closed or open one takes no harm from being asked for."""
        start_on_arrival(
            self,
            "ManifestArrived",
            name=name_of(config, MANIFEST_ARRIVED),
            description="A delivery of the Cost and Usage Report is complete",
            config=config,
            bill=data.billing,
            machine=self.month_end_close,
            queue=add_queue(self, UNDELIVERED_EVENTS, name_of(config, UNDELIVERED_EVENTS)),
        )
        start_daily(
            self,
            "CloseDaily",
            name=name_of(config, CLOSE_DAILY),
            description="Closes the month before, if no event has",
            at="0 6",
            config=config,
            group=self.schedules,
            machine=self.month_end_close,
            queue=add_queue(self, UNDELIVERED_SCHEDULES, name_of(config, UNDELIVERED_SCHEDULES)),
        )

    def _add_outputs(self, config: EnvironmentConfig) -> None:
        """What somebody needs who asks for a close, looks something up, or sets the stack up."""
        cdk.CfnOutput(self, "DailyValidationArn", value=self.validation.machine.state_machine_arn)
        cdk.CfnOutput(self, "TagHygieneTable", value=self.validation.table.table_name)
        cdk.CfnOutput(self, "MonthEndCloseArn", value=self.month_end_close.state_machine_arn)
        cdk.CfnOutput(self, "ReplayPeriodArn", value=self.replay_period.state_machine_arn)
        cdk.CfnOutput(self, "PeriodsTable", value=self.periods.table_name)
        cdk.CfnOutput(self, "ResponsesTable", value=self.responses.table_name)
        cdk.CfnOutput(self, "RecordResponse", value=self.functions.record_response.function_name)
        cdk.CfnOutput(self, "DecideApproval", value=self.functions.decide_approval.function_name)
        if self.servicenow is not None:
            cdk.CfnOutput(self, "ServiceNowSecret", value=self.servicenow.secret_arn)
        cdk.CfnOutput(self, "IssueCertificateFunction", value=self.functions.issue_certificate.function_name)
        cdk.CfnOutput(self, "SigningIdentityParameter", value=signing_identity_parameter(config))
