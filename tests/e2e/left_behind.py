"""All places in which the product leaves something, how to read them, and how to plant a text in one to prove it."""

from __future__ import annotations

import io
import json
import socket
import sqlite3
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from local.servicenow.server import ServiceNowStandIn
from local.world import World
from tests.e2e.secret_search import Left, text_of

STORES = {"journal.jsonl", "lock", "servicenow.sqlite", "servicenow.sqlite-wal", "servicenow.sqlite-shm"}
"""What the local cloud and the local ServiceNow keep on disk; it is read by their APIs, apart from this."""

OWN_DOCUMENTS = ("kms:", "secret:")
"""What KMS and Secrets Manager keep, which are the places for it."""

OWN_TABLE = ".settings"
"""Where the local ServiceNow keeps its users' passwords and its application's secret."""

AUTHORITY = "signing"
"""Where the local certificate authority keeps its key."""


@dataclass
class Run:
    """A world, and what can be heard of it from outside."""

    world: World
    books: ServiceNowStandIn
    temporary: Path
    told: list[str] = field(default_factory=list)
    calls: list[Left] = field(default_factory=list)
    segments: list[bytes] = field(default_factory=list)

    def client(self, service: str) -> Any:
        return self.world.cloud.client(service)


class Place(NamedTuple):
    """Where something is left."""

    read: Callable[[Run], Iterable[tuple[str, bytes]]]
    plant: Callable[[Run, str, str], object]
    """Leaves a text there, under a name that is used once."""


def everything_left(run: Run) -> list[Left]:
    """What is in every place now."""
    return [Left(name, where, content) for name, place in PLACES.items() for where, content in place.read(run)]


@contextmanager
def listen_to_calls(run: Run) -> Iterator[None]:
    """Keeps every function's events and answers, which the histories of a distributed map's executions hold."""
    from moto.awslambda.models import LambdaFunction

    functions: Any = LambdaFunction
    original = functions._invoke_lambda

    def invoke(function: Any, event: Any = None) -> Any:
        answer = original(function, event)
        payload, failed, _ = answer
        run.calls.append(Left("function call", function.function_name, text_of([event, payload])))
        if failed:
            run.calls.append(Left("exception", function.function_name, text_of(payload)))
        return answer

    functions._invoke_lambda = invoke
    try:
        yield
    finally:
        functions._invoke_lambda = original


