"""A timestamp authority over HTTP (RFC 3161): says when a signature existed, even after its certificate has expired."""

# mypy: untyped-calls-exclude=asn1crypto

from __future__ import annotations

import httpx
from asn1crypto import cms, tsp
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.timestamps.common_utils import TimestampRequestError

from functions.shared.errors import TimestampUnavailable

NO_AUTHORITY = "none"
_TIMEOUT_SECONDS = 10.0
_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"


def timestamp_authority(url: str) -> TimeStamper | None:
    """The authority at a URL; None for "none", when signatures go without a timestamp and stay reproducible."""
    return None if url == NO_AUTHORITY else HttpTimestamps(url)


class HttpTimestamps(TimeStamper):
    """Asks for one timestamp a signature; raises TimestampUnavailable with the authority's answer when it gets none."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._url = url
        self._transport = transport

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        try:
            return await super().async_timestamp(message_digest, md_algorithm)
        except TimestampRequestError as error:
            raise TimestampUnavailable(f"{self._url}: {error}") from error

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        try:
            with httpx.Client(timeout=_TIMEOUT_SECONDS, transport=self._transport) as client:
                response = client.post(self._url, content=req.dump(), headers={"Content-Type": _QUERY})
        except httpx.HTTPError as error:
            raise TimestampUnavailable(f"{self._url}: {error or type(error).__name__}") from error
        kind = response.headers.get("Content-Type", "")
        if not response.is_success or kind != _REPLY:
            raise TimestampUnavailable(f"{self._url}: {response.status_code} {response.reason_phrase}, {kind}")
        answer: tsp.TimeStampResp = tsp.TimeStampResp.load(response.content)
        return answer
