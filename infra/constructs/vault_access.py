"""What functions are told about Vault: where it is and what to ask there, nothing that is secret."""

from __future__ import annotations

from typing import Literal

from aws_cdk import aws_secretsmanager as secretsmanager

from functions.shared.adapters.vault_settings import NO_VAULT, VaultLogin
from infra.config import EnvironmentConfig
from infra.names import signing_alias


def vault_setting(config: EnvironmentConfig, use: Literal["books", "signing"]) -> str:
    """The setting VAULT: whoever works in the books takes another role than whoever signs, and cannot sign."""
    if config.vault is None:
        return NO_VAULT
    common = config.vault.model_dump(include=set(VaultLogin.model_fields) - {"role"})
    return VaultLogin(role=f"{config.vault.role}-{use}", **common).model_dump_json()


def servicenow_secret(config: EnvironmentConfig, secret: secretsmanager.Secret | None) -> str:
    """Where the ServiceNow connection is kept: in Vault, or in the secret that the stack makes when it is not."""
    if secret is not None:
        return secret.secret_arn
    assert config.vault is not None  # noqa: S101 - the stack makes a secret when there is no Vault
    assert config.vault.servicenow_secret is not None  # noqa: S101 - and when Vault has none
    return config.vault.servicenow_secret


def next_signing_key(config: EnvironmentConfig) -> str:
    """The key that is certified next, and signs from then on."""
    in_vault = config.vault.signing_key if config.vault else None
    return in_vault or signing_alias(config, config.signing.keys)
