"""What an environment may set, validated; the environments themselves are in infra/environments.py."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
# No wildcard can be in it: it becomes a part of policies and of the event pattern.
FolderPrefix = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9._-]+/){2,}$")]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
Arn = Annotated[str, StringConstraints(pattern=r"^arn:aws:[a-z0-9-]+:[a-z0-9-]*:\d{12}:[^*?\s]+$")]
# Policies know the caller by its role, never by its session.
RoleArn = Annotated[str, StringConstraints(pattern=r"^arn:aws:iam::\d{12}:role/[^*?\s]+$")]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
ExternalId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+=,.@:/_-]+$", min_length=2, max_length=1224)]
TagText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_ .:/=+@-]+$", max_length=128)]


class Section(BaseModel):
    """A part of the settings: frozen, and nothing in it that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GithubSettings(Section):
    """The repository that may deploy, and how GitHub names it in its tokens."""

    organization: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+$")]
    repository: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$")]
    organization_id: Annotated[str, StringConstraints(pattern=r"^\d+$")] = Field(
        description="the organisation's number: repositories made since July 2026 are named with numbers in tokens"
    )
    repository_id: Annotated[str, StringConstraints(pattern=r"^\d+$")]
    environment: str = Field(default="production", description="the protected GitHub environment that deploys")
    makes_provider: bool = Field(
        default=True, description="False when the account has an OIDC provider for GitHub already: there can be but one"
    )


class DatadogSettings(Section):
    """Datadog reads CloudWatch's metrics through a role of ours; no key of Datadog's is kept here."""

    external_id: ExternalId
    account: AccountId = Field(default="464622532012", description="Datadog's own AWS account")


class WizSettings(Section):
    """Wiz reads the account's configuration through a role of ours; data stays out of its reach."""

    trusted_role: Arn
    external_id: ExternalId


class AnomalySettings(Section):
    """From which impact on AWS's cost forecast an anomaly is worth a message."""

    impact_usd: Decimal = Field(default=Decimal(500), gt=0)
    impact_percent: Decimal = Field(default=Decimal(20), gt=0)
    tag: str | None = Field(
        default="cost-center",
        description="the cost-allocation tag that a monitor follows; None while AWS does not know the tag yet",
    )


class EnvironmentConfig(Section):
    """One environment. Nothing in it is looked up, so synthesis works offline."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{0,12}$")]
    finops_account: AccountId
    payer_account: AccountId
    region: Region
    owners: tuple[Email, ...] = Field(min_length=1, description="who hears of a failure, drift or cost anomaly")
    tags: dict[TagText, TagText] = Field(default_factory=dict, description="tags of every resource of ours")

    export_prefix: FolderPrefix = Field(
        description="where Data Exports writes in the billing bucket: S3 prefix and export name, ending in /"
    )
    ratified_policy: str = Field(description="the policy file in policy/")
    flattened_tags: tuple[str, ...] = Field(default=(), description="tag keys that the export flattens to columns")
    backfill_months: Annotated[int, Field(ge=0, le=12)] = Field(
        default=1,
        description="how many months before the current one AWS tags once more when a cost-allocation tag is activated;"
        " it delivers them again, so one that is closed already gets a revision",
    )
    anomalies: AnomalySettings | None = Field(default_factory=AnomalySettings)
    ties_to_invoices: bool = Field(
        default=True, description="read the payer's invoice totals; else a bill is tied to its own lines"
    )

    retention_years: Annotated[int, Field(ge=1, le=30)] = Field(
        default=7, description="how long sealed data, ledgers and statements cannot be deleted by anybody"
    )
    replica_region: Region | None = Field(default=None, description="a second region that keeps a copy of the records")
    bill_readers: tuple[RoleArn, ...] = Field(
        default=(), description="roles beside the pipeline's that may read the bill, such as a FinOps analyst's"
    )

    scan_limit_gib: Annotated[int, Field(ge=1)] = Field(default=200, description="Athena stops a query that reads more")
    approvers: tuple[Email, ...] = Field(
        default=(), description="who is asked before charges are posted; nobody means that nobody has to approve"
    )
    closes_on_arrival: bool = Field(
        default=True, description="start a close whenever a manifest arrives, and every day in case one was missed"
    )
    overdue_day: Annotated[int, Field(ge=5, le=28)] = Field(
        default=12, description="from this day of the month on the month before is overdue, and the owners are told"
    )
    reserves_concurrency: bool = Field(
        default=True, description="False in a new account, whose ten concurrent Lambdas leave nothing to reserve"
    )

    records_configuration: bool = Field(default=False, description="AWS Config records here: its rules are deployed")
    detects_threats: bool = Field(
        default=False, description="turn GuardDuty on here; False when the organisation manages it centrally"
    )
    github: GithubSettings | None = None
    datadog: DatadogSettings | None = None
    wiz: WizSettings | None = None

    @model_validator(mode="after")
    def _a_replica_is_elsewhere(self) -> Self:
        if self.replica_region == self.region:
            raise ValueError(f"replica_region is {self.region}, where the records are: choose another region")
        return self

    @property
    def export_name(self) -> str:
        """The name of the export, which Data Exports appends to the S3 prefix."""
        return self.export_prefix.rstrip("/").rpartition("/")[2]

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that something is deployed to: the FinOps account, and the payer's if it is another."""
        return tuple(dict.fromkeys((self.finops_account, self.payer_account)))

    def regions(self, account: str) -> tuple[str, ...]:
        """Where something is deployed to in one of them: each of these is bootstrapped, and the first is its home."""
        ours = [self.region, self.replica_region] if account == self.finops_account else []
        # Whatever has to do with the bill itself is in us-east-1.
        bill = ["us-east-1"] if account == self.payer_account else []
        return tuple(region for region in dict.fromkeys((*ours, *bill)) if region)
