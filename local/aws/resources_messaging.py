"""SNS topics and SQS queues."""

from __future__ import annotations

import json
from typing import Any

from local.aws.resources import Created, Handler, Request, applies, tag_map, truth


@applies("DisplayName", "KmsMasterKeyId", "Subscription", "Tags", "TopicName", "TracingConfig")
def topic(request: Request) -> Created:
    properties, sns = request.properties, request.client("sns")
    name = properties.get("TopicName", request.name)
    attributes = request.pick("DisplayName", "KmsMasterKeyId", "TracingConfig")
    arn = sns.create_topic(Name=name, Attributes=attributes, Tags=list(properties.get("Tags", ())))["TopicArn"]
    for subscription in properties.get("Subscription", ()):
        sns.subscribe(TopicArn=arn, **subscription)
    return Created(arn, {"TopicArn": arn, "TopicName": name})


@applies("Endpoint", "FilterPolicy", "FilterPolicyScope", "Protocol", "RawMessageDelivery", "RedrivePolicy", "TopicArn")
def subscription(request: Request) -> Created:
    properties = request.properties
    attributes = {
        name: json.dumps(properties[name]) for name in ("FilterPolicy", "RedrivePolicy") if name in properties
    }
    if "FilterPolicyScope" in properties:
        attributes["FilterPolicyScope"] = properties["FilterPolicyScope"]
    if "RawMessageDelivery" in properties:
        attributes["RawMessageDelivery"] = json.dumps(truth(properties["RawMessageDelivery"]))
    created = request.client("sns").subscribe(
        TopicArn=properties["TopicArn"],
        Protocol=properties["Protocol"],
        Endpoint=properties["Endpoint"],
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )
    return Created(created["SubscriptionArn"], {"Arn": created["SubscriptionArn"]})


@applies("PolicyDocument", "Topics")
def topic_policy(request: Request) -> Created:
    policy = json.dumps(request.properties["PolicyDocument"])
    for topic in request.properties["Topics"]:
        request.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    return Created(request.name)


_QUEUE_ATTRIBUTES = (
    "ContentBasedDeduplication",
    "DelaySeconds",
    "FifoQueue",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)
_MAX_QUEUE_NAME = 80


@applies(*_QUEUE_ATTRIBUTES, "QueueName", "Tags")
def queue(request: Request) -> Created:
    properties, sqs = request.properties, request.client("sqs")
    name = properties.get("QueueName", request.name[:_MAX_QUEUE_NAME])
    attributes = {key: _attribute(value) for key, value in request.pick(*_QUEUE_ATTRIBUTES).items()}
    url = sqs.create_queue(QueueName=name, Attributes=attributes, tags=tag_map(properties.get("Tags")))["QueueUrl"]
    arn = f"arn:aws:sqs:{request.region}:{request.account_id}:{name}"
    return Created(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})


def _attribute(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@applies("PolicyDocument", "Queues")
def queue_policy(request: Request) -> Created:
    policy = json.dumps(request.properties["PolicyDocument"])
    for queue in request.properties["Queues"]:
        request.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    return Created(request.name)


HANDLERS: dict[str, Handler] = {
    "AWS::SNS::Subscription": subscription,
    "AWS::SNS::Topic": topic,
    "AWS::SNS::TopicPolicy": topic_policy,
    "AWS::SQS::Queue": queue,
    "AWS::SQS::QueuePolicy": queue_policy,
}
