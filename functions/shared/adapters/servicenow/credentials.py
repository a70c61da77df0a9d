"""Who we are to an instance. Secrets are SecretStr: they show in no message, repr or dump."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class _Credentials(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class OAuthClientCredentials(_Credentials):
    """An OAuth application of the instance; the grant acts as its OAuth Application User."""

    kind: Literal["oauth_client_credentials"]
    client_id: str = Field(min_length=1)
    client_secret: SecretStr = Field(min_length=1)


class OAuthJwtBearer(_Credentials):
    """An OAuth application that believes what our key signs; ``subject`` is the user that it takes us for.

    ``signing_key`` is a reference to an RSA key in AWS KMS or Vault, and ``key_id`` what the instance's verifier map
    calls it. ``audience`` is the client id unless the instance expects something else; a public client has no secret.
    """

    kind: Literal["oauth_jwt_bearer"]
    client_id: str = Field(min_length=1)
    client_secret: SecretStr | None = Field(default=None, min_length=1)
    subject: str = Field(min_length=1)
    signing_key: str = Field(min_length=1)
    key_id: str = Field(min_length=1)
    audience: str | None = Field(default=None, min_length=1)


class BasicCredentials(_Credentials):
    """A user of the instance."""

    kind: Literal["basic"]
    username: str = Field(min_length=1)
    password: SecretStr = Field(min_length=1)


ServiceNowCredentials = Annotated[
    OAuthClientCredentials | OAuthJwtBearer | BasicCredentials, Field(discriminator="kind")
]
