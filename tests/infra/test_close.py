"""The month-end close as it is deployed: the state machine, and what starts it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from functions.read_manifest.logic import CloseRequest, read_request, requested_period
from infra.names import name_of
from tests.infra.expected_rights import FUNCTIONS, OF_THE_REPLAY
from tests.infra.stacks import Stacks, statements

UNDELIVERED = ("UndeliveredEvents", "UndeliveredSchedules")


def machine(stacks: Stacks) -> dict[str, Any]:
    return stacks.properties("MonthEndClose")


def rule(stacks: Stacks) -> dict[str, Any]:
    return stacks.properties("ManifestArrived")


def schedule(stacks: Stacks) -> dict[str, Any]:
    return stacks.properties("CloseDaily")


def test_every_placeholder_of_the_state_machine_is_bound_to_what_it_names(stacks: Stacks) -> None:
    bound = machine(stacks)["DefinitionSubstitutions"]
    assert set(re.findall(r"\$\{(\w+)\}", machine(stacks)["DefinitionString"])) == set(bound)
    functions = {state: f"<Functions/{state}>" for state in FUNCTIONS}
    workgroup = stacks.properties("Workgroup")["Name"]
    day = f"{stacks.config.overdue_day:02}"
    others = {"Periods": "<Periods>", "WorkGroup": workgroup, "Database": "<Database>", "OverdueDay": day}
    asked = bool(stacks.config.approvers)
    approval = {
        "PostingApproval": "required" if asked else "not required",
        "ApprovalTopic": "<Approvals>" if asked else "none",
        "DecideApproval": name_of(stacks.config, "DecideApproval"),
    }
    assert bound == functions | others | approval


def test_the_approvers_of_an_environment_are_asked_by_mail_and_nobody_else(stacks: Stacks) -> None:
    asked = {
        subscription.properties["Endpoint"]
        for subscription in stacks.of("AWS::SNS::Subscription").values()
        if subscription.properties["TopicArn"] == "<Approvals>"
    }
    assert asked == set(stacks.config.approvers)
    if asked:
        assert stacks.properties("Approvals")["KmsMasterKeyId"] == "<Key>"


def test_executions_are_traced_and_logged_without_anybodys_costs(stacks: Stacks) -> None:
    assert machine(stacks)["TracingConfiguration"] == {"Enabled": True}
    logging = machine(stacks)["LoggingConfiguration"]
    assert logging["IncludeExecutionData"] is False
    assert logging["Level"] == "ALL"
    assert logging["Destinations"] == [{"CloudWatchLogsLogGroup": {"LogGroupArn": "<MonthEndCloseLogs>"}}]


def test_no_log_is_kept_for_ever_in_clear_or_lost_with_its_stack(stacks: Stacks) -> None:
    groups = stacks.of("AWS::Logs::LogGroup")
    whatever_runs = stacks.of("AWS::Lambda::Function") | stacks.of("AWS::StepFunctions::StateMachine")
    assert set(groups) == {f"{name}Logs" for name in whatever_runs}
    for name, group in groups.items():
        assert group.properties["RetentionInDays"] == 365, name
        key = "<BillingSource/Key>" if name.startswith("BillingSource/") else "<Key>"
        assert group.properties["KmsKeyId"] == key, name
        assert group.is_retained, name


@pytest.mark.parametrize("key", ["Key", "BillingSource/Key"])
def test_a_key_encrypts_the_logs_of_its_own_account_and_region(stacks: Stacks, key: str) -> None:
    account, region = stacks.config.finops_account, stacks.config.region
    if key == "BillingSource/Key":
        account, region = stacks.config.payer_account, "us-east-1"
    using = [s for s in stacks.properties(key)["KeyPolicy"]["Statement"] if "logs." in str(s["Principal"])]
    (logs,) = using
    assert logs["Principal"] == {"Service": f"logs.{region}.amazonaws.com"}
    groups = f"arn:aws:logs:{region}:{account}:*"
    assert logs["Condition"] == {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}}


def test_environments_of_one_account_do_not_log_into_each_other(stacks: Stacks) -> None:
    for each in stacks.of("AWS::StepFunctions::StateMachine"):
        name = stacks.properties(f"{each}Logs")["LogGroupName"]
        assert name.startswith("/aws/vendedlogs/states/")
        assert f"-{stacks.config.name}-" in name


def test_the_replay_derives_with_the_close_that_is_deployed(stacks: Stacks) -> None:
    replay = stacks.properties("ReplayPeriod")
    bound = replay["DefinitionSubstitutions"]
    functions = {state: f"<Functions/{state}>" for state in (*OF_THE_REPLAY, "RecordFailure")}
    workgroup = stacks.properties("Workgroup")["Name"]
    assert bound == functions | {"MonthEndClose": "<MonthEndClose>", "WorkGroup": workgroup, "Database": "<Database>"}
    assert set(re.findall(r"\$\{(\w+)\}", replay["DefinitionString"])) == set(bound)


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


def test_arrivals_and_the_schedule_start_a_close_only_where_the_environment_says_so(stacks: Stacks) -> None:
    state = "ENABLED" if stacks.config.closes_on_arrival else "DISABLED"
    assert (rule(stacks)["State"], schedule(stacks)["State"]) == (state, state)


def test_an_arrival_gives_the_close_the_input_that_it_takes(stacks: Stacks) -> None:
    (target,) = rule(stacks)["Targets"]
    assert target["Arn"] == "<MonthEndClose>"
    assert target["RoleArn"] == "<MonthEndClose/EventsRole>"
    transformer = target["InputTransformer"]
    ((variable, path),) = transformer["InputPathsMap"].items()
    assert path == "$.detail.object.key"
    given = json.loads(transformer["InputTemplate"].replace(f"<{variable}>", '"a-Manifest.json"'))
    assert CloseRequest.model_validate(given).manifest_key == "a-Manifest.json"


def test_the_schedule_asks_every_day_for_the_month_before(stacks: Stacks) -> None:
    assert re.fullmatch(r"cron\(\d+ \d+ \* \* \? \*\)", schedule(stacks)["ScheduleExpression"])
    # The month before is the same one everywhere only where the day is counted as in the input.
    assert schedule(stacks)["ScheduleExpressionTimezone"] == "UTC"
    assert schedule(stacks)["FlexibleTimeWindow"] == {"Mode": "OFF"}
    target = schedule(stacks)["Target"]
    assert (target["Arn"], target["RoleArn"]) == ("<MonthEndClose>", "<ScheduleRole>")
    # As EventBridge Scheduler fills it in: always in UTC, to the second.
    given = json.loads(target["Input"].replace("<aws.scheduler.scheduled-time>", "2027-01-04T06:00:00Z"))
    assert str(requested_period(read_request(given))) == "2026-12"


def test_the_schedule_tries_again_for_less_than_a_day_for_then_comes_the_next(stacks: Stacks) -> None:
    retries = schedule(stacks)["Target"]["RetryPolicy"]
    assert retries["MaximumRetryAttempts"] > 0
    assert retries["MaximumEventAgeInSeconds"] < 24 * 3600


def test_only_schedules_of_ours_take_the_schedules_role(stacks: Stacks) -> None:
    """EventBridge Scheduler serves every account: without the condition another one's schedule could be given it."""
    (trust,) = stacks.properties("ScheduleRole")["AssumeRolePolicyDocument"]["Statement"]
    (group,) = stacks.of("AWS::Scheduler::ScheduleGroup")
    assert schedule(stacks)["GroupName"] == f"<{group}>"
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": stacks.config.finops_account, "aws:SourceArn": f"<{group}>"}
    }


