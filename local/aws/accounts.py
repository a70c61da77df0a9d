"""Several accounts in one local cloud: which of them a request is for, its access key says, as on AWS."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from local.aws.patching import Patches
from local.aws.role_credentials import IssuedCredentials

ACCOUNT_ID = "123456789012"
"""The account that is meant where none is named."""

_OPERATOR = re.compile(r"LOCAL000(?P<account_id>\d{12})")


def operators_key(account_id: str = ACCOUNT_ID) -> str:
    """The access key of an account's operator; any secret goes with it."""
    return f"LOCAL000{account_id}"


def install(patches: Patches, issued: IssuedCredentials) -> None:
    from moto.iam import models

    patches.wrap(models, "get_account_id_from", partial(_account_of, issued))


def _account_of(issued: IssuedCredentials, original: Any, access_key: str) -> str:
    """moto knows the keys of the roles that somebody has assumed."""
    if operator := _OPERATOR.fullmatch(access_key):
        return operator["account_id"]
    if of_function := issued.known_by(access_key):
        return of_function.role_arn.split(":")[4]
    found: str = original(access_key)
    return found
