"""Signs in to Vault with the function's own IAM role, for as long as one use of it lasts.

No long-lived secret is needed: Vault has AWS say who signed the request. The token is renewed before it ends, replaced
when Vault no longer takes it, and revoked when the use is over, so that none outlives an invocation.
"""

# mypy: untyped-calls-exclude=hvac

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import boto3
import httpx
from hvac.api.auth_methods import Aws  # type: ignore[import-untyped]

from functions.shared.adapters.vault_client import VaultClient
from functions.shared.adapters.vault_settings import VaultLogin
from functions.shared.errors import SigningServiceUnavailable, TransientError, VaultLoginRefused
from functions.shared.observability import logger

_RENEWED_AFTER = 2 / 3
"""The part of its life after which a token is renewed."""

_ENDED = 403
"""What Vault answers a token that has ended already."""

_STS_AWAY = re.compile(
    r"error making upstream request: (error making request|received error code (429|5\d\d)|.*<Code>Throttling)"
)
"""A login that Vault refuses with 400 because it got no answer from STS, which is nothing that we did wrong."""


class AwsCredentials(NamedTuple):
    """Credentials of the role that signs in."""

    access_key: str | None
    secret_key: str | None
    token: str | None


class _Token(NamedTuple):
    value: str
    seconds: float
    renewable: bool
    renew_at: float


def own_credentials() -> AwsCredentials:
    """Those of the role that this process runs with."""
    found = boto3.Session().get_credentials()
    if found is None:
        raise VaultLoginRefused("there are no AWS credentials to sign in to Vault with: the function runs with no role")
    frozen = found.get_frozen_credentials()
    return AwsCredentials(frozen.access_key, frozen.secret_key, frozen.token)


@contextmanager
def vault_session(
    settings: VaultLogin,
    *,
    away: type[TransientError] = SigningServiceUnavailable,
    credentials: Callable[[], AwsCredentials] = own_credentials,
    monotonic: Callable[[], float] = time.monotonic,
    transport: httpx.BaseTransport | None = None,
    timeout_seconds: float = 10.0,
) -> Iterator[VaultClient]:
    """Vault, signed in at the first request. Requests raise ``away`` when asking later may help, or VaultLoginRefused.

    ``monotonic`` gives seconds.
    """

    def client(token: Callable[[], str], new_token: Callable[[], str | None] | None = None) -> VaultClient:
        return VaultClient(
            settings.address,
            token,
            transport,
            namespace=settings.namespace,
            new_token=new_token,
            away=away,
            timeout_seconds=timeout_seconds,
        )

    tokens = _Tokens(settings, client, credentials, monotonic)
    try:
        yield client(tokens.current, tokens.another)
    finally:
        tokens.revoke()


class _Tokens:
    """The token of one session."""

    def __init__(
        self,
        settings: VaultLogin,
        client: Callable[[Callable[[], str]], VaultClient],
        credentials: Callable[[], AwsCredentials],
        monotonic: Callable[[], float],
    ) -> None:
        self._settings, self._client = settings, client
        self._credentials, self._monotonic = credentials, monotonic
        self._token: _Token | None = None
        self._is_new = False

    def current(self) -> str:
        """A token that lives for a while."""
        self._is_new = self._token is None
        if self._token is None:
            return self._login()
        if self._monotonic() < self._token.renew_at:
            return self._token.value
        return self._renew(self._token)

    def another(self) -> str | None:
        """One in place of the one that Vault does not take; None when it is of this moment: then a right is missing."""
        if self._is_new:
            return None
        self.revoke()
        return self._login()

    def revoke(self) -> None:
        """Ends the token. One that Vault cannot end now ends by itself, and what was done with it stands."""
        token, self._token = self._token, None
        if token is None:
            return
        path = "auth/token/revoke-self"
        try:
            answer = self._client(lambda: token.value).ask("POST", path)
        except TransientError as error:
            logger.warning("a Vault token was not revoked, and ends by itself", cause=str(error))
            return
        if not answer.is_success and answer.status_code != _ENDED:
            logger.warning("a Vault token was not revoked, and ends by itself", status=answer.status_code)

    def _login(self) -> str:
        own, settings = self._credentials(), self._settings

        def send(body: dict[str, Any]) -> None:
            self._take_login(body, own)

        Aws(adapter=_Signing(send)).iam_login(
            own.access_key,
            own.secret_key,
            own.token,
            header_value=settings.server_id,
            role=settings.role,
            region=settings.sts_region,
            mount_point=settings.auth_mount,
        )
        assert self._token is not None  # noqa: S101 - narrows the type: the line above took it
        self._is_new = True
        return self._token.value

    def _take_login(self, body: dict[str, Any], own: AwsCredentials) -> None:
        path, client = f"auth/{self._settings.auth_mount}/login", self._client(lambda: "")
        # STS repeats the headers of a request whose signature it does not like, and Vault repeats what STS says.
        client.hide(own.secret_key, own.token, body.get("iam_request_headers"))
        answer = client.ask("POST", path, body)
        if not answer.is_success:
            is_away = _STS_AWAY.match(client.words(answer))
            raise client.refuse(answer, path, client.away if is_away else VaultLoginRefused)
        self._keep(client, answer, path)

    def _renew(self, token: _Token) -> str:
        """The same token for longer; one that has come to its last day, or is not renewed, is replaced."""
        path, client = "auth/token/renew-self", self._client(lambda: token.value)
        answer = client.ask("POST", path, {}) if token.renewable else None
        if answer is None or not answer.is_success:
            self.revoke()
            return self._login()
        self._keep(client, answer, path)
        if self._token and self._token.seconds < token.seconds * (1 - _RENEWED_AFTER):
            self.revoke()
            return self._login()
        return token.value

    def _keep(self, client: VaultClient, answer: httpx.Response, path: str) -> None:
        auth = client.section(answer, path, "auth")
        value, seconds = auth.get("client_token"), auth.get("lease_duration")
        # A token that no header takes would be quoted in the error that says so.
        if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
            value = None
        if value is None or not isinstance(seconds, int):
            raise VaultLoginRefused(f"Vault, {client.address}/v1/{path}: the answer has no token with a time to live")
        # A token that lives for ever is not renewed.
        renew_at = self._monotonic() + seconds * _RENEWED_AFTER if seconds else math.inf
        self._token = _Token(value, seconds, bool(auth.get("renewable")), renew_at)


class _Signing:
    """hvac makes and signs what proves who we are; what it would send goes the way of all other requests."""

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        self._send = send

    def login(self, url: str, use_token: bool, json: dict[str, Any]) -> None:  # noqa: ARG002 - hvac's signature
        """Takes the place of hvac's own way to Vault."""
        self._send(json)
