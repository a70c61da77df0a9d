"""One ServiceNow instance as one of its users: its address, the connections to it, and our access token."""

from __future__ import annotations

import base64
import math
import ssl
from collections.abc import Mapping
from functools import cache
from threading import Lock

import httpx

from functions.shared.adapters.servicenow.assertion import Sign, signed_assertion
from functions.shared.adapters.servicenow.credentials import BasicCredentials, OAuthJwtBearer, ServiceNowCredentials
from functions.shared.errors import PostingRejected, PostingUnauthorized
from functions.shared.redaction import redact

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_QUOTED_CHARACTERS = 300
_SHORTEST_SECRET_TO_REDACT = 4
_RENEWED_BEFORE_SECONDS = 60
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@cache
def _trusted_authorities() -> ssl.SSLContext:
    """Reading the certificate authorities takes longer than posting a charge."""
    return httpx.create_ssl_context()


class Instance:
    """Lives as long as the process: its connections stay open, and its token serves until shortly before it expires.

    ``sign`` signs with the key that JWT bearer credentials name. Safe to share between threads.
    """

    def __init__(
        self,
        base_url: str,
        credentials: ServiceNowCredentials,
        *,
        timeout_seconds: float = 20.0,
        sign: Sign | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        url = _safe_url(base_url)
        if isinstance(credentials, OAuthJwtBearer) and sign is None:
            raise PostingUnauthorized(f"nothing signs with {credentials.signing_key}; name a key in AWS KMS or Vault")
        self.timeout_seconds = timeout_seconds
        self._credentials = credentials
        self._sign = sign
        self._token: tuple[str, float] | None = None
        self._lock = Lock()
        self._secrets: set[str] = set()
        self.http = httpx.Client(
            base_url=url,
            timeout=timeout_seconds,
            headers={"Accept": "application/json"},
            trust_env=url.host not in _LOOPBACK,
            verify=_trusted_authorities(),
            transport=transport,
        )

    def close(self) -> None:
        """Lets go of the connections."""
        self.http.close()

    @property
    def has_tokens(self) -> bool:
        """Whether access is by tokens, which end, and can be renewed."""
        return not isinstance(self._credentials, BasicCredentials)

    def authorization(self, now: float) -> str | None:
        """The Authorization header at a moment (unix seconds); None when a token has to be asked for."""
        if isinstance(self._credentials, BasicCredentials):
            password = self._credentials.password.get_secret_value()
            encoded = base64.b64encode(f"{self._credentials.username}:{password}".encode()).decode()
            self._keep_secret(password, encoded)
            return f"Basic {encoded}"
        with self._lock:
            return f"Bearer {self._token[0]}" if self._token and now < self._token[1] else None

    def token_request(self, now: float, token_id: str) -> Mapping[str, str]:
        """The form that asks for a token."""
        credentials = self._credentials
        assert not isinstance(credentials, BasicCredentials)  # noqa: S101 - such have no tokens
        form = {"grant_type": "client_credentials", "client_id": credentials.client_id}
        if credentials.client_secret is not None:
            form["client_secret"] = credentials.client_secret.get_secret_value()
            self._keep_secret(form["client_secret"])
        if isinstance(credentials, OAuthJwtBearer):
            assert self._sign is not None  # noqa: S101 - refused at the start
            assertion = signed_assertion(credentials, now=int(now), token_id=token_id, sign=self._sign)
            self._keep_secret(assertion)
            form |= {"grant_type": _JWT_BEARER, "assertion": assertion}
        return form

    def take_token(self, answer: object, now: float) -> str | None:
        """Keeps the token of an answer that was asked for at that moment; None when the answer holds none."""
        members = answer if isinstance(answer, dict) else {}
        token, lifetime = members.get("access_token"), members.get("expires_in")
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
            return None
        self._keep_secret(token)
        with self._lock:
            self._token = (token, now + _usable_seconds(lifetime))
        return f"Bearer {token}"

    def redacted(self, text: str) -> str:
        """A quotation in one line, short, and without anything that we keep secret."""
        with self._lock:
            secrets = frozenset(self._secrets)
        text = redact(text, secrets)
        return " ".join(text.split())[:_QUOTED_CHARACTERS]

    def _keep_secret(self, *secrets: str) -> None:
        with self._lock:
            self._secrets.update(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET_TO_REDACT)


def _usable_seconds(lifetime: object) -> float:
    """How long a token is used: not to its very end, and if its lifetime is not stated, until it is refused."""
    if not isinstance(lifetime, int | str) or not str(lifetime).isdecimal():
        return math.inf
    seconds = int(lifetime)
    return seconds - min(_RENEWED_BEFORE_SECONDS, seconds // 5)


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
