"""What an instance's answers mean: each refusal becomes a named error whose one line says what to do about it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from functions.shared.errors import (
    BooksAnswerUnreadable,
    BooksRateLimited,
    BooksRecordNotFound,
    BooksUnavailable,
    PostingConflict,
    PostingError,
    PostingForbidden,
    PostingRejected,
    PostingUnauthorized,
)

CHECK_CREDENTIALS = "; check the stored credentials, and that the grant and its user are enabled"
CHECK_ADDRESS = "; check base_url, and that the instance is awake"

_ADVICE: dict[int, str] = {
    HTTPStatus.BAD_REQUEST: "; check the mapping's tables and columns",
    HTTPStatus.UNAUTHORIZED: CHECK_CREDENTIALS,
    HTTPStatus.FORBIDDEN: "; give our user the role that the table's access rules ask for",
    HTTPStatus.NOT_FOUND: "; it was removed, or an access rule hides it from our user",
    HTTPStatus.CONFLICT: "; look at the record that is there",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "; raise com.glide.attachment.max_size",
    HTTPStatus.TOO_MANY_REQUESTS: "; run again later, or have the rate limit rule of our user raised",
}
_KINDS: dict[int, type[PostingError]] = {
    HTTPStatus.UNAUTHORIZED: PostingUnauthorized,
    HTTPStatus.FORBIDDEN: PostingForbidden,
    HTTPStatus.NOT_FOUND: BooksRecordNotFound,
    HTTPStatus.CONFLICT: PostingConflict,
    HTTPStatus.REQUEST_TIMEOUT: BooksUnavailable,
    HTTPStatus.TOO_MANY_REQUESTS: BooksRateLimited,
}
# An instance answers a violated unique index as it answers any other insert that fails; its words tell them apart.
_TAKEN = re.compile(r"unique key|duplicate entry|duplicate key", re.IGNORECASE)
_PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


class Reply(NamedTuple):
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> object:
        """The body; raises ValueError when it is no JSON."""
        return json.loads(self.content)


def refusal_of(what: str, reply: Reply, redacted: Callable[[str], str], *, token: bool = False) -> PostingError | None:
    """The error that an answer means; None when it is a success.

    ``what`` was asked ("ServiceNow GET fm_expense_line"); ``token`` says that it was an access token.
    """
    status = reply.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    said = redacted(_stated_reason(reply))
    refused = f"{what}: {status} {said}".rstrip()
    if status < HTTPStatus.BAD_REQUEST:
        return PostingRejected(f"{refused} is no answer of an API{CHECK_ADDRESS}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return BooksUnavailable(f"{refused}; run again later")
    if token and status not in _PASSING:
        return PostingUnauthorized(refused + CHECK_CREDENTIALS)
    if _TAKEN.search(said):
        return PostingConflict(refused + _ADVICE[HTTPStatus.CONFLICT])
    return _KINDS.get(status, PostingRejected)(refused + _ADVICE.get(status, ""))


def unreadable(what: str, why: str) -> BooksAnswerUnreadable:
    """The error of an answer that is not what was asked for."""
    return BooksAnswerUnreadable(f"{what}: {why}{CHECK_ADDRESS}")


def _stated_reason(reply: Reply) -> str:
    """ServiceNow's message and detail, or OAuth's error and description; other bodies are not quoted."""
    phrase = HTTPStatus(reply.status).phrase if reply.status in set(HTTPStatus) else ""
    try:
        body = reply.json()
    except ValueError:
        return phrase
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        stated = [error.get("message"), error.get("detail")]
    else:
        stated = [error, body.get("error_description") if isinstance(body, dict) and error else None]
    return ": ".join(part for part in stated if isinstance(part, str) and part) or phrase
