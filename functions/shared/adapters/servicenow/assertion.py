"""The signed assertion of OAuth's JWT bearer grant (RFC 7523), as an instance verifies it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping

from functions.shared.adapters.servicenow.credentials import OAuthJwtBearer

Sign = Callable[[bytes], bytes]
"""The RSASSA-PKCS1-v1_5 signature of a message, with SHA-256: RS256."""

LIFETIME_SECONDS = 300
_CLOCK_SKEW_SECONDS = 30


def signed_assertion(credentials: OAuthJwtBearer, *, now: int, token_id: str, sign: Sign) -> str:
    """A JSON Web Token that says who we are, for a few minutes from ``now`` (unix seconds).

    ``token_id`` must be new each time: an instance takes the same one only once.
    """
    header: dict[str, str | int] = {"alg": "RS256", "typ": "JWT", "kid": credentials.key_id}
    claims: dict[str, str | int] = {
        "iss": credentials.client_id,
        "sub": credentials.subject,
        "aud": credentials.audience or credentials.client_id,
        # An instance whose clock is a little behind would refuse what is issued in its future.
        "iat": now - _CLOCK_SKEW_SECONDS,
        "exp": now + LIFETIME_SECONDS,
        "jti": token_id,
    }
    signed = f"{_encoded(_json(header))}.{_encoded(_json(claims))}"
    return f"{signed}.{_encoded(sign(signed.encode('ascii')))}"


def _json(members: Mapping[str, str | int]) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode()


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
