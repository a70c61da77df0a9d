"""The Step Functions interpreter of the local cloud does what our state machines rely on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws.cloud import LocalCloud
from tests.contract.cloud_support import create_function, create_state_machine, execute, write_handler


@pytest.fixture
def charge(cloud: LocalCloud, tmp_path: Path) -> str:
    """A function that posts a charge, and rejects negative ones."""
    handler = write_handler(
        tmp_path,
        "post_charge",
        """
        class PostingRejected(Exception):
            pass

        def handler(event, context):
            if event["amount"].startswith("-"):
                raise PostingRejected(f"{event['amount']} is negative")
            return {"posted": event["amount"]}
        """,
    )
    return create_function(cloud, handler)


def post(function: str, **fields: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload.$": "$"},
        "OutputPath": "$.Payload",
        **({"End": True} if "Next" not in fields else {}),
        **fields,
    }


def distributed(function: str, items: dict[str, Any], **fields: Any) -> dict[str, Any]:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Post",
        "States": {"Post": post(function)},
    }
    return {"Type": "Map", "ItemProcessor": processor, "End": True, **items, **fields}


def charges(cloud: LocalCloud, *amounts: str) -> dict[str, Any]:
    """The fields of a Map state that reads these charges from a JSON file in S3."""
    cloud.client("s3").create_bucket(Bucket="work")
    cloud.client("s3").put_object(Bucket="work", Key="charges.json", Body=json.dumps([{"amount": a} for a in amounts]))
    return {
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": "work", "Key": "charges.json"},
        }
    }


def test_a_handler_is_retried_and_then_caught_by_the_name_of_its_error(cloud: LocalCloud, tmp_path: Path) -> None:
    attempts = tmp_path / "attempts"
    source = f"""
        from pathlib import Path

        class BooksUnavailable(Exception):
            pass

        def handler(event, context):
            with Path({str(attempts)!r}).open("a") as file:
                file.write("x")
            raise BooksUnavailable("come back later")
        """
    function = create_function(cloud, write_handler(tmp_path, "post", source))
    retry = [{"ErrorEquals": ["BooksUnavailable"], "MaxAttempts": 1, "IntervalSeconds": 1}]
    catch = [
        {"ErrorEquals": ["PostingRejected"], "Next": "Rejected"},
        {"ErrorEquals": ["BooksUnavailable"], "ResultPath": "$.error", "Next": "Unavailable"},
    ]
    states = {
        "Post": post(function, Retry=retry, Catch=catch),
        "Rejected": {"Type": "Fail"},
        "Unavailable": {"Type": "Pass", "End": True},
    }

    ended = execute(cloud, states, {"amount": "1"})

    assert ended["output"]["error"]["Error"] == "BooksUnavailable"
    assert json.loads(ended["output"]["error"]["Cause"])["errorMessage"] == "come back later"
    assert attempts.read_text() == "xx"


def test_a_variable_assigned_in_one_state_is_read_in_a_later_one(cloud: LocalCloud) -> None:
    fold = {
        "QueryString.$": "$queries.fold",
        "first.$": "$queries.split[0]",
        "all.$": "$queries",
        "text.$": "States.Format('{} runs', $queries.split[1])",
    }
    queries = {"fold": "SELECT 1", "split": ["a", "b"]}
    states = {
        "Render": {"Type": "Pass", "Assign": {"queries.$": "$.rendered"}, "Next": "Fold"},
        "Fold": {"Type": "Pass", "Parameters": fold, "End": True},
    }

    ended = execute(cloud, states, {"rendered": queries})

    assert ended["output"] == {"QueryString": "SELECT 1", "first": "a", "all": queries, "text": "b runs"}


@pytest.mark.parametrize(("level", "state"), [(1, "deeper"), (3, "done")])
def test_a_choice_compares_numbers(cloud: LocalCloud, level: int, state: str) -> None:
    states = {
        "Levels": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.level", "NumericLessThan": 3, "Next": "Deeper"}],
            "Default": "Done",
        },
        "Deeper": {"Type": "Pass", "Result": "deeper", "End": True},
        "Done": {"Type": "Pass", "Result": "done", "End": True},
    }

    assert execute(cloud, states, {"level": level})["output"] == state


def test_an_inline_map_keeps_the_order_of_its_items(cloud: LocalCloud, charge: str) -> None:
    processor = {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Post", "States": {"Post": post(charge)}}
    states = {"PostAll": {"Type": "Map", "ItemsPath": "$.charges", "ItemProcessor": processor, "End": True}}

    ended = execute(cloud, states, {"charges": [{"amount": str(number)} for number in range(40)]})

    assert [item["posted"] for item in ended["output"]] == [str(number) for number in range(40)]


def test_an_inline_map_fails_with_the_error_of_its_item(cloud: LocalCloud, charge: str) -> None:
    processor = {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Post", "States": {"Post": post(charge)}}
    states = {
        "PostAll": {
            "Type": "Map",
            "ItemsPath": "$.charges",
            "ItemProcessor": processor,
            "Catch": [{"ErrorEquals": ["PostingRejected"], "ResultPath": "$.error", "Next": "Rejected"}],
            "End": True,
        },
        "Rejected": {"Type": "Pass", "OutputPath": "$.error.Error", "End": True},
    }

    assert execute(cloud, states, {"charges": [{"amount": "-1"}]})["output"] == "PostingRejected"


def test_an_inline_map_carries_an_error_of_the_service_out(cloud: LocalCloud) -> None:
    missing = {"Type": "Pass", "Parameters": {"amount.$": "$.amount"}, "End": True}
    states = {
        "All": {
            "Type": "Map",
            "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Read", "States": {"Read": missing}},
            "End": True,
        }
    }

    ended = execute(cloud, states, [{}])

    assert ended["status"] == "FAILED"
    assert ended["error"] == "States.Runtime"


def test_a_distributed_map_reads_its_items_from_json_in_s3(cloud: LocalCloud, charge: str) -> None:
    ended = execute(cloud, {"PostAll": distributed(charge, charges(cloud, "1.10", "2.20"))})

    assert ended["output"] == [{"posted": "1.10"}, {"posted": "2.20"}]


def test_one_failing_item_fails_a_distributed_map(cloud: LocalCloud, charge: str) -> None:
    ended = execute(cloud, {"PostAll": distributed(charge, charges(cloud, "1.10", "-2.20"))})

    assert ended["status"] == "FAILED"
    assert ended["error"] == "States.ExceedToleratedFailureThreshold"
    assert "PostingRejected" in ended["cause"]


@pytest.mark.parametrize(("percentage", "status"), [(50, "SUCCEEDED"), (49, "FAILED")])
def test_a_distributed_map_tolerates_a_percentage_of_failing_items(
    cloud: LocalCloud, charge: str, percentage: int, status: str
) -> None:
    items = charges(cloud, "1.10", "-2.20")

    ended = execute(cloud, {"PostAll": distributed(charge, items, ToleratedFailurePercentage=percentage)})

    assert ended["status"] == status


def test_a_distributed_map_starts_no_item_after_the_threshold(cloud: LocalCloud, charge: str) -> None:
    items = charges(cloud, "-1", *["1.00"] * 5)

    execute(cloud, {"PostAll": distributed(charge, items, MaxConcurrency=1)})

    assert (cloud.log_dir / "post_charge.log").read_text().count("START") == 1


def test_a_fail_state_takes_its_error_and_cause_from_the_payload(cloud: LocalCloud) -> None:
    states = {"Stop": {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"}}

    ended = execute(cloud, states, {"error": {"Error": "PeriodLocked", "Cause": "2026-05 is being closed"}})

    assert (ended["error"], ended["cause"]) == ("PeriodLocked", "2026-05 is being closed")


def test_a_conditional_update_of_dynamodb_fails_by_name(cloud: LocalCloud) -> None:
    cloud.client("dynamodb").create_table(
        TableName="periods",
        KeySchema=[{"AttributeName": "period", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "period", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    lock = {
        "Type": "Task",
        "Resource": "arn:aws:states:::dynamodb:updateItem",
        "Parameters": {
            "TableName": "periods",
            "Key": {"period": {"S.$": "$.period"}},
            "UpdateExpression": "SET execution = :execution",
            "ConditionExpression": "attribute_not_exists(execution)",
            "ExpressionAttributeValues": {":execution": {"S.$": "$$.Execution.Id"}},
            "ReturnValues": "ALL_NEW",
        },
    }
    taken = {"ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"], "ResultPath": None, "Next": "Taken"}
    states = {
        "Lock": {**lock, "ResultPath": "$.lock", "Next": "LockAgain"},
        "LockAgain": {**lock, "ResultPath": None, "Catch": [taken], "End": True},
        "Taken": {"Type": "Pass", "OutputPath": "$.lock.Attributes.execution.S", "End": True},
    }

    ended = execute(cloud, states, {"period": "2026-05"})

    assert ended["output"] == ended["executionArn"]


def test_the_context_object_and_the_intrinsic_functions_are_there(cloud: LocalCloud) -> None:
    parameters = {
        "name.$": "$$.Execution.Name",
        "started.$": "States.Format('run of {}', $$.Execution.StartTime)",
        "next.$": "States.MathAdd($.level, 1)",
        "merged.$": "States.JsonMerge($.a, $.b, false)",
    }
    payload = {"level": 2, "a": {"x": 1, "y": 1}, "b": {"y": 2}}

    ended = execute(cloud, {"Read": {"Type": "Pass", "Parameters": parameters, "End": True}}, payload)

    assert ended["output"]["name"] == ended["name"]
    assert ended["output"]["started"] == f"run of {ended['startDate'].strftime('%Y-%m-%dT%H:%M:%S.%f')[:-3]}Z"
    assert ended["output"]["next"] == 3
    assert ended["output"]["merged"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(("letters", "error"), [(65_533, None), (65_534, "States.DataLimitExceeded")])
def test_a_payload_may_have_262144_bytes(cloud: LocalCloud, letters: int, error: str | None) -> None:
    twice = {"twice.$": "States.Format('{}{}', $.text, $.text)"}  # {"twice":""} are 12 bytes, and an é is two

    ended = execute(cloud, {"Double": {"Type": "Pass", "Parameters": twice, "End": True}}, {"text": "é" * letters})

    assert ended.get("error") == error


def test_a_function_cannot_return_more_than_a_payload_holds(cloud: LocalCloud, tmp_path: Path) -> None:
    handler = write_handler(tmp_path, "large", "def handler(event, context): return 'x' * 262_200")
    states = {"Large": {"Type": "Task", "Resource": create_function(cloud, handler), "End": True}}

    assert execute(cloud, states)["error"] == "States.DataLimitExceeded"


def test_an_execution_cannot_be_started_with_more_than_a_payload_holds(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match="InvalidExecutionInput"):
        execute(cloud, {"Done": {"Type": "Pass", "End": True}}, {"text": "x" * 262_144})


def test_an_index_within_a_path_gives_the_value_and_not_a_list(cloud: LocalCloud) -> None:
    parameters = {"cell.$": "$.Rows[1].Data[0].VarCharValue", "cells.$": "$.Rows[*].Data[0].VarCharValue"}
    rows = [{"Data": [{"VarCharValue": "total"}]}, {"Data": [{"VarCharValue": "12.50"}]}]

    ended = execute(cloud, {"Read": {"Type": "Pass", "Parameters": parameters, "End": True}}, {"Rows": rows})

    assert ended["output"] == {"cell": "12.50", "cells": ["total", "12.50"]}


def test_an_aws_sdk_error_has_the_name_it_has_on_aws(cloud: LocalCloud) -> None:
    cloud.client("s3").create_bucket(Bucket="work")
    read = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
        "Parameters": {"Bucket": "work", "Key": "nothing"},
        "Catch": [{"ErrorEquals": ["S3.NoSuchKeyException"], "Next": "Missing"}],
        "End": True,
    }

    ended = execute(cloud, {"Read": read, "Missing": {"Type": "Pass", "Result": "missing", "End": True}})

    assert ended["output"] == "missing"


def test_an_aws_sdk_response_has_text_for_times_and_bodies(cloud: LocalCloud) -> None:
    cloud.client("s3").create_bucket(Bucket="work")
    cloud.client("s3").put_object(Bucket="work", Key="note", Body=b"to the cent")
    read = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
        "Parameters": {"Bucket": "work", "Key": "note"},
        "End": True,
    }

    ended = execute(cloud, {"Read": read})

    assert ended["output"]["Body"] == "to the cent"
    assert ended["output"]["LastModified"].endswith("Z")


def test_an_execution_starts_another_and_waits_for_it(cloud: LocalCloud) -> None:
    child = create_state_machine(cloud, {"Add": {"Type": "Pass", "Result": {"sum": 3}, "End": True}}, name="child")
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": child, "Input": {"period": "2026-05"}},
        "OutputPath": "$.Output",
        "End": True,
    }

    assert execute(cloud, {"Start": start})["output"] == {"sum": 3}


def test_unnamed_executions_get_names_of_their_own(cloud: LocalCloud) -> None:
    machine = create_state_machine(cloud, {"Done": {"Type": "Pass", "End": True}})
    client = cloud.client("stepfunctions")

    first, second = (client.start_execution(stateMachineArn=machine)["executionArn"] for _ in range(2))

    assert first != second


def test_the_same_name_starts_only_once(cloud: LocalCloud) -> None:
    machine = create_state_machine(cloud, {"Done": {"Type": "Pass", "End": True}})
    client = cloud.client("stepfunctions")
    cloud.wait(client.start_execution(stateMachineArn=machine, name="2026-05")["executionArn"])

    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        client.start_execution(stateMachineArn=machine, name="2026-05", input='{"again": true}')


def test_athena_is_run_to_its_end_and_its_rows_are_read(cloud: LocalCloud) -> None:
    cloud.client("s3").create_bucket(Bucket="work")
    query = {
        "Type": "Task",
        "Resource": "arn:aws:states:::athena:startQueryExecution.sync",
        "Parameters": {
            "QueryString": "SELECT 41 + 1 AS answer",
            "WorkGroup": "primary",
            "ResultConfiguration": {"OutputLocation": "s3://work/results/"},
        },
        "Next": "Rows",
    }
    rows = {
        "Type": "Task",
        "Resource": "arn:aws:states:::athena:getQueryResults",
        "Parameters": {"QueryExecutionId.$": "$.QueryExecution.QueryExecutionId"},
        "End": True,
    }

    ended = execute(cloud, {"Query": query, "Rows": rows})

    assert ended["output"]["ResultSet"]["Rows"][1]["Data"] == [{"VarCharValue": "42"}]


def test_a_refused_query_fails_its_state(cloud: LocalCloud) -> None:
    cloud.client("s3").create_bucket(Bucket="work")
    query = {
        "Type": "Task",
        "Resource": "arn:aws:states:::athena:startQueryExecution.sync",
        "Parameters": {
            "QueryString": "SELECT nothing FROM nowhere",
            "WorkGroup": "primary",
            "ResultConfiguration": {"OutputLocation": "s3://work/results/"},
        },
        "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "Refused"}],
        "End": True,
    }
    refused = {
        "Type": "Pass",
        "Parameters": {"cause.$": "States.StringToJson($.Cause)"},
        "OutputPath": "$.cause.QueryExecution.Status.State",
        "End": True,
    }

    assert execute(cloud, {"Query": query, "Refused": refused})["output"] == "FAILED"
