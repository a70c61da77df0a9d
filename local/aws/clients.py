"""boto3 clients of the local cloud, shared by threads: creating one is slow, and not safe in two threads at once."""

from __future__ import annotations

import threading
from typing import Any

import boto3
from botocore.config import Config

_lock = threading.Lock()
_CREDENTIALS = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
_clients: dict[tuple[str, str], Any] = {}
_CONFIG = Config(retries={"max_attempts": 0, "total_max_attempts": 1}, parameter_validation=True)


def client(service: str, region: str) -> Any:
    """A client that talks to the local cloud, whatever credentials the surrounding process has."""
    with _lock:
        key = (service, region)
        if key not in _clients:
            session: Any = boto3.session.Session
            _clients[key] = session(**_CREDENTIALS, region_name=region).client(service, config=_CONFIG)
        return _clients[key]
