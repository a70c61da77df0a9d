"""Logger, metrics and tracer of every function, named once."""

import warnings

from aws_lambda_powertools import Logger, Metrics, Tracer

SERVICE = "chargeback"

logger = Logger(service=SERVICE)
metrics = Metrics(namespace="Chargeback", service=SERVICE)
tracer = Tracer(service=SERVICE)

# Most functions count something only when it happens; that is no reason for a warning in every log.
warnings.filterwarnings("ignore", message="No application metrics to publish")
