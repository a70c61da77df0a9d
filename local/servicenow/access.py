"""Who may call: OAuth's client credentials grant, bearer tokens that expire, and basic authentication."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from local.servicenow.answers import Answer


@dataclass
class Access:
    """One OAuth application and the user it acts as."""

    client_id: str
    client_secret: str
    username: str
    password: str
    token_seconds: int
    clock: Callable[[], float]
    _expiries: dict[str, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def token(self, form: Mapping[str, str]) -> Answer:
        """Answers a token request."""
        known = hmac.compare_digest(form.get("client_id", "").encode(), self.client_id.encode())
        proven = hmac.compare_digest(form.get("client_secret", "").encode(), self.client_secret.encode())
        if form.get("grant_type") != "client_credentials" or not (known and proven):
            return Answer(401, {"error_description": "access_denied", "error": "server_error"})
        token = secrets.token_urlsafe(48)
        with self._lock:
            self._expiries[token] = self.clock() + self.token_seconds
        granted = {"access_token": token, "scope": "useraccount", "token_type": "Bearer"}
        return Answer(200, granted | {"expires_in": self.token_seconds - 1})

    def allows(self, authorization: str) -> bool:
        """Whether a request with this Authorization header comes from the user."""
        scheme, _, presented = authorization.partition(" ")
        if scheme.lower() == "bearer":
            with self._lock:
                return self.clock() < self._expiries.get(presented, 0.0)
        expected = base64.b64encode(f"{self.username}:{self.password}".encode())
        return scheme.lower() == "basic" and hmac.compare_digest(presented.encode(), expected)
