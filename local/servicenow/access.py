"""Who may call: OAuth's client credentials and JWT bearer grants, tokens that expire, and basic authentication."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from local.servicenow.answers import TOKEN_DENIED, Answer
from local.servicenow.assertions import AssertionRefused, TrustedKey, subject_of
from local.servicenow.users import User

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass
class Access:
    """The users, and one OAuth application: by its secret it acts as ``application_user``, by a signed assertion as
    whomever that names."""

    client_id: str
    client_secret: str
    application_user: User
    users: Mapping[str, User]
    token_seconds: int
    clock: Callable[[], float]
    trusted_keys: dict[str, TrustedKey] = field(default_factory=dict)
    tokens_issued: list[str] = field(default_factory=list)
    assertions_taken: list[str] = field(default_factory=list)
    _tokens: dict[str, tuple[User, float]] = field(default_factory=dict)
    _used_assertions: set[str] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def token(self, form: Mapping[str, str]) -> Answer:
        """Answers a token request."""
        known = _equal(form.get("client_id", ""), self.client_id)
        proven = _equal(form.get("client_secret", ""), self.client_secret)
        user = self._user_of(form) if known and proven else None
        if user is None:
            return TOKEN_DENIED
        token = secrets.token_urlsafe(48)
        with self._lock:
            self.tokens_issued.append(token)
            self._tokens[token] = (user, self.clock() + self.token_seconds)
        granted = {"access_token": token, "scope": "useraccount", "token_type": "Bearer"}
        return Answer(200, granted | {"expires_in": self.token_seconds - 1})

    def user_of(self, authorization: str) -> User | None:
        """The user that a request with this Authorization header comes from."""
        scheme, _, presented = authorization.partition(" ")
        if scheme.lower() == "bearer":
            with self._lock:
                user, expires_at = self._tokens.get(presented, (None, 0.0))
            return user if self.clock() < expires_at else None
        if scheme.lower() == "basic":
            return self._by_password(presented)
        return None

    def expire_tokens(self) -> None:
        """Ends every token, as a restart or an administrator does."""
        with self._lock:
            self._tokens.clear()

    def _user_of(self, form: Mapping[str, str]) -> User | None:
        if form.get("grant_type") == "client_credentials":
            return self.application_user
        if form.get("grant_type") != _JWT_BEARER:
            return None
        try:
            claims = subject_of(form.get("assertion", ""), self.trusted_keys, self.client_id, self.clock())
        except AssertionRefused:
            return None
        with self._lock:
            if claims.token_id in self._used_assertions:
                return None
            self._used_assertions.add(claims.token_id)
            self.assertions_taken.append(form["assertion"])
        return self.users.get(claims.subject)

    def _by_password(self, presented: str) -> User | None:
        try:
            username, _, password = base64.b64decode(presented, validate=True).decode().partition(":")
        except ValueError:
            return None
        user = self.users.get(username)
        return user if user and user.password and _equal(password, user.password) else None


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
