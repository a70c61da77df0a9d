"""Keeps the operator's own AWS configuration, and with it every real account, out of the local cloud."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

NO_CONFIGURATION = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def without_aws_configuration(region: str) -> Iterator[None]:
    """Profiles, endpoints and credentials of the surrounding shell do not apply within."""
    outside = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    for name in outside:
        del os.environ[name]
    os.environ.update(NO_CONFIGURATION | {"AWS_DEFAULT_REGION": region})
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(outside)
