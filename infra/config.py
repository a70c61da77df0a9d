"""The settings of every environment; ``cdk -c env=NAME`` chooses one, ``local`` is the default."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
# No wildcard can be in it: it becomes a part of policies and of the event pattern.
FolderPrefix = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9._-]+/)+$")]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]


class UnknownEnvironment(Exception):
    """``-c env=`` names an environment that infra/config.py does not have."""


class EnvironmentConfig(BaseModel):
    """One environment. Nothing in it is looked up, so synthesis works offline."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*$")]
    finops_account: AccountId
    payer_account: AccountId
    region: Region
    export_prefix: FolderPrefix = Field(
        description="where Data Exports writes in the billing bucket: S3 prefix and export name, ending in /"
    )
    ratified_policy: str = Field(description="the policy file in policy/")
    flattened_tags: tuple[str, ...] = Field(default=(), description="tag keys that the export flattens to columns")
    retention_years: Annotated[int, Field(ge=1, le=30)] = Field(
        default=7, description="how long sealed data, ledgers and statements cannot be deleted by anybody"
    )
    scan_limit_gib: Annotated[int, Field(ge=1)] = Field(default=200, description="Athena stops a query that reads more")
    invoice_reader_role: Annotated[str, StringConstraints(pattern=r"^arn:aws:iam::\d{12}:role/.+$")] | None = Field(
        default=None, description="the payer's role that may list invoices; without it a bill is tied to its own lines"
    )
    closes_on_arrival: bool = Field(default=True, description="start a close whenever a manifest arrives")


MERIDIAN_TAGS = ("cost-center", "business-unit", "environment", "application")

ENVIRONMENTS = {
    config.name: config
    for config in (
        EnvironmentConfig(
            name="local",
            finops_account="123456789012",
            payer_account="123456789012",
            region="us-east-1",
            export_prefix="cur2/chargeback/",
            ratified_policy="meridian.yaml",
            flattened_tags=MERIDIAN_TAGS,
            closes_on_arrival=False,
        ),
        EnvironmentConfig(
            name="production",
            finops_account="222222222222",
            payer_account="111111111111",
            region="us-east-1",
            export_prefix="cur2/chargeback/",
            ratified_policy="meridian.yaml",
            flattened_tags=MERIDIAN_TAGS,
        ),
    )
}


def environment(name: str) -> EnvironmentConfig:
    """The environment of that name; raises UnknownEnvironment that lists those there are."""
    try:
        return ENVIRONMENTS[name]
    except KeyError:
        raise UnknownEnvironment(f"no environment {name!r}; infra/config.py has {', '.join(ENVIRONMENTS)}") from None
