"""What SNS topics and SQS queues have around them; moto creates the topics and queues."""

from __future__ import annotations

import json

from local.aws.resources import Created, Handler, Request, applies, truth


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


@applies("PolicyDocument", "Queues")
def queue_policy(request: Request) -> Created:
    policy = json.dumps(request.properties["PolicyDocument"])
    for queue in request.properties["Queues"]:
        request.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    return Created(request.name)


HANDLERS: dict[str, Handler] = {
    "AWS::SNS::Subscription": subscription,
    "AWS::SNS::TopicPolicy": topic_policy,
    "AWS::SQS::QueuePolicy": queue_policy,
}
