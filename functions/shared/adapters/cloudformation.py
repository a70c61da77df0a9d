"""Answers CloudFormation about a custom resource, at the address that its request names."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from urllib.parse import urlsplit

from functions.shared.errors import AnswerNotDelivered

_ATTEMPTS = 3
_TIMEOUT_SECONDS = 10
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# The address is signed for S3 itself: through a proxy it would be another one's to answer.
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def send_answer(url: str, answer: Mapping[str, object], *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Puts the answer; raises AnswerNotDelivered when the address does not take it, however often it is tried."""
    _require_safe(url)
    # S3 signed the address for a body without a type.
    request = urllib.request.Request(  # noqa: S310 - checked above
        url, data=json.dumps(answer).encode(), method="PUT", headers={"Content-Type": ""}
    )
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with _DIRECTLY.open(request, timeout=_TIMEOUT_SECONDS):
                return
        except (OSError, HTTPException) as error:
            if attempt == _ATTEMPTS:
                # Without the address: whoever has it can answer in our place.
                raise AnswerNotDelivered(f"{urlsplit(url).hostname} did not take the answer: {error}") from error
            sleep(2.0**attempt)


def _require_safe(url: str) -> None:
    address = urlsplit(url)
    if address.scheme != "https" and not (address.scheme == "http" and address.hostname in _LOOPBACK):
        raise AnswerNotDelivered(f"the address to answer at must be https, not {address.scheme}://{address.hostname}")
