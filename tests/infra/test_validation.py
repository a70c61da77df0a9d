"""The daily validation as it is deployed: what it may do, what starts it, and the table of hygiene."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from functions.check_delivery.logic import asked_at, asked_period, read_request
from infra.environments import environment
from infra.names import name_of
from tests.infra.expected_rights import (
    EVERY_FUNCTION,
    MONTH_END_CLOSE,
    OF_EVERY_STATE_MACHINE,
    OF_VALIDATION,
    READ_NOTHING_OF_OURS,
    READS_OURS,
)
from tests.infra.other_environments import synthesized
from tests.infra.stacks import Stacks
from tests.infra.test_rights import expected

SHARED = ("CompilePolicy", "RecordFailure")
"""Functions of the close that its states call."""


@pytest.mark.parametrize("state", OF_VALIDATION)
def test_a_function_may_do_exactly_what_its_code_does(stacks: Stacks, state: str) -> None:
    rights = expected(EVERY_FUNCTION.replace("Functions/", "Validation/") + OF_VALIDATION[state], stacks, state)
    if state not in READ_NOTHING_OF_OURS:
        rights.add(READS_OURS)
    assert stacks.roles[f"Validation/{state}Role"] == rights
    assert stacks.properties(f"Validation/{state}Role")["RoleName"] == name_of(stacks.config, state)


def test_the_validation_may_query_and_invoke_and_nothing_else(stacks: Stacks) -> None:
    own = {f"lambda:InvokeFunction <Validation/{state}>" for state in OF_VALIDATION}
    shared = {f"lambda:InvokeFunction <Functions/{state}>" for state in SHARED}
    of_close = {right for right in expected(MONTH_END_CLOSE, stacks) if right.startswith(("s3:", "kms:"))}
    # It reads the bill as the close does; what is published is not for it.
    reads = {right for right in of_close if "<Ledger>" not in right}
    # The runs of its Map are runs of its own, as those of the close are.
    of_map = (*OF_EVERY_STATE_MACHINE.splitlines(), *MONTH_END_CLOSE.splitlines())
    runs = {line.replace("MonthEndClose", "Validation/DailyValidation") for line in of_map if "states:" in line}
    rights = {right for right in expected(OF_EVERY_STATE_MACHINE, stacks) if "states:" not in right}
    rights |= expected("\n".join(runs), stacks)
    assert stacks.roles["Validation/DailyValidationRole"] == rights | reads | own | shared
    name = stacks.properties("Validation/DailyValidationRole")["RoleName"]
    assert name == name_of(stacks.config, "daily_validation")


def test_every_placeholder_of_the_state_machine_is_bound_to_what_it_names(stacks: Stacks) -> None:
    machine = stacks.properties("Validation/DailyValidation")
    functions = {state: f"<Validation/{state}>" for state in OF_VALIDATION}
    functions |= {state: f"<Functions/{state}>" for state in SHARED}
    workgroup = stacks.properties("Workgroup")["Name"]
    bound = machine["DefinitionSubstitutions"]
    assert bound == functions | {"WorkGroup": workgroup, "Database": "<Database>"}
    assert set(re.findall(r"\$\{(\w+)\}", machine["DefinitionString"])) == set(bound)


def test_what_starts_a_validation_may_start_it_and_nothing_else(stacks: Stacks) -> None:
    start = "states:StartExecution <Validation/DailyValidation>"
    assert stacks.roles["Validation/DailyValidation/EventsRole"] == {start}
    assert stacks.roles["Validation/ScheduleRole"] == {start, "sqs:SendMessage <Validation/Undelivered>"}
    (trust,) = stacks.properties("Validation/ScheduleRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": stacks.config.finops_account, "aws:SourceArn": "<Schedules>"}
    }


def rule(stacks: Stacks) -> dict[str, Any]:
    return stacks.properties("Validation/DeliveryArrived")


def schedule(stacks: Stacks) -> dict[str, Any]:
    return stacks.properties("Validation/ValidateDaily")


def test_the_same_manifests_start_a_validation_as_start_a_close(stacks: Stacks) -> None:
    assert rule(stacks)["EventPattern"] == stacks.properties("ManifestArrived")["EventPattern"]
    (target,) = rule(stacks)["Targets"]
    assert (target["Arn"], target["DeadLetterConfig"]) == (
        "<Validation/DailyValidation>",
        {"Arn": "<Validation/Undelivered>"},
    )
    ((variable, path),) = target["InputTransformer"]["InputPathsMap"].items()
    assert path == "$.detail.object.key"
    given = json.loads(target["InputTransformer"]["InputTemplate"].replace(f"<{variable}>", '"a-Manifest.json"'))
    assert read_request(given).manifest_key == "a-Manifest.json"


def test_the_schedule_asks_every_day_for_the_month_of_that_day(stacks: Stacks) -> None:
    assert re.fullmatch(r"cron\(\d+ \d+ \* \* \? \*\)", schedule(stacks)["ScheduleExpression"])
    assert schedule(stacks)["ScheduleExpressionTimezone"] == "UTC"
    assert schedule(stacks)["GroupName"] == "<Schedules>"
    target = schedule(stacks)["Target"]
    assert (target["Arn"], target["RoleArn"]) == ("<Validation/DailyValidation>", "<Validation/ScheduleRole>")
    given = read_request(json.loads(target["Input"].replace("<aws.scheduler.scheduled-time>", "2027-01-04T06:30:00Z")))
    at = asked_at(given, asked_at(given, None))  # type: ignore[arg-type]
    assert str(asked_period(given, at)) == "2027-01"


def test_validations_start_by_themselves_only_where_closes_do(stacks: Stacks) -> None:
    state = "ENABLED" if stacks.config.closes_on_arrival else "DISABLED"
    assert (rule(stacks)["State"], schedule(stacks)["State"]) == (state, state)


def test_hygiene_is_kept_by_account_and_day_and_found_by_the_worst_and_by_owner(stacks: Stacks) -> None:
    table = stacks.properties("Validation/TagHygiene")
    keys = {"table": table["KeySchema"]} | {i["IndexName"]: i["KeySchema"] for i in table["GlobalSecondaryIndexes"]}
    assert {name: [key["AttributeName"] for key in schema] for name, schema in keys.items()} == {
        "table": ["account_id", "period_day"],
        "worst_offenders": ["period_day", "untagged_cost"],
        "by_owner": ["owner", "period_day"],
    }
    kinds = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    assert kinds["untagged_cost"] == "N", "text would put 9 above 10"
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    (here,) = table["Replicas"]
    assert here["DeletionProtectionEnabled"] is True
    assert here["SSESpecification"] == {"KMSMasterKeyId": "<Key>"}


@pytest.mark.slow
def test_hygiene_is_kept_for_as_long_as_an_environment_says(tmp_path: Path) -> None:
    of_two_years = synthesized(environment("startup").model_copy(update={"hygiene_days": 731}), tmp_path / "assembly")

    told = of_two_years.functions["RecordHygiene"].properties["Environment"]["Variables"]
    assert told["HYGIENE_DAYS"] == "731"
