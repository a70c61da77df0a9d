"""Roles are assumed only when they are there: moto gives credentials for any name."""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import AccessDeniedError

from local.aws.patching import Patches

_ROLE = ":role/"


def install(patches: Patches) -> None:
    from moto.sts.models import STSBackend

    patches.wrap(STSBackend, "assume_role", _assume_role)


def _assume_role(original: Any, backend: Any, *args: Any, **kwargs: Any) -> Any:
    from moto.iam.models import iam_backends

    arn = kwargs["role_arn"]
    account_id = arn.split(":")[4]
    if _ROLE not in arn or arn not in {role.arn for role in iam_backends[account_id]["aws"].roles.values()}:
        raise AccessDeniedError(user_arn="the caller", action=f"sts:AssumeRole on resource: {arn}")
    return original(backend, *args, **kwargs)
