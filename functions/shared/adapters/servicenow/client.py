"""Asks an instance, and waits for its answer as long as the caller has time; every failure is a named error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import Any, TypeVar

import httpx

from functions.shared.adapters.servicenow.instance import Instance
from functions.shared.adapters.servicenow.patience import Patience, asked_to_wait
from functions.shared.adapters.servicenow.refusals import Reply, refusal_of, unreadable
from functions.shared.errors import BooksRateLimited, BooksUnavailable

LARGEST_ANSWER_BYTES = 64 * 1024 * 1024
_TIMEOUTS_PER_ANSWER = 3
SETTLED_SECONDS = 90.0
"""An instance cancels a REST transaction after 60 seconds, unless a transaction quota of its own says otherwise."""

_SECONDS_TO_LOOK = 5.0

_T = TypeVar("_T")


@dataclass(frozen=True)
class Request:
    """What is asked. ``about`` names it in messages: a table, or an API's own word.

    ``content`` is a file; otherwise ``record`` is sent as JSON. A ``form`` is a request for a token.
    """

    method: str
    path: str
    about: str
    params: Mapping[str, str] = field(default_factory=dict)
    record: Mapping[str, str] | None = None
    form: Mapping[str, str] | None = None
    content: bytes | None = None
    content_type: str = ""

    @property
    def what(self) -> str:
        """The request in a message."""
        return f"ServiceNow {self.method} {self.about}"

    @property
    def is_repeatable(self) -> bool:
        """Whether doing it twice is doing it once."""
        return self.method == "GET" or self.form is not None

    @property
    def body(self) -> dict[str, Any]:
        """What httpx is told to send."""
        if self.form is not None:
            return {"data": dict(self.form)}
        if self.content is not None:
            return {"content": self.content, "headers": {"Content-Type": self.content_type}}
        return {} if self.record is None else {"json": dict(self.record)}


class _Setback(Exception):
    """A failure that may pass. ``untouched`` if what was asked cannot have been done."""

    def __init__(self, error: BooksUnavailable, *, untouched: bool, asked: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.untouched = untouched
        self.asked = asked


class ServiceNowClient:
    """An instance, for as long as the caller has patience."""

    def __init__(self, instance: Instance, patience: Patience) -> None:
        self._instance = instance
        self._patience = patience
        self._timing = patience.timing

    def ask_json(self, request: Request) -> tuple[object, Mapping[str, str]]:
        """The ``result`` of an answer in JSON, and the answer's headers.

        Raises PostingUnauthorized, PostingRejected or one of its kinds, which asking again would not change; and
        BooksUnavailable or one of its kinds when it failed for now: then a write may have been done or not.
        """
        return self._patiently(request, partial(self._result, request))

    def ask_content(self, request: Request, size: int) -> bytes:
        """The content of a file that has that many bytes; raises as ``ask_json`` does."""
        return self._patiently(request, partial(self._content, request, size))

    def let_settle(self) -> None:
        """Waits until what was asked and not answered in time is done, or was given up by the instance."""
        self._timing.sleep(max(0.0, min(SETTLED_SECONDS, self._patience.seconds_left - _SECONDS_TO_LOOK)))

    def require_time_to_settle(self, what: str) -> None:
        """Before something without a unique index is made: raises BooksUnavailable if nobody could see it come late."""
        seconds = self._instance.timeout_seconds
        if self._patience.seconds_left < seconds + SETTLED_SECONDS:
            raise BooksUnavailable(f"{what}: no time left to see whether it arrives; run again to resume")

    def _patiently(self, request: Request, attempt: Callable[[], _T]) -> _T:
        for number in count(1):
            try:
                return attempt()
            except _Setback as setback:
                if not (request.is_repeatable or setback.untouched):
                    raise setback.error from setback.__cause__
                wait = self._patience.wait_after(number, setback.asked)
                if wait is None:
                    raise setback.error from setback.__cause__
            self._timing.sleep(wait)
        raise AssertionError("count() does not end")

    def _result(self, request: Request) -> tuple[object, Mapping[str, str]]:
        reply = self._authorized(request)
        body = _json_of(request, reply)
        if not isinstance(body, dict) or "result" not in body:
            raise _Setback(unreadable(request.what, f"{reply.status}, but the answer has no result"), untouched=False)
        return body["result"], reply.headers

    def _content(self, request: Request, size: int) -> bytes:
        content = self._authorized(request).content
        if len(content) != size:
            why = f"{len(content):,} bytes instead of {size:,}"
            raise _Setback(unreadable(request.what, why), untouched=False)
        return content

    def _authorized(self, request: Request) -> Reply:
        held = self._instance.authorization(self._timing.now())
        reply = self._exchange(request, held or self._new_token())
        if held and self._instance.has_tokens and reply.status == HTTPStatus.UNAUTHORIZED:
            reply = self._exchange(request, self._new_token())
        self._require_success(request, reply)
        return reply

    def _new_token(self) -> str:
        return self._patiently(_token_request({}), self._token)

    def _token(self) -> str:
        """One attempt to get a token. An assertion is made anew for each, as an instance takes none twice."""
        now = self._timing.now()
        request = _token_request(self._instance.token_request(now, self._timing.unique()))
        reply = self._exchange(request, None)
        self._require_success(request, reply)
        authorization = self._instance.take_token(_json_of(request, reply), now)
        if authorization is None:
            raise _Setback(unreadable(request.what, "the answer has no access_token"), untouched=False)
        return authorization

    def _require_success(self, request: Request, reply: Reply) -> None:
        error = refusal_of(request.what, reply, self._instance.redacted, token=request.form is not None)
        if error is None:
            return
        if isinstance(error, BooksUnavailable):
            is_limit = isinstance(error, BooksRateLimited)
            asked = asked_to_wait(reply.headers, self._timing.now(), is_limit=is_limit)
            if asked is not None:
                error = type(error)(f"{error} (asked to wait {asked:.0f} s)")
            raise _Setback(error, untouched=is_limit, asked=asked)
        raise error

    def _exchange(self, request: Request, authorization: str | None) -> Reply:
        """One request and its whole answer, unless it takes too long."""
        seconds = min(self._instance.timeout_seconds, self._patience.seconds_left)
        if seconds <= 0:
            raise _Setback(
                BooksUnavailable(f"{request.what}: no time left to ask; run again to resume"), untouched=True
            )
        body = request.body
        headers = {**body.pop("headers", {}), **({"Authorization": authorization} if authorization else {})}
        sending = partial(
            self._instance.http.stream, request.method, request.path, params=request.params, timeout=seconds
        )
        try:
            with sending(headers=headers, **body) as response:
                return Reply(response.status_code, response.headers, self._whole(request, response, seconds))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise _Setback(self._unreachable(request, error), untouched=True) from error
        except httpx.TimeoutException as error:
            pending = BooksUnavailable(f"{request.what}: no answer within {seconds:.3g} s; run again later")
            pending.is_pending = True
            raise _Setback(pending, untouched=False) from error
        except httpx.HTTPError as error:
            raise _Setback(self._unreachable(request, error), untouched=False) from error

    def _whole(self, request: Request, response: httpx.Response, seconds: float) -> bytes:
        """The body. One that comes in drops is given up in the end: no single drop would ever time out."""
        until = self._timing.clock() + min(_TIMEOUTS_PER_ANSWER * seconds, self._patience.seconds_left)
        content = bytearray()
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > LARGEST_ANSWER_BYTES:
                raise _Setback(unreadable(request.what, "the answer does not end"), untouched=False)
            if self._timing.clock() > until:
                raise httpx.ReadTimeout("the answer comes too slowly")
        return bytes(content)

    def _unreachable(self, request: Request, error: Exception) -> BooksUnavailable:
        said = self._instance.redacted(str(error)) or type(error).__name__
        return BooksUnavailable(f"{request.what}: {said}; run again later")


def _token_request(form: Mapping[str, str]) -> Request:
    return Request("POST", "/oauth_token.do", "oauth_token.do", form=form)


def _json_of(request: Request, reply: Reply) -> object:
    try:
        return reply.json()
    except ValueError:
        why = f"{reply.status}, but the body is not JSON"
        raise _Setback(unreadable(request.what, why), untouched=False) from None
