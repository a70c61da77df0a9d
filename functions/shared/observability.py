"""Logger, metrics and tracer of every function, named once."""

from aws_lambda_powertools import Logger, Metrics, Tracer

SERVICE = "chargeback"

logger = Logger(service=SERVICE)
metrics = Metrics(namespace="Chargeback", service=SERVICE)
tracer = Tracer(service=SERVICE)
