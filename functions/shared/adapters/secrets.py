"""Secrets, read when they are needed and kept by nobody."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from functions.shared.adapters.vault_settings import VaultLogin
from functions.shared.errors import SecretsUnavailable, SecretUnreadable

_BUSY_STATUS = frozenset({429, 500, 502, 503, 504})
_BUSY_CODES = frozenset({"ThrottlingException", "RequestLimitExceeded", "InternalServiceError"})


class SecretsManager:
    """AWS Secrets Manager; a secret's name is its name or its ARN."""

    @cached_property
    def _client(self) -> Any:
        return boto3.client("secretsmanager")

    def read(self, name: str) -> str:
        """The current version of a secret.

        Raises SecretUnreadable, or SecretsUnavailable when asking again later may help. No message holds the text.
        """
        where = f"AWS Secrets Manager, {name}"
        try:
            answer = self._client.get_secret_value(SecretId=name)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            kind = SecretsUnavailable if status in _BUSY_STATUS or code in _BUSY_CODES else SecretUnreadable
            raise kind(f"{where}: {code}: {error.response['Error']['Message']}") from error
        except BotoCoreError as error:
            raise SecretsUnavailable(f"{where}: {error}") from error
        text = answer.get("SecretString")
        if not isinstance(text, str):
            raise SecretUnreadable(f"{where}: the secret holds bytes; put its value in as text")
        return text


def read_secret(secret_id: str, vault: VaultLogin | None = None) -> str:
    """The text of a secret: ``vault:<mount>/<path>`` in Vault, any other name or ARN in AWS Secrets Manager."""
    if not secret_id.startswith("vault:"):
        return SecretsManager().read(secret_id)
    if vault is None:
        raise SecretUnreadable(f"{secret_id} is in Vault, but VAULT is none: set where it is")
    # Only who uses Vault waits for hvac to be imported.
    from functions.shared.adapters.vault_secrets import VaultSecrets
    from functions.shared.adapters.vault_session import vault_session

    with vault_session(vault, away=SecretsUnavailable) as client:
        return VaultSecrets(client).read(secret_id)