@pytest.mark.parametrize("queue", UNDELIVERED)
def test_what_cannot_be_delivered_waits_two_weeks_in_a_queue_that_its_sender_can_write(
    stacks: Stacks, queue: str
) -> None:
    (arrival,) = rule(stacks)["Targets"]
    sender = {"UndeliveredEvents": arrival, "UndeliveredSchedules": schedule(stacks)["Target"]}[queue]
    assert sender["DeadLetterConfig"] == {"Arn": f"<{queue}>"}
    properties = stacks.properties(queue)
    assert properties["QueueName"] == name_of(stacks.config, queue)
    assert properties["MessageRetentionPeriod"] == 14 * 24 * 3600
    # EventBridge may not use our key, and would drop what it cannot encrypt.
    assert properties["SqsManagedSseEnabled"] is True
    assert "KmsMasterKeyId" not in properties


@pytest.mark.parametrize("queue", UNDELIVERED)
def test_nobody_puts_anything_into_a_queue_but_over_tls(stacks: Stacks, queue: str) -> None:
    (insecure,) = [s for s in statements(stacks.resources[f"{queue}/Policy"]) if s["Effect"] == "Deny"]
    assert (insecure["Action"], insecure["Principal"]) == ("sqs:*", {"AWS": "*"})
    assert insecure["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_only_that_rule_puts_events_into_its_queue_and_only_its_role_what_the_schedule_could_not_start(
    stacks: Stacks,
) -> None:
    (send,) = [s for s in statements(stacks.resources["UndeliveredEvents/Policy"]) if s["Effect"] == "Allow"]
    assert send["Principal"] == {"Service": "events.amazonaws.com"}
    assert send["Action"] == "sqs:SendMessage"
    assert send["Condition"] == {"ArnEquals": {"aws:SourceArn": "<ManifestArrived>"}}
    assert not [s for s in statements(stacks.resources["UndeliveredSchedules/Policy"]) if s["Effect"] == "Allow"]
    senders = {role for role, rights in stacks.roles.items() if "sqs:SendMessage <UndeliveredSchedules>" in rights}
    assert senders == {"ScheduleRole"}


@pytest.mark.parametrize("output", ["MonthEndCloseArn", "PeriodsTable", "ServiceNowSecret"])
def test_operators_find_what_they_need_in_the_outputs(stacks: Stacks, output: str) -> None:
    in_vault = stacks.config.vault and stacks.config.vault.servicenow_secret and output == "ServiceNowSecret"
    outputs = stacks.templates[f"Chargeback-{stacks.config.name}-Pipeline"]["Outputs"]
    assert (output in outputs) != bool(in_vault)
