"""Roles are assumed only when they are there and trust who asks: moto gives credentials for any name to anybody."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from moto.core.exceptions import AccessDeniedError

from local.aws.patching import Patches
from local.aws.role_credentials import IssuedCredentials

_ROLE = ":role/"
_EXACT = {"ArnEquals", "StringEquals"}


def install(patches: Patches, issued: IssuedCredentials) -> None:
    from moto.sts.responses import TokenResponse

    patches.wrap(TokenResponse, "assume_role", partial(_assume_role, issued))


def _assume_role(issued: IssuedCredentials, original: Any, response: Any) -> Any:
    from moto.iam.models import iam_backends

    arn = response._get_param("RoleArn")
    account_id, caller = arn.split(":")[4], _caller(issued, response.current_account, response.get_access_key())
    roles = {role.arn: role for role in iam_backends[account_id]["aws"].roles.values()} if _ROLE in arn else {}
    asked = {"aws:PrincipalArn": caller, "sts:ExternalId": response._get_param("ExternalId")}
    if arn not in roles or not trusts(json.loads(roles[arn].assume_role_policy_document), caller, asked):
        raise AccessDeniedError(user_arn=caller, action=f"sts:AssumeRole on resource: {arn}")
    return original(response)


def _caller(issued: IssuedCredentials, account_id: str, access_key: str) -> str:
    """The role whose credentials sign the request; whoever has none is the account itself."""
    from moto.iam.models import iam_backends

    if of_function := issued.known_by(access_key):
        return of_function.role_arn
    assumed = iam_backends[account_id]["aws"].access_keys.get(access_key)
    return str(getattr(assumed, "role_arn", None) or f"arn:aws:iam::{account_id}:root")


def trusts(policy: Mapping[str, Any], caller: str, asked: Mapping[str, str | None]) -> bool:
    """Whether a role's trust policy lets a caller, by its ARN, take the role; a condition not known here does not."""
    return any(_admits(statement, caller, asked) for statement in _listed(policy.get("Statement", [])))


def _admits(statement: Mapping[str, Any], caller: str, asked: Mapping[str, str | None]) -> bool:
    principals = statement["Principal"]
    named = _listed(principals.get("AWS", [])) if isinstance(principals, Mapping) else []
    account_id = caller.split(":")[4]
    conditions = statement.get("Condition", {})
    return (
        statement["Effect"] == "Allow"
        and "sts:AssumeRole" in _listed(statement["Action"])
        and not {account_id, f"arn:aws:iam::{account_id}:root", caller}.isdisjoint(named)
        and conditions.keys() <= _EXACT
        and all(asked.get(key) in _listed(value) for of in conditions.values() for key, value in of.items())
    )


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
