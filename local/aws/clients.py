"""boto3 clients of the local cloud, shared by threads: creating one is slow, and not safe in two threads at once."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config

_lock = threading.Lock()


def client(service: str, region: str) -> Any:
    """A client that talks to the local cloud, whatever credentials the surrounding process has."""
    with _lock:
        return _client(service, region)


@lru_cache(maxsize=256)
def _client(service: str, region: str) -> Any:
    once = Config(retries={"max_attempts": 0, "total_max_attempts": 1})
    return _session().client(service, region_name=region, config=once)


@lru_cache(maxsize=1)
def _session() -> Any:
    return boto3.session.Session(aws_access_key_id="local", aws_secret_access_key="local")  # noqa: S106
