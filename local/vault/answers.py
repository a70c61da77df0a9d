"""What Vault answers with: the envelope of a success, and the errors of a refusal."""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple


class Refusal(Exception):
    """Answered with this status and these words; ``data`` comes with a version of a secret that was deleted."""

    def __init__(self, status: int, *errors: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(status, *errors)
        self.status, self.errors, self.data = status, errors, data

    @property
    def body(self) -> dict[str, Any]:
        """As JSON."""
        return {"errors": list(self.errors)} if self.data is None else envelope(self.data)


class Asked(NamedTuple):
    """A request: its path without ``/v1/``, and its body as JSON."""

    method: str
    path: str
    token: str
    namespace: str
    body: dict[str, Any]


def denied() -> Refusal:
    """One answer for a token that is none, one that has ended, and one without the right."""
    return Refusal(403, "permission denied")


def envelope(data: dict[str, Any] | None = None, auth: dict[str, Any] | None = None) -> dict[str, Any]:
    """A success with something to say."""
    return {
        "request_id": str(uuid.uuid4()),
        "lease_id": "",
        "renewable": False,
        "lease_duration": 0,
        "data": data,
        "wrap_info": None,
        "warnings": None,
        "auth": auth,
    }
