"""Opens what signs: the identity in its SSM parameter, and the key that the identity names."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

import boto3
from botocore.exceptions import ClientError

from functions.shared.adapters.kms_signing import KmsSigningKey
from functions.shared.adapters.throttling import refuse_when_busy
from functions.shared.adapters.vault_client import VaultClient
from functions.shared.adapters.vault_signing import VaultSigningKey
from functions.shared.errors import SigningIdentityInvalid, SigningRefused
from functions.shared.settings import Settings
from functions.shared.signing.identity import SigningIdentity
from functions.shared.signing.key import SigningKey
from functions.shared.signing.signatory import Signatory

NO_VAULT = "none"


class ResolvableKey(SigningKey, Protocol):
    """A key that may have been named by what can come to mean another key: an alias, or a name without a version."""

    def resolved(self) -> ResolvableKey:
        """The same key, by a reference that always means it."""
        ...


class SigningSettings(Settings):
    """Settings of every function that signs. ``vault_address`` is "none" where keys are in AWS KMS."""

    identity_parameter: str
    vault_address: str


def open_signatory(settings: SigningSettings, at: datetime) -> Signatory:
    """Whoever signs at that moment.

    Raises SigningIdentityInvalid when nobody can: no identity, or a certificate that is not valid then.
    """
    identity = read_identity(settings.identity_parameter)
    return Signatory.at(at, identity, open_signing_key(identity.key, settings.vault_address))


def open_signing_key(reference: str, vault_address: str = NO_VAULT) -> ResolvableKey:
    """The key that a reference names: ``arn:aws:kms:…`` or ``alias/…`` in AWS KMS, ``vault:<mount>/<name>:<version>``.

    Nothing is asked of either before the key is used. Raises SigningRefused for any other form.
    """
    if reference.startswith(("arn:aws:kms:", "alias/")):
        return KmsSigningKey(reference)
    if reference.startswith("vault:"):
        return VaultSigningKey(reference, open_vault(vault_address))
    raise SigningRefused(f"{reference!r} names no signing key: write arn:aws:kms:…, alias/… or vault:…")


def open_vault(address: str) -> VaultClient:
    """Vault at an address, behind the proxy of its Lambda extension, which signs in with the function's role."""
    if address == NO_VAULT:
        raise SigningRefused("the key is in Vault, but VAULT_ADDRESS is none: set the address of its proxy")
    return VaultClient(address, token=lambda: "")


def read_identity(parameter: str) -> SigningIdentity:
    """The identity in an SSM parameter; raises SigningIdentityInvalid when there is none."""
    try:
        found = _client().get_parameter(Name=parameter)["Parameter"]["Value"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        raise SigningIdentityInvalid(
            f"there is no signing identity in {parameter}: request a certificate with IssueCertificate and install it"
        ) from error
    return SigningIdentity.from_json(found, parameter)


def store_identity(parameter: str, identity: SigningIdentity) -> int:
    """Puts an identity in place of the one there is; returns the parameter's version."""
    answer = _client().put_parameter(
        Name=parameter,
        Description="Who signs statements and evidence: the key, and the certificate chain (PEM)",
        Value=identity.model_dump_json(),
        Type="String",
        Tier="Intelligent-Tiering",  # a chain of two certificates is longer than a standard parameter may be
        Overwrite=True,
    )
    version: int = answer["Version"]
    return version


def _client() -> Any:
    client = boto3.client("ssm")
    refuse_when_busy(client)
    return client
