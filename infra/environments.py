"""The environments of this organisation; ``cdk -c env=NAME`` chooses one, ``local`` is the default.

Account and region are written down, never looked up. A setting's meaning is in infra/config.py.
"""

from __future__ import annotations

from infra.config import (
    DatadogSettings,
    EnvironmentConfig,
    GithubSettings,
    SigningSettings,
    TagPolicySettings,
    VaultSettings,
    WizSettings,
)

MERIDIAN_GITHUB = GithubSettings(
    organization="meridian-health", repository="chargeback", organization_id="10001", repository_id="20002"
)
OWNERS = ("finops@meridian.example",)
TAGS = {"application": "chargeback", "cost-center": "CC-1603", "data-classification": "confidential"}


class UnknownEnvironment(Exception):
    """``-c env=`` names an environment that is not here."""


LOCAL = EnvironmentConfig(
    name="local",
    finops_account="123456789012",
    payer_account="123456789012",
    region="us-east-1",
    owners=OWNERS,
    tags=TAGS,
    export_prefix="cur2/chargeback/",
    ratified_policy="meridian.yaml",
    ties_to_invoices=False,
    closes_on_arrival=False,
)

LOCAL_VAULT = LOCAL.model_copy(
    update={
        "name": "localvault",
        "vault": VaultSettings(
            address="https://vault.local.example:8200",
            role="chargeback",
            server_id="vault.local.example",
            namespace="finops",
            servicenow_secret="vault:kv/chargeback/servicenow",  # noqa: S106 - where the secret is, not what it is
            signing_key="vault:transit/chargeback-statements",
            pki_role="pki/chargeback",
        ),
    }
)
"""The same with everything in Vault that can be there: secret, key and certificate authority."""

REHEARSAL = EnvironmentConfig(
    name="rehearsal",
    finops_account="123456789012",
    payer_account="410010010001",
    region="us-east-1",
    owners=OWNERS,
    tags=TAGS,
    export_prefix="cur2/chargeback/",
    ratified_policy="meridian.yaml",
    freshness_hours=24,
    replica_region="us-west-2",
    records_configuration=True,
    detects_threats=True,
    signing=SigningSettings(keys=2),
    tag_policies=TagPolicySettings(targets=("r-ab12",), enforced_for=("ec2:instance",)),
    github=MERIDIAN_GITHUB,
    datadog=DatadogSettings(external_id="rehearsal-datadog"),
    wiz=WizSettings(trusted_role="arn:aws:iam::999999999999:role/wiz-delegator", external_id="rehearsal-wiz"),
)
"""Everything on, with the sample organisation's payer: what the real CDK CLI deploys to the local endpoint."""

STARTUP = EnvironmentConfig(
    name="startup",
    finops_account="333333333333",
    payer_account="333333333333",
    region="eu-west-1",
    owners=("cto@startup.example",),
    export_prefix="cur2/chargeback/",
    ratified_policy="meridian.yaml",
    reserves_concurrency=False,
)
"""Five accounts, one of which does everything; the least that is a chargeback."""

PRODUCTION = EnvironmentConfig(
    name="production",
    finops_account="222222222222",
    payer_account="111111111111",
    region="us-east-1",
    owners=OWNERS,
    tags=TAGS,
    export_prefix="cur2/chargeback/",
    ratified_policy="meridian.yaml",
    approvers=OWNERS,
    change_gate=True,
    signing=SigningSettings(
        private_ca="arn:aws:acm-pca:us-east-1:222222222222:certificate-authority/0f0f0f0f-0000-4000-8000-000000000000",
        timestamp_url="https://timestamps.meridian.example",
    ),
    vault=VaultSettings(
        address="https://vault.meridian.example:8200",
        role="chargeback",
        server_id="vault.meridian.example",
        namespace="finops",
        servicenow_secret="vault:kv/chargeback/servicenow",  # noqa: S106 - where the secret is, not what it is
        signing_key="vault:transit/chargeback-statements",
    ),
    replica_region="us-west-2",
    records_configuration=True,
    tag_policies=TagPolicySettings(targets=("r-ab12",)),
    github=MERIDIAN_GITHUB,
    datadog=DatadogSettings(external_id="replace-with-datadogs-external-id"),
    wiz=WizSettings(trusted_role="arn:aws:iam::999999999999:role/wiz-delegator", external_id="replace-with-wizs-id"),
)

ENVIRONMENTS = {config.name: config for config in (LOCAL, LOCAL_VAULT, REHEARSAL, STARTUP, PRODUCTION)}


def environment(name: str) -> EnvironmentConfig:
    """The environment of that name; raises UnknownEnvironment that lists those there are."""
    try:
        return ENVIRONMENTS[name]
    except KeyError:
        known = ", ".join(ENVIRONMENTS)
        raise UnknownEnvironment(f"no environment {name!r}; infra/environments.py has {known}") from None
