"""The posture of the billing bucket: whoever changes how it is guarded, the owners hear of it.

An administrator must be able to change the bucket's policy, or nobody could mend it; so it cannot be forbidden, and is
told instead. Two ways, for each sees what the other cannot: CloudTrail names the person within minutes, and AWS Config
looks at what the bucket is, however it came to be so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_config as config_rules
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.config import EnvironmentConfig
from infra.constructs.bill_grants import bill_grants
from infra.names import UNDELIVERED_POSTURE, billing_key_parameter, name_of

BUCKET_CHANGES = (
    "DeleteBucketEncryption",
    "DeleteBucketLifecycle",
    "DeleteBucketOwnershipControls",
    "DeleteBucketPolicy",
    "DeleteBucketPublicAccessBlock",
    "DeleteBucketReplication",
    "PutBucketAcl",
    "PutBucketEncryption",
    "PutBucketLifecycle",
    "PutBucketLogging",
    "PutBucketObjectLockConfiguration",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketPublicAccessBlock",
    "PutBucketReplication",
    "PutBucketVersioning",
)
"""As CloudTrail names them, which is not always as the API does: PutBucketLifecycleConfiguration is PutBucketLifecycle,
and PutObjectLockConfiguration is PutBucketObjectLockConfiguration."""

ACCOUNT_CHANGES = ("DeleteAccountPublicAccessBlock", "PutAccountPublicAccessBlock")
"""Seen when made through the bucket's own region; the block of the bucket itself holds in any case."""

LONGEST_PARAMETERS = 1024
"""Characters that AWS Config takes as the parameters of a rule."""

KEY_CHANGES = ("CreateGrant", "DisableKey", "DisableKeyRotation", "PutKeyPolicy", "ScheduleKeyDeletion")

MANAGED = config_rules.ManagedRuleIdentifiers
CONFIG_RULES = {
    "is_private": MANAGED.S3_BUCKET_LEVEL_PUBLIC_ACCESS_PROHIBITED,
    "wants_tls": MANAGED.S3_BUCKET_SSL_REQUESTS_ONLY,
    "keeps_versions": MANAGED.S3_BUCKET_VERSIONING_ENABLED,
    # Without its mode the rule asks whether Object Lock is on, which is all there should be: a default retention would
    # lock what AWS still overwrites.
    "has_object_lock": MANAGED.S3_BUCKET_DEFAULT_LOCK_ENABLED,
    "is_encrypted": MANAGED.S3_DEFAULT_ENCRYPTION_KMS,
    "logs_access": MANAGED.S3_BUCKET_LOGGING_ENABLED,
}
"""What must be true of the bucket, and the rule of AWS's that looks."""


