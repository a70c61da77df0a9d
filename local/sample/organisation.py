"""Meridian Health, the sample organisation: its accounts, who works in them, and who sells to it.

A made-up health insurer. The ratified policy of the same organisation is policy/meridian.yaml.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Home = Literal["workload", "containers", "data", "network", "logging", "security", "backup"]
"""What an account is for; decides which services are found in it."""


class Account(NamedTuple):
    """A linked account: its share of the bill, and the cost centers whose workloads run in it."""

    account_id: str
    name: str
    weight: int
    environment: str
    cost_centers: tuple[str, ...]
    home: Home = "workload"
    region: str = "us-east-1"


class Vendor(NamedTuple):
    """A seller on AWS Marketplace, with the product code its lines carry."""

    legal_entity: str
    product: str
    product_code: str
    weight: int


PAYER = Account("410010010001", "meridian-payer", 1, "prod", ("CC-1601",))

ACCOUNTS: tuple[Account, ...] = (
    PAYER,
    Account("410010010101", "claims-prod", 16, "prod", ("CC-1001", "CC-1002", "CC-1004")),
    Account("410010010102", "claims-nonprod", 5, "test", ("CC-1001", "CC-1002")),
    Account("410010010103", "payment-integrity", 4, "prod", ("CC-1003",)),
    Account("410010010201", "member-portal-prod", 9, "prod", ("CC-1101", "CC-1104")),
    Account("410010010202", "member-portal-nonprod", 3, "staging", ("CC-1101", "CC-1103")),
    Account("410010010203", "contact-center", 5, "prod", ("CC-1102",)),
    Account("410010010204", "enrollment-prod", 4, "prod", ("CC-1103", "CC-1104")),
    Account("410010010301", "provider-directory-prod", 4, "prod", ("CC-1201", "CC-1203")),
    Account("410010010302", "provider-nonprod", 2, "dev", ("CC-1201", "CC-1202", "CC-1203")),
    Account("410010010401", "pharmacy-prod", 7, "prod", ("CC-1301", "CC-1302", "CC-1304")),
    Account("410010010402", "pharmacy-nonprod", 2, "test", ("CC-1301", "CC-1302")),
    Account("410010010403", "pharmacy-analytics", 5, "prod", ("CC-1303",), "data"),
    Account("410010010501", "actuarial-modelling", 6, "prod", ("CC-1402",), "data"),
    Account("410010010502", "underwriting-prod", 3, "prod", ("CC-1401", "CC-1403")),
    Account("410010010503", "risk-adjustment", 4, "prod", ("CC-1403",), "data"),
    Account("410010010601", "broker-portal-prod", 3, "prod", ("CC-1501", "CC-1503")),
    Account("410010010602", "marketing", 2, "prod", ("CC-1502", "CC-1504")),
    Account("410010010701", "finance-erp", 4, "prod", ("CC-1601", "CC-1603", "CC-1604")),
    Account("410010010702", "premium-billing-prod", 4, "prod", ("CC-1602",)),
    Account("410010010801", "care-management-prod", 5, "prod", ("CC-1701", "CC-1702", "CC-1704", "CC-1705")),
    Account("410010010802", "care-management-nonprod", 2, "dev", ("CC-1701", "CC-1705")),
    Account("410010010803", "telehealth-prod", 3, "prod", ("CC-1703",)),
    Account("410010010901", "data-lake-prod", 14, "prod", ("CC-1801", "CC-1804", "CC-1303", "CC-1702"), "data"),
    Account("410010010902", "data-lake-nonprod", 4, "dev", ("CC-1801",), "data"),
    Account("410010010903", "bi-reporting", 3, "prod", ("CC-1802",), "data"),
    Account("410010010904", "ml-platform", 7, "prod", ("CC-1803", "CC-1402", "CC-1704"), "data"),
    Account("410010011001", "digital-mobile", 4, "prod", ("CC-1901",)),
    Account("410010011002", "digital-web", 4, "prod", ("CC-1902",)),
    Account("410010011003", "identity-consent", 2, "prod", ("CC-1903",)),
    Account("410010011004", "interop-api", 3, "prod", ("CC-1904", "CC-1202")),
    Account("410010011101", "eks-platform", 12, "prod", ("CC-2002", "CC-1001", "CC-1101", "CC-1904"), "containers"),
    Account("410010011102", "ecs-batch", 6, "prod", ("CC-2002", "CC-1602", "CC-1003"), "containers"),
    Account("410010011103", "developer-tools", 3, "prod", ("CC-2003", "CC-2001")),
    Account("410010011104", "shared-network", 6, "prod", ("CC-2004",), "network"),
    Account("410010011105", "shared-logging", 5, "prod", ("CC-2005",), "logging"),
    Account("410010011201", "security-tooling", 4, "prod", ("CC-2101", "CC-2102", "CC-2103"), "security"),
    Account("410010011202", "backup-vault", 2, "prod", ("CC-2001",), "backup"),
    Account("410010011301", "sandbox", 2, "sandbox", ("CC-2006", "CC-1803", "CC-1901")),
    Account("410010011401", "emea-engineering", 3, "dev", ("CC-2003", "CC-1904"), region="eu-west-1"),
)

VENDORS: tuple[Vendor, ...] = (
    Vendor("Datadog, Inc.", "Datadog Pro", "5k2ymq0d7x8nd1vvlqjh3xsum", 5),
    Vendor("CrowdStrike, Inc.", "CrowdStrike Falcon", "a9wq3t6mbz0fhe7ykcd2rp41v", 3),
    Vendor("Snowflake Inc.", "Snowflake AI Data Cloud", "8ntx4l2pcu6gs0wr9ojd5bqz1", 4),
    Vendor("Redox, Inc.", "Redox Engine for HL7 and FHIR", "e6vh1kz8qrm3yc5td0x7fwjn2", 1),
)

BUSINESS_UNITS: dict[str, str] = {
    "10": "claims",
    "11": "member-services",
    "12": "provider-network",
    "13": "pharmacy",
    "14": "underwriting",
    "15": "sales-marketing",
    "16": "finance",
    "17": "care-management",
    "18": "data-analytics",
    "19": "digital",
    "20": "platform-engineering",
    "21": "security-compliance",
}
"""The business unit of a cost center, by the two digits after CC-."""

ALIASES: dict[str, str] = {
    "CC-1001": "CC 1001",
    "CC-1101": "member-portal",
    "CC-1301": "PBM-CORE",
    "CC-1801": "datalake",
    "CC-2002": "k8s-platform",
}
"""Other spellings found in tags that the policy lists, and so recognises."""

RETIRED_COST_CENTERS = ("CC-1005", "CC-2199")
UNKNOWN_COST_CENTERS = ("CC-7777", "tbd", "unknown", "CC-10001")

APPLICATIONS: dict[str, tuple[str, ...]] = {
    "claims": ("adjudication-engine", "edi-gateway", "claims-workbench"),
    "member-services": ("member-portal", "contact-center", "enrollment"),
    "provider-network": ("provider-directory", "credentialing"),
    "pharmacy": ("pbm-core", "formulary", "rx-pricing"),
    "underwriting": ("group-quotes", "risk-scoring"),
    "sales-marketing": ("broker-portal", "campaigns"),
    "finance": ("general-ledger", "premium-billing", "statutory-reporting"),
    "care-management": ("utilization-review", "population-health", "telehealth"),
    "data-analytics": ("data-lake", "feature-store", "hedis-reporting"),
    "digital": ("mobile-app", "web-experience", "fhir-api"),
    "platform-engineering": ("eks-clusters", "ci-runners", "training-lab"),
    "security-compliance": ("siem", "phi-tokenization"),
}


def business_unit(cost_center: str) -> str:
    """The business unit of a cost center such as CC-1001."""
    return BUSINESS_UNITS[cost_center[3:5]]


def is_emea(account: Account) -> bool:
    """Whether Amazon Web Services EMEA SARL is the account's seller of record."""
    return account.region.startswith("eu-")
