"""The names that something outside their stack knows: another account, a policy, an alarm, a person in the console.

Everything else is named by CloudFormation.
"""

from __future__ import annotations

from infra.config import EnvironmentConfig

BILL_READERS = (
    "ReadManifest",
    "SealBillingData",
    "CheckSeal",
    "RestorePeriod",
    "month_end_close",
    "CheckDelivery",
    "daily_validation",
)
"""The roles that read the bill's objects or their versions; the billing bucket's policy denies everybody else."""

MANIFEST_ARRIVED = "ManifestArrived"
CLOSE_DAILY = "CloseDaily"
SCHEDULES = "schedules"
UNDELIVERED_EVENTS = "UndeliveredEvents"
UNDELIVERED_SCHEDULES = "UndeliveredSchedules"
"""What starts a close, and where what could not start one is kept."""

DELIVERY_ARRIVED = "DeliveryArrived"
VALIDATE_DAILY = "ValidateDaily"
UNDELIVERED_VALIDATIONS = "UndeliveredValidations"
"""The same for a validation; its schedule is in the group of the close's."""

UNDELIVERED_POSTURE = "undelivered_posture_alerts"
UNDELIVERED_THREATS = "undelivered_threat_alerts"

REPLICATION = "replicate_records"
"""The role with which S3 copies the records to the replica region."""

GITHUB_DEPLOY = "github_deploy"
GITHUB_DIFF = "github_diff"
"""The roles of GitHub Actions, which the workflows name; one that is called GitHubActions cannot be taken."""

SIGNERS = ("RenderStatement", "SignEvidence", "IssueCertificate")
"""The functions that use the signing key; the last one signs certificate requests with it."""


def stack_name(config: EnvironmentConfig, stack: str) -> str:
    return f"Chargeback-{config.name}-{stack}"


def state_of(verb_noun: str) -> str:
    """The state that a function is for, and the function itself, by its folder: ``ReadManifest`` of read_manifest."""
    return "".join(word.title() for word in verb_noun.split("_"))


def name_of(config: EnvironmentConfig, resource: str) -> str:
    """The name of a function, state machine, queue, rule or topic: by the word of its state or file."""
    return f"Chargeback-{config.name}-{resource}"


def role_arn(account: str, config: EnvironmentConfig, of: str) -> str:
    """The role of a function or state machine, whose role bears its name."""
    return f"arn:aws:iam::{account}:role/{name_of(config, of)}"


def billing_bucket(config: EnvironmentConfig) -> str:
    """Bucket names are the world's: account and region make it ours."""
    return f"chargeback-{config.name}-billing-{config.finops_account}-{config.region}"


def replica_bucket(config: EnvironmentConfig, records: str) -> str:
    """Where the copies of the billing, ledger or statement bucket are; raises ValueError without a replica region."""
    if config.replica_region is None:
        raise ValueError(f"{config.name} keeps no replica")
    return f"chargeback-{config.name}-{records}-{config.finops_account}-{config.replica_region}"


def replica_key(config: EnvironmentConfig, of: str) -> str:
    """The alias of the key that encrypts a copy: S3 takes it for the key, whose id another region does not know."""
    return f"alias/chargeback-{config.name}-replica-{of}"


def billing_key_parameter(config: EnvironmentConfig) -> str:
    """The parameter that holds the ARN of the bill's key, whose id AWS chooses."""
    return f"/chargeback/{config.name}/billing-key-arn"


def signing_alias(config: EnvironmentConfig, number: int | str) -> str:
    """The alias of a key that signs statements and evidence; keys are numbered, as one follows the other."""
    return f"alias/chargeback-{config.name}-signing-{number}"


def signing_identity_parameter(config: EnvironmentConfig) -> str:
    """The parameter that says which key signs, and with which certificate; IssueCertificate puts it."""
    return f"/chargeback/{config.name}/signing-identity"


def bill_readers(config: EnvironmentConfig) -> tuple[str, ...]:
    """Every role that may read the bill; whoever is not here is denied, whatever its own policy says."""
    ours = (*BILL_READERS, REPLICATION) if config.replica_region else BILL_READERS
    return (*(role_arn(config.finops_account, config, of) for of in ours), *config.bill_readers)


def bootstrap_role_arn(account: str, region: str, qualifier: str, role: str) -> str:
    """A role of ``cdk bootstrap`` by its word: deploy, file-publishing, lookup or cfn-exec."""
    return f"arn:aws:iam::{account}:role/cdk-{qualifier}-{role}-role-{account}-{region}"


def deployer_arn(account: str, region: str, qualifier: str) -> str:
    """The role of ``cdk bootstrap`` with which CloudFormation works."""
    return bootstrap_role_arn(account, region, qualifier, "cfn-exec")


def invoice_reader(config: EnvironmentConfig) -> str:
    """The payer's role that may list invoices."""
    return role_arn(config.payer_account, config, "invoice_reader")
