"""The books in ServiceNow, over its Table API: find records by a query, create one, and charges as expense lines.

A read is retried here, with jitter; a write never is, because its caller looks first whether the record is there.
No secret reaches a message: credentials are SecretStr, and whatever ServiceNow says is redacted before it is quoted.
"""

from __future__ import annotations

import base64
import random
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Annotated, Literal, NamedTuple, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, TypeAdapter, ValidationError

from functions.post_charge.logic import BookedCharge, Charge
from functions.shared.errors import BooksUnavailable, PostingMismatch, PostingRejected, PostingUnauthorized
from functions.shared.money import format_cents, parse_money
from functions.shared.periods import BillingPeriod

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_QUOTED_CHARACTERS = 300
_SHORTEST_SECRET_TO_REDACT = 4
_FIRST_BACKOFF_SECONDS = 0.5

Record = dict[str, str]
_RECORD = TypeAdapter(Record)
_RECORDS = TypeAdapter(list[Record])
_T = TypeVar("_T")


class OAuthClientCredentials(BaseModel):
    """An OAuth application of the instance; the grant acts as its OAuth Application User."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Literal["oauth_client_credentials"]
    client_id: str = Field(min_length=1)
    client_secret: SecretStr = Field(min_length=1)


class BasicCredentials(BaseModel):
    """A user of the instance."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Literal["basic"]
    username: str = Field(min_length=1)
    password: SecretStr = Field(min_length=1)


ServiceNowCredentials = Annotated[OAuthClientCredentials | BasicCredentials, Field(discriminator="kind")]


class _Unavailable(Exception):
    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class _Answer(NamedTuple):
    result: object
    total: int | None


@cache
def _trusted_authorities() -> ssl.SSLContext:
    """Reading the certificate authorities takes longer than posting a charge."""
    return httpx.create_ssl_context()


