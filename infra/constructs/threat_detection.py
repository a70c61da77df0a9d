"""GuardDuty: where functions talk to, and what is done with buckets and keys, seen from outside of them."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_guardduty as guardduty
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.config import EnvironmentConfig
from infra.names import UNDELIVERED_THREATS, name_of

MEDIUM = 4


class ThreatDetection(Construct):
    """The runtime sensor of a platform without machines of its own; what it finds is told to ``topic``.

    A finding of medium severity and above, that is: below it AWS itself recommends no action.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: EnvironmentConfig, topic: sns.ITopic) -> None:
        super().__init__(scope, construct_id)
        guardduty.CfnDetector(
            self,
            "Detector",
            enable=True,
            finding_publishing_frequency="FIFTEEN_MINUTES",
            # What it is for; AWS turns on whatever is not named here as well.
            features=[
                guardduty.CfnDetector.CFNFeatureConfigurationProperty(name=feature, status="ENABLED")
                for feature in ("LAMBDA_NETWORK_LOGS", "S3_DATA_EVENTS")
            ],
        )
        undelivered = sqs.Queue(
            self,
            "Undelivered",
            queue_name=name_of(config, UNDELIVERED_THREATS),
            # Not our key: EventBridge, which writes here, has no right to use it.
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
        )
        rule = events.Rule(
            self,
            "Found",
            rule_name=name_of(config, "ThreatFound"),
            description="GuardDuty has found a threat",
            event_pattern=events.EventPattern(
                source=["aws.guardduty"],
                detail_type=["GuardDuty Finding"],
                detail={"severity": events.Match.greater_than_or_equal(MEDIUM)},
            ),
        )
        message = events.RuleTargetInput.from_multiline_text(_message())
        publisher = self._make_publisher(config, topic)
        rule.add_target(targets.SnsTopic(topic, message=message, role=publisher, dead_letter_queue=undelivered))

    def _make_publisher(self, config: EnvironmentConfig, topic: sns.ITopic) -> iam.IRole:
        role = iam.Role(
            self,
            "Publisher",
            role_name=name_of(config, "publish_threats"),
            description="EventBridge tells the owners of GuardDuty's findings",
            assumed_by=iam.ServicePrincipal("events.amazonaws.com"),
        )
        role.add_to_policy(iam.PolicyStatement(actions=["sns:Publish"], resources=[topic.topic_arn]))
        if key := topic.master_key:
            uses = ["kms:GenerateDataKey", "kms:Decrypt"]
            role.add_to_policy(iam.PolicyStatement(actions=uses, resources=[key.key_arn]))
        # What it may do is above; the target would add what the topic's owner thinks it needs.
        return role.without_policy_updates()


def _message() -> str:
    field = events.EventField.from_path
    return "\n".join(
        (
            f"GuardDuty: {field('$.detail.title')}",
            f"What: {field('$.detail.description')}",
            f"Severity: {field('$.detail.severity')} of 10, {field('$.detail.type')}",
            f"Where: account {field('$.account')}, {field('$.region')}; finding {field('$.detail.id')}",
            "Look at the finding in GuardDuty's console (docs/runbook.md, When an alarm rings).",
        )
    )
