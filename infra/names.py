"""The names that something outside their stack knows: another account, a policy, an alarm, a person in the console.

Everything else is named by CloudFormation.
"""

from __future__ import annotations

from infra.config import EnvironmentConfig

BILL_READERS = ("ReadManifest", "SealBillingData", "CheckSeal", "month_end_close")
"""The roles that read the bill's objects or their versions; the billing bucket's policy denies everybody else."""


def stack_name(config: EnvironmentConfig, stack: str) -> str:
    return f"Chargeback-{config.name}-{stack}"


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


def invoice_reader(config: EnvironmentConfig) -> str:
    """The payer's role that may list invoices."""
    return role_arn(config.payer_account, config, "invoice_reader")
