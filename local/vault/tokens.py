"""Tokens: they end, are renewed up to a last moment, are revoked, and may do what their policies say."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from local.vault.answers import denied
from local.vault.aws_login import Login

Policy = Mapping[str, frozenset[str]]
"""Path pattern → capabilities."""

OWN_TOKEN: Policy = {"auth/token/*-self": frozenset({"read", "update"})}
"""Vault's policy ``default``, as far as it matters."""


@dataclass
class _Token:
    login: Login
    accessor: str
    ends_at: float
    last_moment: float


class Tokens:
    """Those of one Vault."""

    def __init__(self, policies: Mapping[str, Policy], clock: Callable[[], float]) -> None:
        self._policies, self._clock = policies, clock
        self._tokens: dict[str, _Token] = {}
        self.issued: list[str] = []
        self.accessors: list[str] = []
        self.revoked: list[str] = []

    @property
    def alive(self) -> list[str]:
        """Those that would be taken now."""
        return [value for value, token in self._tokens.items() if token.ends_at > self._clock()]

    def issue(self, login: Login) -> dict[str, Any]:
        """A new one, as ``auth``."""
        value, now = f"hvs.{secrets.token_urlsafe(24)}", self._clock()
        accessor = secrets.token_urlsafe(18)
        self._tokens[value] = _Token(login, accessor, now + login.role.ttl, now + login.role.max_ttl)
        self.issued.append(value)
        self.accessors.append(accessor)
        return self._auth(value)

    def require(self, value: str, capability: str, path: str) -> None:
        """Raises the one refusal there is when the token may not."""
        token = self._tokens.get(value)
        if token is None or token.ends_at <= self._clock():
            raise denied()
        rules = [OWN_TOKEN, *(self._policies[name] for name in token.login.role.policies)]
        if not any(fnmatchcase(path, p) and capability in can for rule in rules for p, can in rule.items()):
            raise denied()

    def renew(self, value: str) -> dict[str, Any]:
        """For as long again, but not beyond its last moment."""
        token = self._tokens[value]
        token.ends_at = min(self._clock() + token.login.role.ttl, token.last_moment)
        return self._auth(value)

    def revoke(self, value: str) -> None:
        """Ends it."""
        del self._tokens[value]
        self.revoked.append(value)

    def _auth(self, value: str) -> dict[str, Any]:
        token = self._tokens[value]
        policies = ["default", *token.login.role.policies]
        return {
            "client_token": value,
            "accessor": token.accessor,
            "policies": policies,
            "token_policies": policies,
            "metadata": {"canonical_arn": token.login.principal_arn},
            "lease_duration": int(token.ends_at - self._clock()),
            "renewable": True,
            "entity_id": "",
            "token_type": "service",
            "orphan": True,
        }
