"""Small parts of a run - delivery, policy, seal, reconciliation - that the tests of functions share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.delivery import NEEDED_COLUMNS, DataFile, Delivery
from functions.shared.policy import compile_policy
from functions.shared.reconciliation import InvoiceReconciliation, Reconciliation
from functions.shared.seal import Seal, SealedFile
from tests.unit.shared.policy_sample import MAY_2026, load

RUN_ID = "2026-05-0123456789ab-1"
EXPORT = "cur2/chargeback/"
MANIFEST_KEY = f"{EXPORT}metadata/BILLING_PERIOD=2026-05/chargeback-Manifest.json"
DATA_KEY = f"{EXPORT}data/BILLING_PERIOD=2026-05/chargeback-00001.snappy.parquet"
COLUMNS = (*NEEDED_COLUMNS, "resource_tags", "tag_cost_center")
STARTED_AT = "2026-06-03T08:00:00.000Z"


def delivery(**changes: Any) -> Delivery:
    """A delivery of one file."""
    file = DataFile(key=DATA_KEY, version_id="v1", size=1000, etag="e1")
    whole = {
        "billing_period": "2026-05",
        "manifest_key": MANIFEST_KEY,
        "manifest_execution_id": "export-1",
        "columns": COLUMNS,
        "files": (file,),
    }
    return Delivery(**(whole | changes))


def seal(**changes: Any) -> Seal:
    """The seal on that delivery."""
    [file] = delivery().files
    whole = {
        "billing_period": "2026-05",
        "manifest_key": MANIFEST_KEY,
        "manifest_execution_id": "export-1",
        "retain_until": datetime(2033, 7, 1, tzinfo=UTC),
        "files": (SealedFile(**file.model_dump(), sha256="ab" * 32),),
    }
    return Seal(**(whole | changes))


def policy_of_run(**changes: Any) -> PolicyOfRun:
    """The sample policy as a run of May 2026 uses it."""
    policy = load()
    return PolicyOfRun.of(policy, compile_policy(policy, MAY_2026)).model_copy(update=changes)


def invoice_row(**changes: str) -> dict[str, str]:
    """A row of r020_invoices: 100.00 billed and allocated, over ten lines."""
    return dict.fromkeys(InvoiceReconciliation.model_fields, "0.00") | {
        "billing_account_id": "999900001111",
        "invoice_id": "INV-1",
        "billing_currency": "USD",
        "billed_cost": "100.00",
        "allocated_cost": "100.00",
        "delta": "0.00",
        "commitment_bridge": "2.50",
        "revision_cost": "100.00",
        "exact_billed": "99.9960000000",
        "exact_folded": "99.9960000000",
        "exact_owned": "99.9960000000",
        "exact_bridge": "2.5000000000",
        "lines_read": "10",
        "lines_folded": "10",
        "entries_without_unit": "0",
        **changes,
    }


def pool_row(**changes: str) -> dict[str, str]:
    """A row of r030_pools: 20.00 collected, 5.00 received from another pool, all of it shared."""
    return {
        "billing_account_id": "999900001111",
        "invoice_id": "INV-1",
        "billing_currency": "USD",
        "pool_id": "support",
        "collected": "20.00",
        "received": "5.00",
        "shared": "25.00",
        "delta": "0.00",
    } | changes


def reconciliation(invoices: Iterable[Mapping[str, str]] | None = None) -> Reconciliation:
    """One invoice and one pool, reconciled."""
    return Reconciliation.of([invoice_row()] if invoices is None else invoices, [pool_row()])


def entry_row(**changes: str) -> dict[str, str]:
    """A row of s010_ledger_entries: 10.00 of EC2, directly."""
    return {
        "entry_id": "e-1",
        "billing_period": "2026-05",
        "charge_period": "2026-05",
        "revision": "1",
        "billing_account_id": "999900001111",
        "invoice_id": "INV-1",
        "billing_currency": "USD",
        "business_unit": "claims",
        "cost_center": "CC-1001",
        "allocation_method": "direct",
        "pool_id": "",
        "rule_id": "",
        "sub_account_id": "111122223333",
        "service_name": "AmazonEC2",
        "charge_class": "usage",
        "exact_cost": "10.0000000000",
        "cost": "10.00",
        "line_count": "3",
    } | changes


def csv_of(*rows: Mapping[str, str]) -> str:
    """Rows as Athena writes them: a header, and every value quoted."""
    lines = [",".join(f'"{name}"' for name in rows[0])]
    lines += [",".join('"' + value.replace('"', '""') + '"' for value in row.values()) for row in rows]
    return "".join(f"{line}\n" for line in lines)
