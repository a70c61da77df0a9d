"""boto3 clients of the local cloud, shared by threads: creating one is slow, and not safe in two threads at once."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config

from local.aws.accounts import ACCOUNT_ID, operators_key

_lock = threading.Lock()


def client(service: str, region: str, account_id: str = ACCOUNT_ID) -> Any:
    """A client that talks to the local cloud, whatever credentials the surrounding process has."""
    with _lock:
        return _client(service, region, account_id)


def client_where(arn: str, service: str | None = None) -> Any:
    """A client of an ARN's service, or another one, in the ARN's region and account."""
    named, region, account_id = arn.split(":")[2:5]
    return client(service or named, region, account_id)


@lru_cache(maxsize=256)
def _client(service: str, region: str, account_id: str) -> Any:
    once = Config(retries={"max_attempts": 0, "total_max_attempts": 1})
    return _session(account_id).client(service, region_name=region, config=once)


@lru_cache(maxsize=16)
def _session(account_id: str) -> Any:
    return boto3.session.Session(aws_access_key_id=operators_key(account_id), aws_secret_access_key="local")  # noqa: S106
