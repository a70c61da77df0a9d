"""What functions prove who they are with: the credentials of their roles, as Lambda hands them out."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from typing import NamedTuple


class RoleCredentials(NamedTuple):
    """Credentials that belong to a role for as long as a local cloud runs."""

    role_arn: str
    access_key: str
    secret_key: str
    session_token: str


class IssuedCredentials:
    """One set for each role, from the first call of a function that has it."""

    def __init__(self) -> None:
        self._of: dict[str, RoleCredentials] = {}

    def of(self, role_arn: str) -> RoleCredentials:
        """The role's credentials."""
        if role_arn not in self._of:
            access_key = f"ASIA{base64.b32encode(secrets.token_bytes(10)).decode()}"
            self._of[role_arn] = RoleCredentials(
                role_arn, access_key, secrets.token_urlsafe(30), secrets.token_urlsafe(120)
            )
        return self._of[role_arn]

    def known_by(self, access_key: str) -> RoleCredentials | None:
        """Those with this access key; None for one that was never handed out."""
        return next((issued for issued in self if issued.access_key == access_key), None)

    def __iter__(self) -> Iterator[RoleCredentials]:
        return iter([*self._of.values()])