class ServiceNowClient:
    """One instance, one user. Safe to share between threads; close it or use it as a context manager."""

    def __init__(
        self,
        base_url: str,
        credentials: ServiceNowCredentials,
        *,
        timeout_seconds: float,
        read_attempts: int = 4,
        longest_wait_seconds: float = 20.0,
        page_size: int = 1000,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        url = _safe_url(base_url)
        self._credentials = credentials
        self._timeout_seconds = timeout_seconds
        self._read_attempts = read_attempts
        self._longest_wait_seconds = longest_wait_seconds
        self._page_size = page_size
        self._sleep = sleep
        self._jitter = jitter
        self._token: str | None = None
        self._secrets: set[str] = set()
        self._http = httpx.Client(
            base_url=url,
            timeout=timeout_seconds,
            headers={"Accept": "application/json"},
            trust_env=url.host not in _LOOPBACK,
            verify=_trusted_authorities(),
        )

    def __enter__(self) -> ServiceNowClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the connections."""
        self._http.close()

    def find_records(
        self, table: str, query: str, fields: Sequence[str], *, at_most: int | None = None
    ) -> list[Record]:
        """The records an encoded query selects, in a stable order, read page by page.

        The instance leaves out columns that the table does not have, and by default ignores a condition on one: a
        caller who must not act on foreign records asks for the column too, and compares.
        """
        page_size = self._page_size if at_most is None else min(self._page_size, at_most)
        found: list[Record] = []
        offset = 0
        while True:
            params = {
                "sysparm_query": query if "ORDERBY" in query else "^".join(filter(None, (query, "ORDERBYsys_id"))),
                "sysparm_fields": ",".join(fields),
                "sysparm_exclude_reference_link": "true",
                "sysparm_limit": str(page_size),
                "sysparm_offset": str(offset),
            }
            answer = self._patiently(partial(self._call, "GET", table, params))
            page = _validated(_RECORDS, answer.result, f"ServiceNow GET {table}")
            found += page
            offset += page_size
            # Rows are hidden by ACLs after the limit is applied, so a short page is not always the last one.
            more = len(page) == page_size if answer.total is None else offset < answer.total
            if not more or (at_most is not None and offset >= at_most):
                return found[:at_most]

    def create_record(self, table: str, fields: Mapping[str, str]) -> Record:
        """Creates one record, in one attempt. After BooksUnavailable it may exist or not: look before trying again."""
        params = {"sysparm_exclude_reference_link": "true"}
        answer = self._patiently(partial(self._call, "POST", table, params, dict(fields)), attempts=1)
        return _validated(_RECORD, answer.result, f"ServiceNow POST {table}")

    def _patiently(self, ask: Callable[[], _T], attempts: int | None = None) -> _T:
        attempt = 0
        while True:
            attempt += 1
            try:
                return ask()
            except _Unavailable as unavailable:
                asked_to_wait = unavailable.retry_after or 0.0
                last = attempt >= (attempts or self._read_attempts)
                # Knocking earlier than asked would only use up the quota of the next hour.
                if last or asked_to_wait > self._longest_wait_seconds:
                    raise BooksUnavailable(str(unavailable)) from unavailable.__cause__
                backoff = _FIRST_BACKOFF_SECONDS * 2 ** (attempt - 1) * (0.5 + self._jitter())
                self._sleep(min(max(backoff, asked_to_wait), self._longest_wait_seconds))

    def _call(self, method: str, table: str, params: Record, record: Record | None = None) -> _Answer:
        what = f"ServiceNow {method} {table}"
        response = self._request_table(what, method, table, params, record)
        if response.status_code == httpx.codes.UNAUTHORIZED and self._credentials.kind == "oauth_client_credentials":
            self._token = None
            response = self._request_table(what, method, table, params, record)
        payload = self._payload(response, what)
        if not isinstance(payload, dict) or "result" not in payload:
            raise _Unavailable(f"{what}: the answer has no result; is this address a ServiceNow instance?")
        total = response.headers.get("X-Total-Count", "")
        return _Answer(payload["result"], int(total) if total.isdecimal() else None)

    def _request_table(
        self, what: str, method: str, table: str, params: Record, record: Record | None
    ) -> httpx.Response:
        headers = {"Authorization": self._authorization()}
        send = partial(self._http.request, params=params, json=record, headers=headers)
        return self._exchange(what, partial(send, method, f"/api/now/table/{table}"))

    def _authorization(self) -> str:
        if isinstance(self._credentials, BasicCredentials):
            password = self._credentials.password.get_secret_value()
            encoded = base64.b64encode(f"{self._credentials.username}:{password}".encode()).decode()
            self._secrets |= {password, encoded}
            return f"Basic {encoded}"
        token = self._token or self._patiently(partial(self._request_token, self._credentials))
        self._token = token
        return f"Bearer {token}"

    def _request_token(self, credentials: OAuthClientCredentials) -> str:
        what = "ServiceNow POST oauth_token.do"
        secret = credentials.client_secret.get_secret_value()
        self._secrets.add(secret)
        form = {"grant_type": "client_credentials", "client_id": credentials.client_id, "client_secret": secret}
        response = self._exchange(what, partial(self._http.post, "/oauth_token.do", data=form))
        if response.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.FORBIDDEN):
            raise PostingUnauthorized(self._refusal(what, response) + _CHECK_CREDENTIALS)
        payload = self._payload(response, what)
        token = payload.get("access_token") if isinstance(payload, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            raise _Unavailable(f"{what}: the answer has no access_token")
        self._secrets.add(token)
        return token

    def _exchange(self, what: str, send: Callable[[], httpx.Response]) -> httpx.Response:
        try:
            return send()
        except httpx.TimeoutException as error:
            raise _Unavailable(f"{what}: no answer within {self._timeout_seconds:g} s") from error
        except httpx.RequestError as error:
            raise _Unavailable(f"{what}: {self._redacted(str(error) or type(error).__name__)}") from error

    def _payload(self, response: httpx.Response, what: str) -> object:
        status = response.status_code
        if status in (httpx.codes.OK, httpx.codes.CREATED):
            try:
                return response.json()
            except ValueError:
                raise _Unavailable(f"{what}: {status}, but the body is not JSON; is the instance awake?") from None
        refusal = self._refusal(what, response)
        if status == httpx.codes.UNAUTHORIZED:
            raise PostingUnauthorized(refusal + _CHECK_CREDENTIALS)
        transient = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)
        if status >= httpx.codes.INTERNAL_SERVER_ERROR or status in transient:
            retry_after = response.headers.get("Retry-After", "")
            hint = f" (Retry-After {self._redacted(retry_after)})" if retry_after else ""
            raise _Unavailable(refusal + hint, float(retry_after) if retry_after.isdecimal() else None)
        if status >= httpx.codes.BAD_REQUEST:
            raise PostingRejected(refusal)
        raise _Unavailable(f"{what}: {status} is no answer of the Table API; check the address of the instance")

    def _refusal(self, what: str, response: httpx.Response) -> str:
        return f"{what}: {response.status_code} {self._redacted(_stated_reason(response))}"

    def _redacted(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            if len(secret) >= _SHORTEST_SECRET_TO_REDACT:
                text = text.replace(secret, "[redacted]")
        return " ".join(text.split())[:_QUOTED_CHARACTERS]


_CHECK_CREDENTIALS = "; check the stored credentials, and that the grant and its user are enabled"


def _safe_url(base_url: str) -> httpx.URL:
    """Credentials travel over TLS only, except to this machine; and are not part of an address."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        raise PostingRejected("the address of the ServiceNow instance cannot be read as a URL") from None
    if url.userinfo:
        raise PostingRejected(f"the address of the ServiceNow instance {url.host} must not contain credentials")
    if not url.host or (url.scheme != "https" and not (url.scheme == "http" and url.host in _LOOPBACK)):
        raise PostingRejected(f"the address of the ServiceNow instance must be https, not {url.scheme}://{url.host}")
    return url


def _stated_reason(response: httpx.Response) -> str:
    """ServiceNow's message and detail, or OAuth's error and description; other bodies are not quoted."""
    try:
        body = response.json()
    except ValueError:
        return response.reason_phrase
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        stated = [error.get("message"), error.get("detail")]
    else:
        stated = [error, body.get("error_description") if error else None]
    return ": ".join(part for part in stated if isinstance(part, str) and part) or response.reason_phrase


def _validated(shape: TypeAdapter[_T], result: object, what: str) -> _T:
    try:
        return shape.validate_python(result, strict=True)
    except ValidationError:
        raise BooksUnavailable(f"{what}: the answer's result is not records of text values") from None


_Column = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class ExpenseLineMapping(BaseModel):
    """Which table and columns of the instance hold a charge.

    ``key_column`` holds 64 characters and has a unique index. ``cost_center_column`` is text, or, when
    ``cost_center_table`` is given, a reference to the record of that table whose ``cost_center_code_column`` is the
    cost center. ``constants`` are further columns with the same value on every line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: _Column = "fm_expense_line"
    key_column: _Column = "u_chargeback_key"
    amount_column: _Column = "amount"
    currency_column: _Column = "u_currency"
    cost_center_column: _Column = "u_cost_center"
    cost_center_table: _Column | None = None
    cost_center_code_column: _Column = "code"
    description_column: _Column = "short_description"
    date_column: _Column = "process_date"
    statement_sha256_column: _Column | None = None
    constants: dict[_Column, str] = Field(default_factory=dict)


class ServiceNowChargeBook:
    """Charges as expense lines: the ``ChargeBook`` that ``post_charge`` is given."""

    def __init__(self, client: ServiceNowClient, mapping: ExpenseLineMapping) -> None:
        self._client = client
        self._mapping = mapping

    @property
    def table(self) -> str:
        """The expense lines' table."""
        return self._mapping.table

    def find(self, key: str) -> list[BookedCharge]:
        """The lines with this key, two at most. Raises PostingRejected when the table has no such column."""
        columns = self._mapping
        fields = ["sys_id", columns.key_column, columns.amount_column, columns.currency_column]
        fields.append(columns.cost_center_column)
        records = self._client.find_records(columns.table, f"{columns.key_column}={key}", fields, at_most=2)
        for record in records:
            self._require_key(record, key)
        return [self._booked(record) for record in records]

    def create(self, key: str, charge: Charge) -> None:
        """Creates the line; a credit has a negative amount. Raises PostingMismatch when its key was not kept."""
        columns = self._mapping
        fields = columns.constants | {
            columns.key_column: key,
            columns.amount_column: format_cents(charge.amount),
            columns.currency_column: charge.billing_currency,
            columns.cost_center_column: self._cost_center_value(charge.cost_center),
            columns.description_column: charge.description,
            columns.date_column: BillingPeriod.parse(charge.billing_period).last_day.isoformat(),
        }
        if columns.statement_sha256_column:
            fields[columns.statement_sha256_column] = charge.statement_sha256
        self._require_key(self._client.create_record(columns.table, fields), key)

    def _require_key(self, record: Record, key: str) -> None:
        column = self._mapping.key_column
        held = record.get(column)
        if held is None:
            raise PostingRejected(f"{self.table} shows no column {column}; add it, readable by us, with a unique index")
        if held != key:
            raise PostingMismatch(
                f"{self.table}: record {record.get('sys_id')} has {column} {held!r} instead of {key}; void the record "
                f"and make the column hold {len(key)} characters"
            )

    def _booked(self, record: Record) -> BookedCharge:
        columns = self._mapping
        amount, sys_id = record.get(columns.amount_column, ""), record.get("sys_id", "")
        try:
            return BookedCharge(
                sys_id=sys_id,
                amount=parse_money(amount),
                currency=record.get(columns.currency_column, ""),
                cost_center=self._cost_center_of(record.get(columns.cost_center_column, "")),
            )
        except ValueError:
            raise PostingMismatch(f"{self.table}: record {sys_id} holds {amount!r}, which is no amount") from None

    def _cost_center_value(self, cost_center: str) -> str:
        columns = self._mapping
        if columns.cost_center_table is None:
            return cost_center
        column = columns.cost_center_code_column
        found = self._cost_centers(f"{column}={cost_center}")
        if len(found) != 1 or found[0].get(column) != cost_center:
            raise PostingRejected(
                f"{columns.cost_center_table}: cost center {cost_center!r} should be there once by its {column}, and "
                "is not; nothing was posted for it"
            )
        return found[0]["sys_id"]

    def _cost_center_of(self, value: str) -> str:
        if self._mapping.cost_center_table is None or not value:
            return value
        found = self._cost_centers(f"sys_id={value}")
        return found[0].get(self._mapping.cost_center_code_column, "") if found else ""

    def _cost_centers(self, query: str) -> list[Record]:
        table = self._mapping.cost_center_table or ""
        return self._client.find_records(table, query, ["sys_id", self._mapping.cost_center_code_column], at_most=2)
