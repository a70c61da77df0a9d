"""Writes down what a run came to, for people to read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from functions.shared.filed_statement import FiledStatement
from functions.shared.money import Cents, format_cents, total
from functions.shared.payload import Payload
from functions.shared.reconciliation import Reconciliation
from functions.summarize_run.records import RunRecords


class SummarizeRunRequest(Payload):
    """The run, how it stands, and the execution that made it."""

    run_id: str
    billing_period: str
    charge_period: str
    revision: int
    status: str
    started_at: datetime
    execution_arn: str
    state_machine: str
    steps: dict[str, dict[str, Any]]
    ledger: dict[str, Any]


class RunSummarized(Payload):
    """Where summary and evidence were written."""

    summary: str
    evidence: str
    total: Cents


def build_summary(
    request: SummarizeRunRequest,
    records: RunRecords,
) -> dict[str, Any]:
    """The summary of a run, as docs/architecture.md shows it; amounts are text."""
    policy, reconciliation, totals = records.policy, records.reconciliation, records.totals
    collected = reconciliation.pool_costs()
    return {
        "billing_period": request.charge_period,
        "booked_in": request.billing_period,
        "revision": request.revision,
        "status": request.status,
        "organization": policy.organization,
        "billing_currency": policy.billing_currency,
        "cost_basis": policy.cost_basis,
        "billed_cost": format_cents(reconciliation.billed_cost),
        "allocated_cost": format_cents(reconciliation.allocated_cost),
        "delta": format_cents(reconciliation.delta),
        "revision_cost": format_cents(reconciliation.revision_cost),
        "commitment_bridge": format_cents(reconciliation.commitment_bridge),
        "control_totals": control_totals(reconciliation),
        "cost_centers": [center.model_dump(mode="json") for center in totals.cost_centers],
        "pools": {pool: format_cents(collected.get(pool, total([]))) for pool in sorted(policy.pools)},
        "untagged_ratio": totals.untagged_ratio,
        "line_items": reconciliation.line_items,
        "statements": [_statement(statement) for statement in records.filed],
        "postings": [
            {
                "cost_center": charge.cost_center,
                "amount": format_cents(charge.amount),
                "table": charge.table,
                "key": charge.key,
            }
            for charge in records.posted
        ],
        "executions": [
            {"state_machine": request.state_machine, "status": "SUCCEEDED", "arn": request.execution_arn},
        ],
        "unrecognized_tags": list(records.unrecognized_tags),
    }


def control_totals(reconciliation: Reconciliation) -> list[dict[str, str]]:
    """Every invoice: what AWS billed, and what the ledger has of it."""
    return [
        {
            "billing_account_id": invoice.billing_account_id,
            "invoice_id": invoice.invoice_id,
            "billed_cost": format_cents(invoice.billed_cost),
            "allocated_cost": format_cents(invoice.allocated_cost),
        }
        for invoice in reconciliation.invoices
    ]


def _statement(filed: FiledStatement) -> dict[str, str | None]:
    return {
        "business_unit": filed.business_unit,
        "total": format_cents(filed.total),
        "pdf": filed.pdf,
        "csv": filed.csv,
        "sha256sums": filed.sha256sums,
        "signature": filed.signature,
    }
