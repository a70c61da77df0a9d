"""``python -m local serve``: the local cloud at an address, for the CDK CLI, the AWS CLI and whoever speaks to AWS."""

from __future__ import annotations

import shlex
import signal
import threading
from pathlib import Path
from types import FrameType

from infra.environments import REHEARSAL
from local.aws.cloud import LocalCloud
from local.aws.endpoint import Endpoint
from local.progress import Show


def serve(out: Path, port: int, show: Show) -> int:
    """Serves until it is interrupted or told to terminate; returns the exit code."""
    stopped = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopped.set()

    with LocalCloud(out / ".cloud", region=REHEARSAL.region) as cloud, Endpoint(cloud, port) as endpoint:
        cloud.accept_stacks()
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            for name, value in endpoint.environment().items():
                show(f"export {name}={shlex.quote(value)}")
            show(f"# The local cloud listens at {endpoint.url}; its state is in {out / '.cloud'}. Ctrl-C stops it.")
            stopped.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return 0
