"""A state machine from its ASL file: substitutions and grants both follow from what the file names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

STATE_MACHINES = Path(__file__).resolve().parents[2] / "statemachines"
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")

Bound = lambda_.IFunction | dynamodb.ITableV2 | sfn.StateMachine | str


class UnboundPlaceholder(Exception):
    """The ASL file and what it is bound to name different things."""


class AslStateMachine(sfn.StateMachine):
    """``statemachines/<name>.asl.json`` with every ``${Placeholder}`` bound, and a role that can do just that.

    A function in the bindings may be invoked, a table's items may be updated, a state machine may be run to its end;
    text is only put in its place. The role bears the machine's name, so that the policy of a bucket can name it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        state_machine_name: str,
        bindings: Mapping[str, Bound],
        log_key: kms.IKey,
    ) -> None:
        definition = json.dumps(json.loads((STATE_MACHINES / f"{name}.asl.json").read_text(encoding="utf-8")))
        named = set(_PLACEHOLDER.findall(definition))
        if named != set(bindings):
            raise UnboundPlaceholder(f"{name}.asl.json names {sorted(named)} but is bound to {sorted(bindings)}")
        super().__init__(
            scope,
            construct_id,
            state_machine_name=state_machine_name,
            role=iam.Role(
                scope,
                f"{construct_id}Role",
                role_name=state_machine_name,
                assumed_by=iam.ServicePrincipal("states.amazonaws.com"),
            ),
            definition_body=sfn.DefinitionBody.from_string(definition),
            definition_substitutions={key: _text(value) for key, value in bindings.items()},
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=logs.LogGroup(
                    scope,
                    f"{construct_id}Logs",
                    # The prefix keeps CloudWatch's resource policy small; the stack's name keeps environments apart.
                    log_group_name=f"/aws/vendedlogs/states/{cdk.Stack.of(scope).stack_name}/{name}",
                    retention=logs.RetentionDays.ONE_YEAR,
                    encryption_key=log_key,
                    removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
                ),
                # Step Functions itself forgets an execution after 90 days.
                level=sfn.LogLevel.ALL,
                include_execution_data=False,
            ),
        )
        for bound in bindings.values():
            if isinstance(bound, lambda_.Function):
                self.add_to_role_policy(
                    iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[bound.function_arn])
                )
            elif isinstance(bound, dynamodb.TableV2):
                bound.grant(self, "dynamodb:UpdateItem")
            elif isinstance(bound, sfn.StateMachine):
                self._grant_running(bound)
        if '"DISTRIBUTED"' in definition:
            self._grant_child_executions()

    def _grant_running(self, other: sfn.StateMachine) -> None:
        """Step Functions starts the execution, and hears of its end by a rule of its own, or by asking."""
        stack = cdk.Stack.of(self)
        executions = stack.format_arn(
            service="states",
            resource="execution",
            resource_name=f"{other.state_machine_name}:*",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        rule = stack.format_arn(
            service="events", resource="rule", resource_name="StepFunctionsGetEventsForStepFunctionsExecutionRule"
        )
        for actions, resource in (
            (["states:StartExecution"], other.state_machine_arn),
            (["states:DescribeExecution", "states:StopExecution"], executions),
            (["events:PutTargets", "events:PutRule", "events:DescribeRule"], rule),
        ):
            self.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[resource]))

    def _grant_child_executions(self) -> None:
        """A distributed Map starts executions of its own machine; a policy apart, or role and machine form a circle."""
        children = [
            cdk.Stack.of(self).format_arn(
                service="states",
                resource="execution",
                resource_name=f"{self.state_machine_name}{executions}",
                arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
            )
            for executions in (":*", "/*")
        ]
        policy = iam.Policy(
            self,
            "ChildExecutions",
            statements=[
                iam.PolicyStatement(actions=["states:StartExecution"], resources=[self.state_machine_arn]),
                iam.PolicyStatement(actions=["states:DescribeExecution", "states:StopExecution"], resources=children),
            ],
        )
        policy.attach_to_role(self.role)


def _text(bound: Bound) -> str:
    if isinstance(bound, lambda_.Function):
        return bound.function_arn
    if isinstance(bound, dynamodb.TableV2):
        return bound.table_name
    if isinstance(bound, sfn.StateMachine):
        return bound.state_machine_arn
    return str(bound)
