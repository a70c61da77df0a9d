"""CloudWatch logs, metrics, alarms and dashboards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.aws.resources import Created, Handler, Request, applies, camel, tag_map, truth


@applies(
    "KmsKeyId",
    "LogGroupClass",
    "LogGroupName",
    "RetentionInDays",
    "Tags",
    leaves_out={"DeletionProtectionEnabled": "the local cloud ends as a whole"},
)
def log_group(request: Request) -> Created:
    logs = request.client("logs")
    name = request.properties.get("LogGroupName", request.name)
    optional = camel(request.pick("KmsKeyId", "LogGroupClass"))
    logs.create_log_group(logGroupName=name, tags=tag_map(request.properties.get("Tags")), **optional)
    if "RetentionInDays" in request.properties:
        logs.put_retention_policy(logGroupName=name, retentionInDays=int(request.properties["RetentionInDays"]))
    return Created(name, {"Arn": f"arn:aws:logs:{request.region}:{request.account_id}:log-group:{name}:*"})


@applies("FilterName", "FilterPattern", "LogGroupName", "MetricTransformations")
def metric_filter(request: Request) -> Created:
    properties = request.properties
    name = properties.get("FilterName", request.name)
    request.client("logs").put_metric_filter(
        logGroupName=properties["LogGroupName"],
        filterName=name,
        filterPattern=properties["FilterPattern"],
        metricTransformations=[_transformation(one) for one in properties["MetricTransformations"]],
    )
    return Created(name)


def _transformation(transformation: Mapping[str, Any]) -> dict[str, Any]:
    converted: dict[str, Any] = camel({name: value for name, value in transformation.items() if name != "Dimensions"})
    if "defaultValue" in converted:
        converted["defaultValue"] = float(converted["defaultValue"])
    if "Dimensions" in transformation:
        converted["dimensions"] = {one["Key"]: one["Value"] for one in transformation["Dimensions"]}
    return converted


_ALARM_PROPERTIES = (
    "ActionsEnabled",
    "AlarmActions",
    "AlarmDescription",
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluateLowSampleCountPercentile",
    "EvaluationPeriods",
    "ExtendedStatistic",
    "InsufficientDataActions",
    "MetricName",
    "Metrics",
    "Namespace",
    "OKActions",
    "Period",
    "Statistic",
    "Tags",
    "Threshold",
    "ThresholdMetricId",
    "TreatMissingData",
    "Unit",
)


@applies("AlarmName", *_ALARM_PROPERTIES)
def alarm(request: Request) -> Created:
    name = request.properties.get("AlarmName", request.name)
    settings = request.pick(*_ALARM_PROPERTIES)
    for number in ("DatapointsToAlarm", "EvaluationPeriods", "Period"):
        if number in settings:
            settings[number] = int(settings[number])
    if "Threshold" in settings:
        settings["Threshold"] = float(settings["Threshold"])
    if "ActionsEnabled" in settings:
        settings["ActionsEnabled"] = truth(settings["ActionsEnabled"])
    request.client("cloudwatch").put_metric_alarm(AlarmName=name, **settings)
    return Created(name, {"Arn": f"arn:aws:cloudwatch:{request.region}:{request.account_id}:alarm:{name}"})


@applies("DashboardBody", "DashboardName", leaves_out={"Tags": "moto keeps no tags of dashboards"})
def dashboard(request: Request) -> Created:
    name = request.properties.get("DashboardName", request.name)
    request.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=request.properties["DashboardBody"])
    return Created(name)


HANDLERS: dict[str, Handler] = {
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::CloudWatch::Dashboard": dashboard,
    "AWS::Logs::LogGroup": log_group,
    "AWS::Logs::MetricFilter": metric_filter,
}
