"""Step Functions executions, as far as functions ask about them."""

from __future__ import annotations

import boto3
from botocore.exceptions import ClientError


def is_running(execution_id: str) -> bool:
    """Whether an execution still runs; one that Step Functions no longer knows does not."""
    client = boto3.client("stepfunctions")
    try:
        return client.describe_execution(executionArn=execution_id)["status"] == "RUNNING"
    except ClientError as error:
        if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
            return False
        raise