class BucketPosture(Construct):
    """Tells ``topic`` of every change to how a bucket and its key are guarded, and what AWS Config finds wrong with it.

    The events are CloudTrail's, so the account needs a trail of its management events; one of the organisation will do.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket_name: str,
        config: EnvironmentConfig,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self._config, self._topic, self._bucket_name = config, topic, bucket_name
        self.undelivered = sqs.Queue(
            self,
            "Undelivered",
            queue_name=name_of(config, UNDELIVERED_POSTURE),
            # Not our key: EventBridge, which writes here, has no right to use it. An event holds names and no data.
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
        )
        self._publisher = self._make_publisher()
        self._tell_of_calls(
            "BucketChanged",
            f"The guard of billing bucket {bucket_name} was changed, or somebody tried to.",
            service="s3",
            calls=BUCKET_CHANGES,
            detail={"requestParameters": {"bucketName": [bucket_name]}},
        )
        self._tell_of_calls(
            "AccountChanged",
            f"The account's block on public access was changed, or somebody tried to; {bucket_name} is in it.",
            service="s3",
            calls=ACCOUNT_CHANGES,
            detail={},
        )
        self._tell_of_calls(
            "KeyChanged",
            f"The key of billing bucket {bucket_name} was changed or lent, or somebody tried to.",
            service="kms",
            calls=KEY_CHANGES,
            detail={"resources": {"ARN": [self._key_arn()]}},
        )
        if config.records_configuration:
            self._tell_of_findings()

    def _key_arn(self) -> str:
        """CloudTrail names a key by its ARN, whatever it was called by; CloudFormation reads it where the records are.

        The note spares the CDK CLI a deployment: without it the CLI takes a parameter of this kind for changed, always.
        """
        parameter = cdk.CfnParameter(
            self,
            "KeyArn",
            type="AWS::SSM::Parameter::Value<String>",
            default=billing_key_parameter(self._config),
            description="The key of the bill, from the stack of the records [cdk:skip]",
        )
        return parameter.value_as_string

    def _make_publisher(self) -> iam.IRole:
        """EventBridge's role: a topic's policy, the other way, could not say for which rules it lets it in."""
        role = iam.Role(
            self,
            "Publisher",
            role_name=name_of(self._config, "publish_posture"),
            description="EventBridge tells the owners of changes to the billing bucket",
            assumed_by=iam.ServicePrincipal("events.amazonaws.com"),
        )
        role.add_to_policy(iam.PolicyStatement(actions=["sns:Publish"], resources=[self._topic.topic_arn]))
        if key := self._topic.master_key:
            uses = ["kms:GenerateDataKey", "kms:Decrypt"]
            role.add_to_policy(iam.PolicyStatement(actions=uses, resources=[key.key_arn]))
        # What it may do is above; the targets would add what the topic's owner thinks it needs.
        return role.without_policy_updates()

    def _tell_of_calls(
        self, construct_id: str, what: str, *, service: str, calls: Sequence[str], detail: Mapping[str, Any]
    ) -> None:
        field = events.EventField.from_path
        lines = (
            what,
            f"What: {field('$.detail.eventName')}",
            f"Who: {field('$.detail.userIdentity.arn')}, from {field('$.detail.sourceIPAddress')}",
            f"When: {field('$.detail.eventTime')}",
            f"Refused as: {field('$.detail.errorCode')} (nothing here: it was done)",
            "A deployment of ours does this when it changes the bucket. If none was under way, ask who it was, look at "
            "the bucket's policy, and deploy again to have ours back.",
        )
        pattern = events.EventPattern(
            source=[f"aws.{service}"],
            detail_type=["AWS API Call via CloudTrail"],
            detail={"eventSource": [f"{service}.amazonaws.com"], "eventName": list(calls), **detail},
        )
        self._tell(construct_id, what, pattern, lines)

    def _tell_of_findings(self) -> None:
        names = [self._add_rule(promise, identifier) for promise, identifier in CONFIG_RULES.items()]
        if self._config.replica_region:
            names.append(self._add_rule("is_copied", MANAGED.S3_BUCKET_REPLICATION_ENABLED))
        control = self._most_that_is_allowed()
        names.append(self._add_rule("lets_in_nobody_else", MANAGED.S3_BUCKET_POLICY_NOT_MORE_PERMISSIVE, control))
        field = events.EventField.from_path
        what = f"AWS Config finds billing bucket {self._bucket_name} less guarded than it should be."
        lines = (
            what,
            f"Rule: {field('$.detail.configRuleName')}",
            f"When: {field('$.detail.newEvaluationResult.resultRecordedTime')}",
            "Look in CloudTrail for who changed it, and deploy again to have ours back.",
        )
        pattern = events.EventPattern(
            source=["aws.config"],
            detail_type=["Config Rules Compliance Change"],
            detail={
                "messageType": ["ComplianceChangeNotification"],
                "configRuleName": names,
                "resourceId": [self._bucket_name],
                "newEvaluationResult": {"complianceType": ["NON_COMPLIANT"]},
            },
        )
        self._tell("BucketUnguarded", what, pattern, lines)

    def _most_that_is_allowed(self) -> dict[str, str]:
        """The parameters of the rule that compares the policy: they have room for readers' accounts, not for roles."""
        statements: list[dict[str, Any]] = []
        for grant in bill_grants(f"arn:aws:s3:::{self._bucket_name}", self._config):
            statement = cdk.Stack.of(self).resolve(grant.to_statement_json())
            left_out = {"Sid", "Condition"} if "AWS" in statement["Principal"] else {"Sid"}
            statements.append({key: of for key, of in statement.items() if key not in left_out})
        control = {"controlPolicy": _compact({"Version": "2012-10-17", "Statement": statements})}
        if len(_compact(control)) > LONGEST_PARAMETERS:
            raise ValueError(
                f"bill_readers are of too many accounts for AWS Config, which takes {LONGEST_PARAMETERS} characters: "
                "name roles of fewer accounts, or turn records_configuration off"
            )
        return control

    def _add_rule(self, promise: str, identifier: str, parameters: Mapping[str, str] | None = None) -> str:
        name = name_of(self._config, f"billing_bucket_{promise}")
        config_rules.ManagedRule(
            self,
            "".join(word.capitalize() for word in promise.split("_")),
            config_rule_name=name,
            identifier=identifier,
            input_parameters=parameters,
            rule_scope=config_rules.RuleScope.from_resource(config_rules.ResourceType.S3_BUCKET, self._bucket_name),
        )
        return name

    def _tell(self, construct_id: str, what: str, pattern: events.EventPattern, lines: Sequence[str]) -> None:
        rule = events.Rule(self, construct_id, description=what, event_pattern=pattern)
        text = events.RuleTargetInput.from_multiline_text("\n".join(lines))
        rule.add_target(
            targets.SnsTopic(self._topic, message=text, role=self._publisher, dead_letter_queue=self.undelivered)
        )


def _compact(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))
