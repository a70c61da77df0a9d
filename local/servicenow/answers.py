"""Answers in ServiceNow's shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus


@dataclass(frozen=True)
class Answer:
    """A status, a body (JSON, text, or the bytes of a file) and further headers."""

    status: int
    body: object
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json;charset=UTF-8"

    @property
    def content(self) -> bytes:
        """The body as it goes over the wire."""
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body, ensure_ascii=False)).encode()

    @property
    def head(self) -> bytes:
        """Everything before the body."""
        length = str(len(self.content))
        headers = {"Content-Type": self.content_type, "Content-Length": length, **self.headers}
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def with_headers(self, headers: Mapping[str, str]) -> Answer:
        """The same with more headers."""
        return replace(self, headers={**self.headers, **headers})

    def cut_short(self) -> Answer:
        """The same with half of the body, as a proxy that gave up in the middle would pass it on."""
        return replace(self, body=self.content[: len(self.content) // 2])


def failure(status: int, message: str, detail: str | None, headers: Mapping[str, str] | None = None) -> Answer:
    """ServiceNow's error body."""
    return Answer(status, {"error": {"message": message, "detail": detail}, "status": "failure"}, headers or {})


NOT_AUTHENTICATED = failure(
    401,
    "User Not Authenticated",
    "Required to provide Auth information",
    {"WWW-Authenticate": 'BASIC realm="Service-now"'},
)
TOKEN_DENIED = Answer(401, {"error_description": "access_denied", "error": "server_error"})
NOT_ALLOWED = failure(403, "Operation Failed", "ACL Exception Insert Failed due to security constraints")
NOT_CHANGED = failure(403, "Operation Failed", "ACL Exception Update Failed due to security constraints")
NOT_QUERIED = failure(403, "Insufficient rights to query records", "ACL restricts reading")
NOT_FOUND = failure(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
CONFLICT = failure(409, "Conflict", "The record was changed by another request")
BROKEN = failure(500, "Internal Server Error", "Transaction cancelled: maximum execution time exceeded")
ASLEEP = Answer(200, "<html><body>Your instance is hibernating</body></html>", content_type="text/html;charset=UTF-8")
NO_RESOURCE = failure(400, "Requested URI does not represent any resource", None)
UNREADABLE = failure(400, "Exception while reading request", "The payload is not valid JSON.")


def too_many_requests(limit: int) -> Answer:
    """What an instance says beyond a rate limit, before headers."""
    detail = f"Rate limit of {limit} requests per hour for Table API exceeded"
    return failure(429, "Rate limit exceeded", detail)


def invalid_table(table: str) -> Answer:
    """The answer about a table that the instance does not have."""
    return failure(400, f"Invalid table {table}", None)


def unique_violation(table: str, why: Exception) -> Answer:
    """The answer to an insert that a unique index refuses."""
    detail = f"Error during insert of {table}: Unique Key violation detected by database ({why})"
    return failure(403, "Operation Failed", detail)
