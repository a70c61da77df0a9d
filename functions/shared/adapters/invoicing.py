"""AWS's Invoicing API in the payer's account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3

from functions.shared.periods import BillingPeriod

HOME_REGION = "us-east-1"


def list_invoices(account_id: str, period: BillingPeriod, role_arn: str) -> Iterator[dict[str, Any]]:
    """The summaries of all invoices that AWS issued to an account for a month, read with a role of the payer's."""
    assumed = boto3.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="chargeback-invoices")["Credentials"]
    client: Any = boto3.client(
        "invoicing",
        region_name=HOME_REGION,
        aws_access_key_id=assumed["AccessKeyId"],
        aws_secret_access_key=assumed["SecretAccessKey"],
        aws_session_token=assumed["SessionToken"],
    )
    pages = client.get_paginator("list_invoice_summaries").paginate(
        Selector={"ResourceType": "ACCOUNT_ID", "Value": account_id},
        Filter={"BillingPeriod": {"Month": period.month, "Year": period.year}},
    )
    for page in pages:
        yield from page["InvoiceSummaries"]
