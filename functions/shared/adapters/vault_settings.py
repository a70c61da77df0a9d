"""Where Vault is and who we are there; nothing in it is secret."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from functions.shared.settings import Settings

NO_VAULT = "none"


class VaultLogin(BaseModel):
    """One Vault, and the role of its AWS auth method that our functions take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = Field(pattern=r"^https?://[^\s@]+$", description="https://vault.example:8200")
    role: str = Field(min_length=1, description="the role of the AWS auth method")
    server_id: str = Field(
        min_length=1, description="iam_server_id_header_value of the auth method: a login for another Vault is no good"
    )
    namespace: str = Field(default="", description="Vault Enterprise; blank is the root namespace")
    auth_mount: str = Field(default="aws", min_length=1, description="where the AWS auth method is mounted")
    sts_region: str = Field(
        default="us-east-1", description="the region that the login is signed for: that of the method's STS endpoint"
    )


def _read(given: object) -> object:
    if given == NO_VAULT:
        return None
    return VaultLogin.model_validate_json(given) if isinstance(given, str) else given


VaultSetting = Annotated[VaultLogin | None, BeforeValidator(_read)]
"""A setting that is the JSON of VaultLogin, or "none"."""


class VaultUser(Settings):
    """Settings of every function that may need Vault: ``VAULT`` is JSON of VaultLogin, or "none"."""

    vault: VaultSetting
