"""The payer's role that lists invoices for the close, which runs in another account."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct


class InvoiceReader(iam.Role):
    """Taken by one role and nobody else, and good for one call."""

    def __init__(self, scope: Construct, construct_id: str, *, name: str, account: str, reader: str) -> None:
        # A trust policy that names a role can be written only once the role exists; a condition on it can be before.
        only_the_reader = iam.PrincipalWithConditions(
            iam.AccountPrincipal(account), {"ArnEquals": {"aws:PrincipalArn": reader}}
        )
        super().__init__(
            scope,
            construct_id,
            role_name=name,
            description="Chargeback: lists the invoices of a month, for the close to compare with",
            assumed_by=only_the_reader,
        )
        self.add_to_policy(
            # AWS knows no narrower resource: an invoice has no ARN.
            iam.PolicyStatement(actions=["invoicing:ListInvoiceSummaries"], resources=["*"])
        )
