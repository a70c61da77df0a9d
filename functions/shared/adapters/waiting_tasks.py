"""Answers the execution that waits for an approver."""

from __future__ import annotations

import json

import boto3
from botocore.exceptions import ClientError

from functions.shared.errors import ApprovalNotAwaited, PostingNotApproved

_NO_LONGER_WAITING = {"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}


def answer_task(token: str, *, approved: bool, by: str, reason: str) -> None:
    """Lets the execution that waits go on, or fail as PostingNotApproved.

    Raises ApprovalNotAwaited when it waits no longer.
    """
    client = boto3.client("stepfunctions")
    try:
        if approved:
            client.send_task_success(taskToken=token, output=json.dumps({"approved_by": by}))
        else:
            client.send_task_failure(taskToken=token, error=PostingNotApproved.__name__, cause=f"{by}: {reason}")
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NO_LONGER_WAITING:
            raise
        raise ApprovalNotAwaited(
            "the execution that asked for the approval has ended; start the month again, and an approval holds"
        ) from error
