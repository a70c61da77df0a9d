"""The AWS auth method: a signed GetCallerIdentity is checked as Vault and STS check it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from local.vault.answers import Refusal

_SERVER_ID = "x-vault-aws-iam-server-id"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/sts/aws4_request, "
    r"SignedHeaders=(?P<headers>[^,]+), Signature=(?P<signature>[0-9a-f]{64})"
)
_SKEW_SECONDS = 900
_GLOBAL_REGION = "us-east-1"


class Principal(NamedTuple):
    """Whom STS knows by an access key: the ARN of its role."""

    secret_key: str
    role_arn: str
    session_token: str | None = None


class VaultRole(NamedTuple):
    """A role of the auth method, and the roles of IAM that may take it; times to live in seconds."""

    bound_iam_principal_arns: tuple[str, ...]
    policies: tuple[str, ...]
    ttl: int = 900
    max_ttl: int = 1800


class Login(NamedTuple):
    """Who was let in, and as what."""

    role: VaultRole
    principal_arn: str


def check_login(
    body: Mapping[str, Any],
    *,
    roles: Mapping[str, VaultRole],
    known_by: Callable[[str], Principal | None],
    server_id: str,
    now: float,
) -> Login:
    """Lets somebody in; raises Refusal, 400 as Vault does for all that is wrong with a login.

    ``known_by`` tells whom STS knows by an access key.
    """
    role = roles.get(str(body.get("role")))
    if role is None:
        raise Refusal(400, f'entry for role "{body.get("role")}" not found')
    try:
        headers = json.loads(base64.b64decode(body["iam_request_headers"]))
        content, url = (base64.b64decode(body[f"iam_request_{part}"]).decode() for part in ("body", "url"))
        lower = {name.lower(): values[0] if isinstance(values, list) else values for name, values in headers.items()}
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise Refusal(400, f"error parsing the signed request: {type(error).__name__}") from error
    if (body.get("iam_http_request_method"), url) != ("POST", "https://sts.amazonaws.com/"):
        raise Refusal(400, "invalid iam_request_url or iam_http_request_method")
    found = _AUTHORIZATION.fullmatch(lower.get("authorization", ""))
    if not found or "Action=GetCallerIdentity" not in content:
        raise Refusal(400, "error parsing the signed request: not a signed GetCallerIdentity")
    _check_server_id(lower, found["headers"].split(";"), server_id)
    principal = _caller(lower, content, found, known_by, now)
    if principal.role_arn not in role.bound_iam_principal_arns:
        raise Refusal(400, f'IAM Principal "{principal.role_arn}" does not belong to the role "{body["role"]}"')
    return Login(role, principal.role_arn)


def _check_server_id(headers: Mapping[str, str], signed: list[str], server_id: str) -> None:
    error = "error validating X-Vault-AWS-IAM-Server-ID header"
    if _SERVER_ID not in headers:
        raise Refusal(400, f'{error}: missing header "X-Vault-AWS-IAM-Server-ID"')
    if headers[_SERVER_ID] != server_id:
        raise Refusal(400, f'{error}: expected "{server_id}" but got "{headers[_SERVER_ID]}"')
    if _SERVER_ID not in signed:
        raise Refusal(400, f"{error}: header wasn't signed")


def _caller(
    headers: Mapping[str, str],
    content: str,
    found: re.Match[str],
    known_by: Callable[[str], Principal | None],
    now: float,
) -> Principal:
    """What STS would say to the request."""
    principal = known_by(found["key"])
    if principal is None or headers.get("x-amz-security-token") != principal.session_token:
        raise _refused_by_sts("InvalidClientTokenId", "The security token included in the request is invalid.")
    if found["region"] != _GLOBAL_REGION:
        raise _refused_by_sts("SignatureDoesNotMatch", "Credential should be scoped to a valid region.")
    date = headers.get("x-amz-date", "")
    try:
        signed_at = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise _refused_by_sts("IncompleteSignature", "Date must be in ISO-8601 'basic format'.") from None
    if abs(now - signed_at) > _SKEW_SECONDS or not date.startswith(found["day"]):
        raise _refused_by_sts("SignatureDoesNotMatch", f"Signature expired: {date} is now earlier or later.")
    names = found["headers"].split(";")
    if "host" not in names or any(name not in headers for name in names):
        raise _refused_by_sts("IncompleteSignature", "A signed header is missing.")
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    canonical = "\n".join(["POST", "/", "", lines, found["headers"], hashlib.sha256(content.encode()).hexdigest()])
    scope = f"{found['day']}/{found['region']}/sts/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{principal.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), found["signature"]):
        raise _refused_by_sts("SignatureDoesNotMatch", f"The Canonical String should have been '{canonical}'")
    return principal


def _refused_by_sts(code: str, message: str) -> Refusal:
    """STS answers in XML, which Vault repeats."""
    error = f"<Error>\n    <Type>Sender</Type>\n    <Code>{code}</Code>\n    <Message>{message}</Message>\n  </Error>"
    return Refusal(
        400,
        "error making upstream request: received error code 403 from STS: "
        f'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n  {error}\n</ErrorResponse>\n',
    )