def listen_to_traces(segments: list[bytes]) -> str:
    """Takes what X-Ray's daemon would take; returns the address."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
    listener.bind(("127.0.0.1", 0))

    def listen() -> None:
        while True:
            segments.append(listener.recv(65_535))

    Thread(target=listen, daemon=True).start()
    return f"127.0.0.1:{listener.getsockname()[1]}"


def _pages(client: Any, operation: str, of: str, **given: Any) -> Iterator[Any]:
    for page in client.get_paginator(operation).paginate(**given):
        yield from page.get(of, [])


def _functions(run: Run) -> Iterator[tuple[str, bytes]]:
    for function in _pages(run.client("lambda"), "list_functions", "Functions"):
        yield function["FunctionName"], text_of(function)


def _plant_variable(run: Run, name: str, text: str) -> None:
    function = next(_pages(run.client("lambda"), "list_functions", "Functions"))
    variables = function["Environment"]["Variables"] | {name.upper().replace("-", "_"): text}
    run.client("lambda").update_function_configuration(
        FunctionName=function["FunctionName"], Environment={"Variables": variables}
    )


def _templates(run: Run) -> Iterator[tuple[str, bytes]]:
    client = run.client("cloudformation")
    for stack in client.describe_stacks()["Stacks"]:
        body = client.get_template(StackName=stack["StackName"])["TemplateBody"]
        yield stack["StackName"], text_of([stack, body])


def _plant_stack(run: Run, name: str, text: str) -> None:
    body = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"Planted": {"Value": text}}}
    run.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(body))


def _logs(run: Run) -> Iterator[tuple[str, bytes]]:
    client = run.client("logs")
    for group in _pages(client, "describe_log_groups", "logGroups"):
        name = group["logGroupName"]
        events = [event["message"] for event in _pages(client, "filter_log_events", "events", logGroupName=name)]
        yield name, text_of(events)


def _plant_log(run: Run, name: str, text: str) -> None:
    client = run.client("logs")
    group = next(_pages(client, "describe_log_groups", "logGroups"))["logGroupName"]
    client.create_log_stream(logGroupName=group, logStreamName=name)
    event = {"timestamp": int(datetime.now(UTC).timestamp() * 1000), "message": json.dumps({"message": text})}
    client.put_log_events(logGroupName=group, logStreamName=name, logEvents=[event])


def _segments(run: Run) -> Iterator[tuple[str, bytes]]:
    """When all that was sent has been taken."""
    taken = -1
    while taken != len(run.segments):
        taken = len(run.segments)
        time.sleep(0.5)
    yield from ((f"segment {number}", segment) for number, segment in enumerate([*run.segments]))


def _plant_trace(_: Run, name: str, text: str) -> None:
    from aws_xray_sdk.core import xray_recorder

    recorder: Any = xray_recorder
    with recorder.in_subsegment(name) as subsegment:
        subsegment.put_metadata("planted", text)


def _of_calls(kind: str) -> Callable[[Run], Iterator[tuple[str, bytes]]]:
    return lambda run: ((left.name, left.content) for left in run.calls if left.place == kind)


def fail(event: dict[str, str], _: object) -> None:
    """A handler whose exception quotes what it was given."""
    raise RuntimeError(event["text"])


def _plant_call(run: Run, name: str, text: str) -> None:
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    role = next(_pages(run.client("lambda"), "list_functions", "Functions"))["Role"]
    code = {"Runtime": "python3.12", "Handler": f"{__name__}.fail", "Code": {"ZipFile": empty.getvalue()}}
    run.client("lambda").create_function(FunctionName=name, Role=role, **code)
    run.client("lambda").invoke(FunctionName=name, Payload=json.dumps({"text": text}).encode())


def _executions(run: Run) -> Iterator[tuple[str, bytes]]:
    client = run.client("stepfunctions")
    for machine in _pages(client, "list_state_machines", "stateMachines"):
        described = client.describe_state_machine(stateMachineArn=machine["stateMachineArn"])
        yield machine["name"], text_of(described)
        listed = _pages(client, "list_executions", "executions", stateMachineArn=machine["stateMachineArn"])
        for arn in [execution["executionArn"] for execution in listed]:
            events = [*_pages(client, "get_execution_history", "events", executionArn=arn)]
            yield arn, text_of([client.describe_execution(executionArn=arn), events])


def _plant_execution(run: Run, name: str, text: str) -> None:
    client = run.client("stepfunctions")
    machine = client.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    role = client.describe_state_machine(stateMachineArn=machine)["roleArn"]
    definition = json.dumps({"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}})
    made = client.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    arn = client.start_execution(stateMachineArn=made, input=json.dumps({"planted": text}))["executionArn"]
    assert run.world.cloud.wait(arn, seconds=30)["status"] == "SUCCEEDED"


def _objects(run: Run) -> Iterator[tuple[str, bytes]]:
    client = run.client("s3")
    for bucket in [found["Name"] for found in client.list_buckets()["Buckets"]]:
        for version in _pages(client, "list_object_versions", "Versions", Bucket=bucket):
            named = {"Bucket": bucket, "Key": version["Key"], "VersionId": version["VersionId"]}
            stored = client.get_object(**named)
            name = f"s3://{bucket}/{version['Key']} {version['VersionId']}"
            yield name, stored["Body"].read()
            described = [version, stored["Metadata"], client.get_object_tagging(**named)["TagSet"]]
            yield f"{name}, its metadata", text_of(described)


def _plant_object(run: Run, name: str, text: str) -> None:
    """In a version that is not the newest."""
    for content in (text, "nothing"):
        run.client("s3").put_object(Bucket=run.world.work_bucket, Key=f"runs/{name}", Body=content.encode())


def _items(run: Run) -> Iterator[tuple[str, bytes]]:
    for table in _pages(run.client("dynamodb"), "list_tables", "TableNames"):
        yield table, text_of([*_pages(run.client("dynamodb"), "scan", "Items", TableName=table)])


def _plant_item(run: Run, name: str, text: str) -> None:
    client, table = run.client("dynamodb"), run.world.periods_table
    keys = client.describe_table(TableName=table)["Table"]["KeySchema"]
    item = {key["AttributeName"]: {"S": name} for key in keys} | {"failure_cause": {"S": text}}
    client.put_item(TableName=table, Item=item)


def _notifications(_: Run) -> Iterator[tuple[str, bytes]]:
    from moto.sns.models import sns_backends

    for regions in sns_backends.values():
        for topics in regions.values():
            for arn, topic in topics.topics.items():
                yield arn, text_of(topic.sent_notifications)


def _queued(_: Run) -> Iterator[tuple[str, bytes]]:
    from moto.sqs.models import sqs_backends

    for regions in sqs_backends.values():
        for queues in regions.values():
            for name, queue in queues.queues.items():
                yield name, text_of([message.body for message in queue.messages])


def _plant_notification(run: Run, name: str, text: str) -> None:
    topic = run.client("sns").list_topics()["Topics"][0]["TopicArn"]
    run.client("sns").publish(TopicArn=topic, Subject=name, Message=json.dumps({"cause": text}))


def _plant_queued(run: Run, name: str, text: str) -> None:
    queue = run.client("sqs").list_queues()["QueueUrls"][0]
    run.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps({name: text}))


def _metrics(run: Run) -> Iterator[tuple[str, bytes]]:
    for number, metric in enumerate(_pages(run.client("cloudwatch"), "list_metrics", "Metrics")):
        yield f"metric {number}", text_of(metric)
    for alarm in run.client("cloudwatch").describe_alarms()["MetricAlarms"]:
        yield alarm["AlarmName"], text_of(alarm)


def _plant_metric(run: Run, name: str, text: str) -> None:
    """CloudWatch takes a thousand characters or so for a dimension."""
    metric = {"MetricName": name, "Value": 1.0, "Dimensions": [{"Name": "Cause", "Value": text[:1000]}]}
    run.client("cloudwatch").put_metric_data(Namespace="Chargeback", MetricData=[metric])


def _parameters(run: Run) -> Iterator[tuple[str, bytes]]:
    client = run.client("ssm")
    for name in [found["Name"] for found in _pages(client, "describe_parameters", "Parameters")]:
        yield name, text_of([*_pages(client, "get_parameter_history", "Parameters", Name=name)])


def _plant_parameter(run: Run, name: str, text: str) -> None:
    run.client("ssm").put_parameter(Name=f"/chargeback/{name}", Value=text, Type="String", Tier="Advanced")


def _queries(run: Run) -> Iterator[tuple[str, bytes]]:
    client = run.client("athena")
    for group in client.list_work_groups()["WorkGroups"]:
        for query in _pages(client, "list_query_executions", "QueryExecutionIds", WorkGroup=group["Name"]):
            yield query, text_of(client.get_query_execution(QueryExecutionId=query)["QueryExecution"])


def _plant_query(run: Run, name: str, text: str) -> None:
    groups = [group["Name"] for group in run.client("athena").list_work_groups()["WorkGroups"]]
    quoted = text.replace("'", "''")
    run.client("athena").start_query_execution(
        QueryString=f"SELECT '{quoted}'",
        ClientRequestToken=f"{name:-<40}",
        WorkGroup=next(group for group in groups if group != "primary"),
    )


def _records(run: Run) -> Iterator[tuple[str, bytes]]:
    file = run.world.cloud.state_dir / "servicenow.sqlite"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            if table != OWN_TABLE:
                rows = [*database.execute(f'SELECT * FROM "{table}"')]
                yield table, text_of(rows)
                for row in rows:
                    yield from ((f"{table} {row[0]}", value) for value in row if isinstance(value, bytes))


def _plant_record(run: Run, name: str, text: str) -> None:
    run.books.add_record("incident", {"short_description": name, "description": text})


def _files(run: Run) -> Iterator[tuple[str, bytes]]:
    cloud = run.world.cloud.state_dir
    for file in sorted(found for found in run.world.out.rglob("*") if found.is_file()):
        if file.parent == cloud / AUTHORITY and file.name.endswith("key.pem"):
            continue
        if file.parent != cloud or file.name not in STORES:
            yield str(file.relative_to(run.world.out)), file.read_bytes()
    for line in (cloud / "journal.jsonl").read_text(encoding="utf-8").splitlines():
        documents = [document for document in json.loads(line) if not document[0].startswith(OWN_DOCUMENTS)]
        yield f"journal, {[document[0] for document in documents]}", text_of(documents)


def _plant_file(run: Run, name: str, text: str) -> None:
    (run.world.out / f"{name}.txt").write_text(text, encoding="utf-8")


def _temporary(run: Run) -> Iterator[tuple[str, bytes]]:
    for file in sorted(found for found in run.temporary.rglob("*") if found.is_file()):
        yield str(file.relative_to(run.temporary)), file.read_bytes()


PLACES = {
    "function's environment": Place(_functions, _plant_variable),
    "template": Place(_templates, _plant_stack),
    "log": Place(_logs, _plant_log),
    "trace": Place(_segments, _plant_trace),
    "function call": Place(_of_calls("function call"), _plant_call),
    "exception": Place(_of_calls("exception"), _plant_call),
    "execution": Place(_executions, _plant_execution),
    "object": Place(_objects, _plant_object),
    "item": Place(_items, _plant_item),
    "notification": Place(_notifications, _plant_notification),
    "queue": Place(_queued, _plant_queued),
    "metric": Place(_metrics, _plant_metric),
    "parameter": Place(_parameters, _plant_parameter),
    "query": Place(_queries, _plant_query),
    "record in the books": Place(_records, _plant_record),
    "what is shown": Place(lambda run: [("console", text_of(run.told))], lambda run, _, text: run.told.append(text)),
    "output folder": Place(_files, _plant_file),
    "temporary folder": Place(
        _temporary, lambda run, name, text: (run.temporary / name).write_text(text, encoding="utf-8")
    ),
}
