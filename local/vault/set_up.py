"""A Vault set up for an environment as docs/integrations.md says, and the deployed functions pointed to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from infra.config import EnvironmentConfig, VaultSettings
from infra.names import SIGNERS, role_arn
from local.aws.role_credentials import IssuedCredentials
from local.vault.aws_login import Principal, VaultRole
from local.vault.server import VaultStandIn
from local.vault.tokens import Policy

BOOKS = ("CheckChange", "PostCharge", "CheckPostings", "AttachStatement", "UpdateTicket", "CountTickets")
"""Who takes the role for the books; whoever signs takes the other one."""

SERVICENOW_KEY = "chargeback-servicenow"
"""The Transit key with which JWT bearer assertions are signed, where ServiceNow is reached with them."""

_READ, _UPDATE = frozenset({"read"}), frozenset({"update"})
POLICIES: dict[str, Policy] = {
    "chargeback-books": {
        "kv/data/chargeback/servicenow": _READ,
        f"transit/sign/{SERVICENOW_KEY}": _UPDATE,
    },
    "chargeback-signing": {
        "transit/keys/chargeback-statements": _READ,
        "transit/sign/chargeback-statements": _UPDATE,
        "pki/sign/chargeback": _UPDATE,
    },
}


def vault_of(
    config: EnvironmentConfig, settings: VaultSettings, state: Path, issued: IssuedCredentials
) -> VaultStandIn:
    """A Vault with the environment's roles, policies and signing key; its authority's certificate is in ``state``."""
    roles = {
        f"{settings.role}-{use}": VaultRole(_roles_in_iam(config, states), (f"chargeback-{use}",))
        for use, states in (("books", BOOKS), ("signing", SIGNERS))
    }

    def known_by(access_key: str) -> Principal | None:
        found = issued.known_by(access_key)
        return found and Principal(found.secret_key, found.role_arn, found.session_token)

    vault = VaultStandIn(state, roles=roles, known_by=known_by, policies=POLICIES, namespace=settings.namespace)
    vault.pki.roles = ("chargeback",)
    for key in ("chargeback-statements", SERVICENOW_KEY):
        vault.transit.rotate(key)
    return vault


def tell_functions(lambdas: Any, vault: VaultStandIn) -> None:
    """Gives every function that knows of a Vault this one's address; whatever else it knows stays."""
    for page in lambdas.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            variables = function.get("Environment", {}).get("Variables", {})
            if variables.get("VAULT", "none") != "none":
                settings = json.loads(variables["VAULT"]) | {"address": vault.address}
                lambdas.update_function_configuration(
                    FunctionName=function["FunctionName"],
                    Environment={"Variables": variables | {"VAULT": json.dumps(settings)}},
                )


def put_secret(vault: VaultStandIn, settings: VaultSettings, content: dict[str, Any]) -> None:
    """A new version of the ServiceNow connection, as ``vault kv put`` of a JSON file makes it."""
    assert settings.servicenow_secret is not None  # noqa: S101 - who keeps it elsewhere puts it there
    vault.kv.put(settings.servicenow_secret.partition("/")[2], content)


def _roles_in_iam(config: EnvironmentConfig, states: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(role_arn(config.finops_account, config, state) for state in states)
