"""A statement with as many ledger lines as asked for, of a business unit that does not exist; it adds up."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

Row = dict[str, Any]

FEWEST_LINES = 10
_LINES_A_CENTER = 250
_MONTH, _MONTHS = 5, 12
_PAYER, _INVOICE = "410010010001", "2126054471"
_SERVICES = ("AmazonEC2", "AmazonRDS", "AmazonS3", "AmazonEKS", "AWSLambda", "AmazonDynamoDB", "AWSKMS", "AWSGlue")
_POOLS = {"support": "AWS Enterprise Support", "network": "Shared network", "security": "Security tooling"}
_RESOURCES = 10


def statement_of(lines: int) -> Row:
    """The data of a signed statement's model: a cost center for every 250 lines, three pools, a year of months."""
    centers = max(1, lines // _LINES_A_CENTER)
    sections: list[Row] = []
    ledger: list[Row] = []
    for number in range(centers):
        own = lines * (number + 1) // centers - lines * number // centers
        rows = _ledger_lines(f"CC-{1001 + number}", own, first=len(ledger))
        ledger += rows
        sections.append(_cost_center(f"CC-{1001 + number}", rows))
    direct, shared = _sum(sections, "direct"), _sum(sections, "shared")
    billed = _text(direct + shared)
    return {
        "organization": "Meridian Health",
        "billing_period": f"2026-{_MONTH:02d}",
        "charge_period": f"2026-{_MONTH:02d}",
        "revision": 1,
        "draft": False,
        "billing_currency": "USD",
        "cost_basis": "effective",
        "business_unit": {"id": "claims", "name": "Claims Operations"},
        "bill": _bill(billed),
        "cost_centers": sections,
        "trend": _trend(direct, shared),
        "ledger_lines": ledger,
        "provenance": {
            "policy_sha256": "a" * 64,
            "sql_sha256": "b" * 64,
            "code_version": "c" * 64,
            "manifest_execution_id": "dcd1f64c-90cf-5b97-8df0-5ca1d703f30c",
            "sealed_files": 212,
            "line_items": 18_452_907,
        },
    }


def _ledger_lines(center: str, number: int, first: int) -> list[Row]:
    """A line for each pool, the others direct: a service of an account each."""
    rows = [_line(center, first, "shared", 40_000 + 7_001 * n, pool_id=pool) for n, pool in enumerate(_POOLS)]
    for n in range(number - len(rows)):
        account = f"{410010010101 + n // len(_SERVICES):012d}"
        service = _SERVICES[n % len(_SERVICES)]
        rows.append(
            _line(
                center,
                first,
                "direct",
                1_000 + (n * 7_919 + first * 104_729) % 900_000,
                sub_account_id=account,
                service_name=service,
                charge_class="usage",
            )
        )
    return [row | {"entry_id": f"{first + n:064x}"} for n, row in enumerate(rows)]


def _line(center: str, first: int, method: str, cents: int, **more: str) -> Row:
    blank = {"pool_id": "", "sub_account_id": "", "service_name": "", "charge_class": ""}
    return {
        "billing_account_id": _PAYER,
        "invoice_id": _INVOICE,
        "cost_center": center,
        "allocation_method": method,
        "rule_id": "owner-tag" if method == "direct" else "",
        "cost": _text(cents),
        "exact_cost": f"{_text(cents)}12345678",
        "line_count": 1 + first % 977,
        **blank,
        **more,
    }


def _cost_center(center: str, rows: list[Row]) -> Row:
    own = [row for row in rows if row["allocation_method"] == "direct"]
    pooled = [row for row in rows if row["allocation_method"] == "shared"]
    direct, shared = _sum(own, "cost"), _sum(pooled, "cost")
    accounts = _sums(own, "sub_account_id")
    return {
        "cost_center": center,
        "name": f"Claims team {center[-4:]}",
        "direct": _text(direct),
        "shared": _text(shared),
        "total": _text(direct + shared),
        "prior_total": _text((direct + shared) * 97 // 100),
        "pool_shares": [_pool_share(row, direct) for row in pooled],
        "accounts": [
            {"sub_account_id": account, "sub_account_name": f"claims-{account[-3:]}", "cost": cost}
            for account, cost in accounts.items()
        ],
        "services": [{"service_name": name, "cost": cost} for name, cost in _sums(own, "service_name").items()],
        "charge_classes": [{"charge_class": "usage", "cost": _text(direct)}],
        "top_resources": [
            {
                "resource_id": f"arn:aws:rds:us-east-1:{row['sub_account_id']}:db:claims-{row['entry_id'][-6:]}",
                "sub_account_id": row["sub_account_id"],
                "service_name": row["service_name"],
                "cost": row["exact_cost"],
            }
            for row in sorted(own, key=lambda row: Decimal(row["cost"]), reverse=True)[:_RESOURCES]
        ],
    }


def _pool_share(row: Row, direct: int) -> Row:
    return {
        "pool_id": row["pool_id"],
        "pool_name": _POOLS[row["pool_id"]],
        "split_method": "proportional",
        "driver": "",
        "pool_cost": _text(_cents(row["cost"]) * 20),
        "weight": _text(direct),
        "total_weight": _text(direct * 20),
        "share": row["cost"],
    }


def _bill(billed: str) -> Row:
    amounts = {"billed_cost": billed, "allocated_cost": billed, "delta": "0.00"}
    invoice = {"billing_account_id": _PAYER, "invoice_id": _INVOICE, "business_unit_cost": billed}
    return {**amounts, "commitment_bridge": "0.00", "invoices": [amounts | invoice]}


def _trend(direct: int, shared: int) -> list[Row]:
    """Grows by 2% of this month, month by month."""
    months = []
    for back in range(_MONTHS - 1, -1, -1):
        own, pooled = direct * (100 - 2 * back) // 100, shared * (100 - 2 * back) // 100
        year, month = divmod(2026 * 12 + _MONTH - 1 - back, 12)
        amounts = {"direct": _text(own), "shared": _text(pooled), "total": _text(own + pooled)}
        months.append({"billing_period": f"{year}-{month + 1:02d}", **amounts})
    return months


def _sums(rows: list[Row], column: str) -> dict[str, str]:
    sums: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        sums[row[column]] += _cents(row["cost"])
    return {key: _text(cents) for key, cents in sums.items()}


def _sum(rows: list[Row], column: str) -> int:
    return sum(_cents(row[column]) for row in rows)


def _cents(text: str) -> int:
    return int(Decimal(text).scaleb(2))


def _text(cents: int) -> str:
    return f"{Decimal(cents).scaleb(-2):.2f}"
