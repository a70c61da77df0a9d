"""Opens what signs: the identity in its SSM parameter, and the key that the identity names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol

import boto3
from botocore.exceptions import ClientError

from functions.shared.adapters.kms_signing import KmsSigningKey
from functions.shared.adapters.throttling import refuse_when_busy
from functions.shared.adapters.vault_client import VaultClient
from functions.shared.adapters.vault_settings import VaultLogin, VaultUser
from functions.shared.adapters.vault_signing import VaultSigningKey
from functions.shared.errors import SigningIdentityInvalid, SigningRefused
from functions.shared.signing.identity import SigningIdentity
from functions.shared.signing.key import SigningKey
from functions.shared.signing.signatory import Signatory


class ResolvableKey(SigningKey, Protocol):
    """A key that may have been named by what can come to mean another key: an alias, or a name without a version."""

    def resolved(self) -> ResolvableKey:
        """The same key, by a reference that always means it."""
        ...


class SigningSettings(VaultUser):
    """Settings of every function that signs. ``vault`` is "none" where keys are in AWS KMS."""

    identity_parameter: str


@contextmanager
def open_signatory(settings: SigningSettings, at: datetime) -> Iterator[Signatory]:
    """Whoever signs at that moment, or was certified since: nothing is installed before it is valid.

    Raises SigningIdentityInvalid when nobody can: no identity, or a certificate that is not valid any more.
    """
    identity = read_identity(settings.identity_parameter)
    with open_signing_key(identity.key, settings.vault) as key:
        yield Signatory.at(max(at, identity.valid_from), identity, key)


@contextmanager
def open_signing_key(reference: str, vault: VaultLogin | None = None) -> Iterator[ResolvableKey]:
    """The key that a reference names: ``arn:aws:kms:…`` or ``alias/…`` in AWS KMS, ``vault:<mount>/<name>:<version>``.

    Nothing is asked of either before the key is used. Raises SigningRefused for any other form.
    """
    if reference.startswith(("arn:aws:kms:", "alias/")):
        yield KmsSigningKey(reference)
    elif reference.startswith("vault:"):
        with open_vault(vault) as client:
            yield VaultSigningKey(reference, client)
    else:
        raise SigningRefused(f"{reference!r} names no signing key: write arn:aws:kms:…, alias/… or vault:…")


@contextmanager
def open_vault(vault: VaultLogin | None) -> Iterator[VaultClient]:
    """Vault, signed in with the function's role; raises SigningRefused when none is set."""
    if vault is None:
        raise SigningRefused("Vault is needed, but VAULT is none: set where it is, or take a key in AWS KMS")
    # Only who uses Vault waits for hvac to be imported.
    from functions.shared.adapters.vault_session import vault_session

    with vault_session(vault) as client:
        yield client


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
