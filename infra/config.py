"""What an environment may set, validated; the environments themselves are in infra/environments.py."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from infra.ratified_policy import billed_tags, ratified_policy

AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
# No wildcard can be in it: it becomes a part of policies and of the event pattern.
FolderPrefix = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9._-]+/){2,}$")]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
Arn = Annotated[str, StringConstraints(pattern=r"^arn:aws:[a-z0-9-]+:[a-z0-9-]*:\d{12}:[^*?\s]+$")]
# Policies know the caller by its role, never by its session.
RoleArn = Annotated[str, StringConstraints(pattern=r"^arn:aws:iam::\d{12}:role/[^*?\s]+$")]
PrivateCaArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws:acm-pca:[a-z0-9-]+:\d{12}:certificate-authority/[0-9a-f-]+$")
]
HttpsUrl = Annotated[str, StringConstraints(pattern=r"^https://[^\s@]+$")]
VaultName = Annotated[str, StringConstraints(pattern=r"^[\w.-]+$")]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
ExternalId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+=,.@:/_-]+$", min_length=2, max_length=1224)]
TagText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_ .:/=+@-]+$", max_length=128)]

TagPolicyTarget = Annotated[
    str, StringConstraints(pattern=r"^(r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}|\d{12})$")
]
TaggedType = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+:[A-Za-z0-9_/*-]+$")]


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
    reads_logs: bool = Field(
        default=False, description="Datadog's forwarder reads our logs: metrics are told there in its own form as well"
    )


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


class SigningSettings(Section):
    """Who signs statements and evidence, and who says that it is them."""

    keys: Annotated[int, Field(ge=1, le=99)] = Field(
        default=1,
        description="how many signing keys there have been: one more makes another, which signs once it has its"
        " certificate; the earlier ones stay",
    )
    private_ca: PrivateCaArn | None = Field(
        default=None, description="an AWS Private CA that certifies a key at once; else your authority signs a request"
    )
    timestamp_url: HttpsUrl | None = Field(
        default=None,
        description="an RFC 3161 timestamp authority: it proves when a statement was signed, and its bytes are other"
        " each time, so a replay compares what stands before it",
    )


class VaultSettings(Section):
    """A HashiCorp Vault that our functions sign in to with their IAM roles, and what of ours is kept there."""

    address: HttpsUrl
    role: VaultName = Field(
        description="the name before -books and -signing: two roles of Vault's AWS auth method, bound to our functions'"
    )
    server_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:/-]+$")] = Field(
        description="iam_server_id_header_value of the auth method: what is signed for us is no good to another Vault"
    )
    namespace: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_./-]*$")] = ""
    auth_mount: VaultName = "aws"
    sts_region: Region = Field(default="us-east-1", description="the region of the auth method's STS endpoint")
    servicenow_secret: Annotated[str, StringConstraints(pattern=r"^vault:[\w.-]+/[\w./-]+$")] | None = Field(
        default=None, description="vault:<mount>/<path> in KV version 2; else the secret is in AWS Secrets Manager"
    )
    signing_key: Annotated[str, StringConstraints(pattern=r"^vault:[\w.-]+/[\w.-]+$")] | None = Field(
        default=None, description="vault:<mount>/<name> in Transit: the key that is certified next; else one of AWS KMS"
    )
    pki_role: Annotated[str, StringConstraints(pattern=r"^[\w./-]+/[\w.-]+$")] | None = Field(
        default=None, description="<mount>/<role> of a PKI engine that certifies a key at once"
    )

    @model_validator(mode="after")
    def _something_is_kept_there(self) -> Self:
        if not (self.servicenow_secret or self.signing_key or self.pki_role):
            raise ValueError(
                "nothing of ours is in this Vault: set servicenow_secret, signing_key or pki_role, or leave vault out"
            )
        return self


class TagPolicySettings(Section):
    """To whom in AWS Organizations the tag policy applies; tag policies have been turned on there."""

    targets: tuple[TagPolicyTarget, ...] = Field(min_length=1, description="roots, organizational units or accounts")
    enforced_for: tuple[TaggedType, ...] = Field(
        default=(),
        description="resource types such as ec2:instance, in which a tag that is written otherwise is refused;"
        " none means that it is reported only",
    )


class EnvironmentConfig(Section):
    """One environment. Nothing in it is looked up: synthesis asks no account."""

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
    more_flattened_tags: tuple[TagText, ...] = Field(
        default=(), description="tag keys that the export turns into columns beside those of the ratified policy"
    )
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
    athena_usd_per_tb: Annotated[Decimal, Field(ge=0)] = Field(
        default=Decimal(5), description="what Athena charges here for a terabyte read, for the metric QueryCost"
    )
    approvers: tuple[Email, ...] = Field(
        default=(), description="who is asked before charges are posted; nobody means that nobody has to approve"
    )
    change_gate: bool = Field(
        default=False,
        description="a changed policy, driver or SQL file needs an approved ServiceNow change request with its hash",
    )
    signing: SigningSettings = Field(default_factory=SigningSettings)
    vault: VaultSettings | None = Field(
        default=None, description="a HashiCorp Vault for the ServiceNow secret, the signing key or its certificate"
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

    freshness_hours: Annotated[int, Field(ge=12, le=168, multiple_of=6)] = Field(
        default=48,
        description="how old the newest delivery may be; AWS delivers at least once a day, and not always at the same"
        " hour. The alarm looks every six hours",
    )
    hygiene_days: Annotated[int, Field(ge=62, le=3650)] = Field(
        default=400,
        description="how long a day's hygiene is kept: a year to compare with, and the month that is open. A month is"
        " compared with the one before, so it is two months at least",
    )

    records_configuration: bool = Field(default=False, description="AWS Config records here: its rules are deployed")
    detects_threats: bool = Field(
        default=False, description="turn GuardDuty on here; False when the organisation manages it centrally"
    )
    tag_policies: TagPolicySettings | None = Field(
        default=None, description="the mandatory tags as a tag policy of AWS Organizations, in the payer account"
    )
    github: GithubSettings | None = None
    datadog: DatadogSettings | None = None
    wiz: WizSettings | None = None

    @model_validator(mode="after")
    def _a_replica_is_elsewhere(self) -> Self:
        if self.replica_region == self.region:
            raise ValueError(f"replica_region is {self.region}, where the records are: choose another region")
        return self

    @model_validator(mode="after")
    def _one_authority(self) -> Self:
        if self.vault and self.vault.pki_role and self.signing.private_ca:
            raise ValueError("signing.private_ca and vault.pki_role: one authority certifies the key, leave one out")
        return self

    @property
    def export_name(self) -> str:
        """The name of the export, which Data Exports appends to the S3 prefix."""
        return self.export_prefix.rstrip("/").rpartition("/")[2]

    @property
    def flattened_tags(self) -> tuple[str, ...]:
        """The tags that the export turns into columns, first those that the ratified policy bills by or measures."""
        return tuple(dict.fromkeys([*billed_tags(ratified_policy(self.ratified_policy)), *self.more_flattened_tags]))

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
