"""Opens an instance, from the one secret that says where it is, who we are, and how it is set up.

A process keeps its connections and its access token from one call to the next, as long as the secret stays the same.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from functions.shared.adapters.secrets import read_secret
from functions.shared.adapters.servicenow.assertion import Sign
from functions.shared.adapters.servicenow.client import ServiceNowClient
from functions.shared.adapters.servicenow.credentials import OAuthJwtBearer, ServiceNowCredentials
from functions.shared.adapters.servicenow.instance import Instance
from functions.shared.adapters.servicenow.mappings import ChangeMapping, ExpenseLineMapping, IncidentMapping
from functions.shared.adapters.servicenow.patience import Patience, Timing
from functions.shared.adapters.vault_settings import VaultLogin, VaultUser
from functions.shared.errors import PostingUnauthorized, SecretsUnavailable, SigningServiceUnavailable

_SECONDS_TO_END_PROPERLY = 15.0


class ServiceNowConnection(BaseModel):
    """An instance: its address, our credentials, and the tables and columns of charges, tickets and change requests."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str = Field(min_length=1)
    credentials: ServiceNowCredentials
    expense_line: ExpenseLineMapping = ExpenseLineMapping()
    incident: IncidentMapping = IncidentMapping()
    change: ChangeMapping = ChangeMapping()
    timeout_seconds: float = Field(default=20.0, gt=0, le=120)
    page_size: int = Field(default=1000, ge=1, le=10_000)


class ServiceNow(NamedTuple):
    """An instance and how it is set up, for a call that has so many seconds."""

    client: ServiceNowClient
    connection: ServiceNowConnection


class BooksSettings(VaultUser):
    """Settings of every function that works with ServiceNow: where the secret is, in AWS or in Vault."""

    servicenow_secret: str


def open_books(settings: BooksSettings, context: LambdaContext) -> ServiceNow:
    """The instance in the secret that is set, for as long as the function lives; raises as reading a secret does."""
    secret = read_secret(settings.servicenow_secret, settings.vault)
    return open_servicenow(secret, seconds=seconds_to_ask(context), signer=_signer(settings.vault))


def open_servicenow(
    secret: str,
    *,
    seconds: float,
    timing: Timing | None = None,
    signer: Callable[[str], Sign] | None = None,
) -> ServiceNow:
    """The instance in the secret (JSON of a ServiceNowConnection), to be asked for that many seconds.

    ``signer`` opens the key that JWT bearer credentials name; without it, keys in AWS KMS are opened. Raises
    PostingUnauthorized, which names the fields and never a value, when the secret is not of that form.
    """
    connection = _parse(secret)
    client = ServiceNowClient(_INSTANCES.of(connection, signer), Patience.of(seconds, timing))
    return ServiceNow(client, connection)


def seconds_to_ask(context: LambdaContext) -> float:
    """How long a function may ask: as long as it lives, less what it needs to say what came of it."""
    return context.get_remaining_time_in_millis() / 1000 - _SECONDS_TO_END_PROPERLY


class _Instances:
    """The last instance that was opened."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: tuple[ServiceNowConnection, Instance] | None = None

    def of(self, connection: ServiceNowConnection, signer: Callable[[str], Sign] | None) -> Instance:
        with self._lock:
            if self._open and self._open[0] == connection:
                return self._open[1]
            credentials = connection.credentials
            sign = (
                (signer or _signer(None))(credentials.signing_key) if isinstance(credentials, OAuthJwtBearer) else None
            )
            instance = Instance(connection.base_url, credentials, timeout_seconds=connection.timeout_seconds, sign=sign)
            if self._open:
                self._open[1].close()
            self._open = (connection, instance)
            return instance


_INSTANCES = _Instances()


def _signer(vault: VaultLogin | None) -> Callable[[str], Sign]:
    from functions.shared.adapters.signing_identity import open_signing_key

    def signing_with(reference: str) -> Sign:
        def sign(message: bytes) -> bytes:
            try:
                with open_signing_key(reference, vault) as key:
                    return key.sign(message)
            except SigningServiceUnavailable as error:
                # To who works in the books this key is a secret like the others, and waited for like them.
                raise SecretsUnavailable(str(error)) from error

        return sign

    return signing_with


def _parse(secret: str) -> ServiceNowConnection:
    try:
        return ServiceNowConnection.model_validate_json(secret)
    except ValidationError as error:
        defects = error.errors(include_input=False, include_url=False, include_context=False)
    fields = "; ".join(f"{'.'.join(map(str, defect['loc'])) or 'secret'}: {defect['type']}" for defect in defects)
    raise PostingUnauthorized(
        f"the stored ServiceNow connection is unusable ({fields}); it is JSON with base_url and credentials"
    )
