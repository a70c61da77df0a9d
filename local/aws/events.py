"""Delivers events as EventBridge does: pattern, state of the rule, input transformation, and the targets moto lacks."""

from __future__ import annotations

import datetime
import json
import logging
import re
import threading
import uuid
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from local.aws.clients import client_where
from local.aws.patching import Patches

_log = logging.getLogger(__name__)
_deliveries: list[threading.Thread] = []


def install(patches: Patches) -> None:
    from moto.events.models import Rule
    from moto.s3 import notifications

    patches.wrap(Rule, "send_to_targets", _send_to_targets)
    patches.replace(notifications, "_send_event_bridge_message", _send_object_event)


def wait_for_deliveries(seconds: float = 30.0) -> None:
    """Waits until the functions that events were delivered to have returned."""
    while _deliveries:
        _deliveries.pop().join(seconds)


def _send_object_event(account_id: str, bucket: Any, event_name: str, key: Any) -> None:
    """An S3 event as EventBridge shows it; moto's has a fixed id and request, and swallows what goes wrong."""
    from moto.events.models import events_backends
    from moto.s3.notifications import _detail_type

    operation = str(event_name.value if hasattr(event_name, "value") else event_name).rsplit(":", 1)[1]
    detail_object = {"key": key.name, "size": key.size, "etag": key.etag.strip('"'), "sequencer": _sequencer()}
    if key.version_id != "null":
        detail_object["version-id"] = key.version_id
    event: Any = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": _detail_type(event_name),
        "source": "aws.s3",
        "account": account_id,
        "time": _now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": bucket.region_name,
        "resources": [bucket.arn],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket.name},
            "object": detail_object,
            "request-id": uuid.uuid4().hex[:16].upper(),
            "requester": account_id,
            "source-ip-address": "127.0.0.1",
            "reason": {"Put": "PutObject", "Copy": "CopyObject"}.get(operation, operation),
        },
    }
    # the service delivers to the default bus only
    for rule in list(events_backends[account_id][bucket.region_name].event_buses["default"].rules.values()):
        rule.send_to_targets(event)


def _send_to_targets(original: Any, rule: Any, original_event: Any, transform_input: bool = True) -> None:
    """moto matches schedules with every event, ignores disabled rules' state, and cannot start state machines."""
    if rule.state != "ENABLED" or not rule.event_pattern.get_pattern():
        return
    if not rule.event_pattern.matches_event(original_event):
        return
    event = {**original_event, "time": _iso_time(original_event.get("time"))}
    others = [target for target in rule.targets if not _deliver_or_bury(rule, target, event)]
    if others:
        all_targets, rule.targets = rule.targets, others
        try:
            original(rule, original_event, transform_input)
        finally:
            rule.targets = all_targets


def _deliver_or_bury(rule: Any, target: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """What cannot be delivered goes to the target's dead-letter queue, or is the sender's error if it has none."""
    try:
        return _deliver(target, event)
    except ClientError as error:
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        if queue is None:
            raise
        refused = {"ERROR_CODE": error.response["Error"]["Code"], "ERROR_MESSAGE": error.response["Error"]["Message"]}
        about = {"RULE_ARN": rule.arn, "TARGET_ARN": target["Arn"], **refused}
        sqs = client_where(queue)
        sqs.send_message(
            QueueUrl=sqs.get_queue_url(QueueName=queue.rsplit(":", 1)[1])["QueueUrl"],
            MessageBody=json.dumps(event),
            MessageAttributes={name: {"DataType": "String", "StringValue": text} for name, text in about.items()},
        )
        return True


def _deliver(target: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Delivers to a target that moto does not know. False when moto knows it."""
    arn = target["Arn"]
    service = arn.split(":")[2]
    payload = target_input(target, event)
    if service == "states":
        name = f"{event['id']}_{uuid.uuid4()}"[:80]
        client_where(arn, "stepfunctions").start_execution(stateMachineArn=arn, name=name, input=payload)
    elif service == "sns":
        client_where(arn).publish(TopicArn=arn, Message=payload)
    elif service == "lambda":
        # as on AWS the sender does not wait, and may itself be a handler
        thread = threading.Thread(target=_invoke, args=(arn, payload), name=f"event to {arn}", daemon=True)
        _deliveries.append(thread)
        thread.start()
    elif service == "sqs":
        url = client_where(arn).get_queue_url(QueueName=arn.rsplit(":", 1)[1])["QueueUrl"]
        group = target.get("SqsParameters", {}).get("MessageGroupId")
        client_where(arn).send_message(
            QueueUrl=url, MessageBody=payload, **({"MessageGroupId": group} if group else {})
        )
    else:
        return False
    return True


def _invoke(arn: str, payload: str) -> None:
    response = client_where(arn).invoke(FunctionName=arn, Payload=payload.encode())
    if "FunctionError" in response:
        _log.error("%s failed on an event: %s", arn, response["Payload"].read().decode())


def target_input(target: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """The JSON text that a target receives of an event."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        return json.dumps(_at(event, target["InputPath"]))
    if transformer := target.get("InputTransformer"):
        paths = transformer.get("InputPathsMap") or {}
        values = {name: _at(event, path) for name, path in paths.items()}
        return _fill_template(transformer["InputTemplate"], {**_reserved(event), **values})
    return json.dumps(event)


def _reserved(event: Mapping[str, Any]) -> dict[str, Any]:
    return {"aws.events.event": event, "aws.events.event.json": event, "aws.events.event.ingestion-time": event["time"]}


def _fill_template(template: str, values: Mapping[str, Any]) -> str:
    """Inside a JSON string a placeholder becomes text, elsewhere a JSON value."""
    placeholder = re.compile(r"<([\w.-]+)>")

    def as_text(match: re.Match[str]) -> str:
        value = values.get(match[1], "")
        text = value if isinstance(value, str) else json.dumps(value)
        return json.dumps(text, ensure_ascii=False)[1:-1]

    def as_json(match: re.Match[str]) -> str:
        return json.dumps(values.get(match[1]), ensure_ascii=False)

    parts = re.split(r'("(?:[^"\\]|\\.)*")', template)
    return "".join(placeholder.sub(as_text if part.startswith('"') else as_json, part) for part in parts)


def _at(event: Mapping[str, Any], path: str) -> Any:
    value: Any = event
    for name in path.removeprefix("$").strip(".").split("."):
        if name:
            value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _iso_time(time: Any) -> Any:
    if isinstance(time, int | float):
        return datetime.datetime.fromtimestamp(time, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return time


def _sequencer() -> str:
    return f"{int(_now().timestamp() * 1_000_000):016X}"


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
