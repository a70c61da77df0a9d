"""The month-end close as it is deployed: the state machine, and what starts it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from functions.read_manifest.logic import CloseRequest
from tests.infra.stacks import Stacks, statements


def machine(stacks: Stacks) -> dict[str, Any]:
    (found,) = stacks.of("AWS::StepFunctions::StateMachine").values()
    return found.properties


def rule(stacks: Stacks) -> dict[str, Any]:
    (found,) = stacks.of("AWS::Events::Rule").values()
    return found.properties


def test_every_placeholder_of_the_state_machine_is_bound_to_what_it_names(stacks: Stacks) -> None:
    bound = machine(stacks)["DefinitionSubstitutions"]
    assert set(re.findall(r"\$\{(\w+)\}", machine(stacks)["DefinitionString"])) == set(bound)
    functions = {state: f"<Functions/{state}>" for state in stacks.functions}
    workgroup = stacks.properties("Workgroup")["Name"]
    assert bound == functions | {"Periods": "<Periods>", "WorkGroup": workgroup, "Database": "<Database>"}


def test_executions_are_traced_and_their_failures_logged_without_anybodys_costs(stacks: Stacks) -> None:
    assert machine(stacks)["TracingConfiguration"] == {"Enabled": True}
    logging = machine(stacks)["LoggingConfiguration"]
    assert logging["IncludeExecutionData"] is False
    assert logging["Level"] == "ERROR"
    assert logging["Destinations"] == [{"CloudWatchLogsLogGroup": {"LogGroupArn": "<MonthEndCloseLogs>"}}]


def test_no_log_is_kept_for_ever_in_clear_or_lost_with_its_stack(stacks: Stacks) -> None:
    groups = stacks.of("AWS::Logs::LogGroup")
    assert set(groups) == {"MonthEndCloseLogs", *(f"Functions/{state}Logs" for state in stacks.functions)}
    for name, group in groups.items():
        assert group.properties["RetentionInDays"] == 365, name
        assert group.properties["KmsKeyId"] == "<Key>", name
        assert group.is_retained, name


def test_environments_of_one_account_do_not_log_into_each_other(stacks: Stacks) -> None:
    name = stacks.properties("MonthEndCloseLogs")["LogGroupName"]
    assert name.startswith("/aws/vendedlogs/states/")
    assert f"-{stacks.config.name}-" in name


def test_only_a_manifest_of_our_export_starts_a_close(stacks: Stacks) -> None:
    assert rule(stacks)["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": ["<Billing>"]},
            "object": {"key": [{"wildcard": f"{stacks.config.export_prefix}metadata/BILLING_PERIOD=*-Manifest.json"}]},
        },
    }


def test_the_billing_bucket_tells_eventbridge_what_arrives(stacks: Stacks) -> None:
    notifications = stacks.properties("Billing")["NotificationConfiguration"]
    assert notifications == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_arrivals_start_a_close_only_where_the_environment_says_so(stacks: Stacks) -> None:
    assert rule(stacks)["State"] == ("ENABLED" if stacks.config.closes_on_arrival else "DISABLED")


def test_an_arrival_gives_the_close_the_input_that_it_takes(stacks: Stacks) -> None:
    (target,) = rule(stacks)["Targets"]
    assert target["Arn"] == "<MonthEndClose>"
    transformer = target["InputTransformer"]
    ((variable, path),) = transformer["InputPathsMap"].items()
    assert path == "$.detail.object.key"
    given = json.loads(transformer["InputTemplate"].replace(f"<{variable}>", '"a-Manifest.json"'))
    assert CloseRequest.model_validate(given).manifest_key == "a-Manifest.json"


def test_an_arrival_that_cannot_be_delivered_waits_in_a_queue(stacks: Stacks) -> None:
    (target,) = rule(stacks)["Targets"]
    assert target["DeadLetterConfig"] == {"Arn": "<UndeliveredEvents>"}
    queue = stacks.properties("UndeliveredEvents")
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    # EventBridge may not use our key, and would drop what it cannot encrypt.
    assert queue["SqsManagedSseEnabled"] is True
    assert "KmsMasterKeyId" not in queue


def test_only_that_rule_puts_events_into_the_queue_and_only_over_tls(stacks: Stacks) -> None:
    insecure, send = sorted(
        statements(stacks.resources["UndeliveredEvents/Policy"]), key=lambda s: s["Effect"] == "Allow"
    )
    assert (insecure["Effect"], insecure["Action"], insecure["Principal"]) == ("Deny", "sqs:*", {"AWS": "*"})
    assert insecure["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert send["Principal"] == {"Service": "events.amazonaws.com"}
    assert send["Action"] == "sqs:SendMessage"
    assert send["Condition"] == {"ArnEquals": {"aws:SourceArn": "<ManifestArrived>"}}


@pytest.mark.parametrize("output", ["MonthEndCloseArn", "PeriodsTable", "ServiceNowSecret"])
def test_operators_find_what_they_need_in_the_outputs(stacks: Stacks, output: str) -> None:
    assert output in stacks.templates[f"Chargeback-{stacks.config.name}-Pipeline"]["Outputs"]
