"""Logger, metrics and tracer of every function, named once; and the metrics that are told in more than one place."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider
from aws_lambda_powertools.metrics.provider.datadog import DatadogProvider

SERVICE = "chargeback"
NAMESPACE = "Chargeback"

logger = Logger(service=SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)
tracer = Tracer(service=SERVICE)

# Most functions count something only when it happens; that is no reason for a warning in every log.
warnings.filterwarnings("ignore", message="No application metrics to publish")

RECORDED: Mapping[str, MetricUnit] = {
    "UntaggedRatio": MetricUnit.Percent,
    "TagCoverage": MetricUnit.Percent,
    "SharedPoolShare": MetricUnit.Percent,
    "FreshnessLag": MetricUnit.Seconds,
    "SchemaDrift": MetricUnit.Count,
    "MonthOverMonthVariance": MetricUnit.Percent,
    "TicketsOpen": MetricUnit.Count,
    "TicketsOverdue": MetricUnit.Count,
    "QueryBytes": MetricUnit.Bytes,
    "QueryCost": MetricUnit.NoUnit,
}
"""What ``record_metrics`` takes: ratios, 0 to 1, are told in percent; a cost is in US dollars."""

_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")


def record_metrics(
    values: Mapping[str, Decimal | int], dimensions: Mapping[str, str] | None = None, *, to_datadog: bool = False
) -> None:
    """Tells CloudWatch, and Datadog if it reads our logs, the same values: ratios, seconds, bytes, counts or dollars.

    They have the dimensions given and no other, whatever a function counts beside them; a dimension with many values
    makes as many metrics, each of which costs. In Datadog ``UntaggedRatio`` is ``chargeback.untagged_ratio`` and
    dimensions are tags. Raises KeyError on a name that is not in RECORDED.
    """
    cloudwatch = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, service=SERVICE)
    datadog = DatadogProvider(namespace=SERVICE, flush_to_log=True)
    tags: dict[str, Any] = dict(dimensions or {})
    for dimension, of in tags.items():
        cloudwatch.add_dimension(dimension, of)
    for name, value in values.items():
        unit = RECORDED[name]
        # A metric is plotted and compared with a limit; nobody is charged by it.
        plotted = float(value * 100 if unit is MetricUnit.Percent else value)
        cloudwatch.add_metric(name, unit, plotted)
        datadog.add_metric(_WORDS.sub("_", name).lower(), plotted, **tags)
    cloudwatch.flush_metrics()
    if to_datadog:
        datadog.flush_metrics()
