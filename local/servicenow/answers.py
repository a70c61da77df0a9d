"""Answers in ServiceNow's shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus


@dataclass(frozen=True)
class Answer:
    """A status, a JSON body and further headers."""

    status: int
    body: object
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json;charset=UTF-8"

    def encoded(self, method: str) -> bytes:
        """The answer as it goes over the wire."""
        text = self.body if isinstance(self.body, str) else json.dumps(self.body, ensure_ascii=False)
        content = text.encode()
        headers = {"Content-Type": self.content_type, "Content-Length": str(len(content)), **self.headers}
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if method == "HEAD" else content)


def failure(status: int, message: str, detail: str | None, headers: Mapping[str, str] | None = None) -> Answer:
    """ServiceNow's error body."""
    return Answer(status, {"error": {"message": message, "detail": detail}, "status": "failure"}, headers or {})


NOT_AUTHENTICATED = failure(
    401,
    "User Not Authenticated",
    "Required to provide Auth information",
    {"WWW-Authenticate": 'BASIC realm="Service-now"'},
)
NOT_ALLOWED = failure(403, "Operation Failed", "ACL Exception Insert Failed due to security constraints")
NOT_FOUND = failure(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
TOO_MANY_REQUESTS = failure(
    429,
    "Rate limit exceeded",
    "Rate limit of 100 requests per hour for Table API exceeded",
    {"Retry-After": "3", "X-RateLimit-Limit": "100", "X-RateLimit-Rule": "Table API per hour"},
)
BROKEN = failure(500, "Internal Server Error", "Transaction cancelled: maximum execution time exceeded")
ASLEEP = Answer(200, "<html><body>Your instance is hibernating</body></html>", content_type="text/html;charset=UTF-8")
