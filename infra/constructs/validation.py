"""The daily validation: its functions, state machine and table of hygiene, and what starts it."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from functions.shared.adapters.hygiene_table import BY_OWNER, WORST_FIRST
from infra.config import EnvironmentConfig
from infra.constructs.asl_state_machine import AslStateMachine
from infra.constructs.python_function import PythonFunction, function_code
from infra.constructs.query_rights import let_run_queries
from infra.constructs.starting import add_queue, start_daily, start_on_arrival
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
        self._start(config, data, schedules)

    def _start(self, config: EnvironmentConfig, data: DataStack, schedules: scheduler.CfnScheduleGroup) -> None:
        queue = add_queue(self, "Undelivered", name_of(config, UNDELIVERED_VALIDATIONS))
        start_on_arrival(
            self,
            "DeliveryArrived",
            name=name_of(config, DELIVERY_ARRIVED),
            description="A delivery of the Cost and Usage Report is complete and can be validated",
            config=config,
            bill=data.billing,
            machine=self.machine,
            queue=queue,
        )
        # A day on which nothing arrives is measured as well: that is how a late delivery is noticed.
        start_daily(
            self,
            "ValidateDaily",
            name=name_of(config, VALIDATE_DAILY),
            description="Validates the open month, also when nothing has arrived",
            at="30 6",
            config=config,
            group=schedules,
            machine=self.machine,
            queue=queue,
        )

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
