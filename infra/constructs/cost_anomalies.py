"""Cost Anomaly Detection: what deviates from AWS's own forecast, by account and by cost-allocation tag."""

from __future__ import annotations

import json

from aws_cdk import aws_ce as ce
from aws_cdk import aws_sns as sns
from constructs import Construct, IDependable

from infra.config import AnomalySettings


def threshold(settings: AnomalySettings) -> str:
    """From which impact an anomaly is told: the amount AND the percentage.

    With OR a workload of a few dollars that doubles is told, and so is a large one that moves within its habits.
    """
    impacts = {
        "ANOMALY_TOTAL_IMPACT_ABSOLUTE": settings.impact_usd,
        "ANOMALY_TOTAL_IMPACT_PERCENTAGE": settings.impact_percent,
    }
    conditions = [
        {"Dimensions": {"Key": key, "MatchOptions": ["GREATER_THAN_OR_EQUAL"], "Values": [f"{value:f}"]}}
        for key, value in impacts.items()
    ]
    return json.dumps({"And": conditions})


class CostAnomalies(Construct):
    """Monitors, and one subscription that tells the topic of an anomaly as soon as it is found."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        settings: AnomalySettings,
        topic: sns.ITopic,
        tags_are_active: IDependable,
        topic_takes_messages: IDependable,
    ) -> None:
        super().__init__(scope, construct_id)
        monitors = [
            ce.CfnAnomalyMonitor(
                self,
                "Accounts",
                monitor_name=f"{name} by account",
                monitor_type="DIMENSIONAL",
                monitor_dimension="LINKED_ACCOUNT",
            )
        ]
        if settings.tag:
            by_tag = ce.CfnAnomalyMonitor(
                self,
                "Tag",
                monitor_name=f"{name} by {settings.tag}",
                monitor_type="DIMENSIONAL",
                monitor_dimension="TAG",
                monitor_specification=json.dumps({"Tags": {"Key": settings.tag}}),
            )
            by_tag.node.add_dependency(tags_are_active)
            monitors.append(by_tag)
        subscription = ce.CfnAnomalySubscription(
            self,
            "Subscription",
            subscription_name=name,
            # Only a topic is told at once; mail of AWS's own comes once a day.
            frequency="IMMEDIATE",
            monitor_arn_list=[monitor.attr_monitor_arn for monitor in monitors],
            subscribers=[ce.CfnAnomalySubscription.SubscriberProperty(type="SNS", address=topic.topic_arn)],
            threshold_expression=threshold(settings),
        )
        subscription.node.add_dependency(topic_takes_messages)
