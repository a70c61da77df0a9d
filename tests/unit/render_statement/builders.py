"""Believable statements of an organization that does not exist; every amount follows from a seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from functions.render_statement.model import StatementModel
from functions.shared.periods import BillingPeriod

Statement = dict[str, Any]

_CENTERS = ("Adjudication", "Member Portal", "Provider Network", "Fraud Analytics", "Document Intake", "Appeals")
_SERVICES = {
    "AmazonEC2": 52,
    "AmazonRDS": 19,
    "AmazonS3": 9,
    "AWSLambda": 5,
    "AmazonDynamoDB": 4,
    "AmazonCloudWatch": 3,
    "AmazonEKS": 3,
    "AWSGlue": 3,
    "AWSKMS": 2,
}
_POOLS = (
    ("support", "AWS Enterprise Support", "proportional", ""),
    ("logging", "Central logging", "proportional", ""),
    ("network", "Transit network", "even", ""),
    ("identity", "Workforce identity", "driver", "headcount"),
    ("security", "Security tooling", "fixed", ""),
)
_INVOICES = (("111122223333", "1784632901"), ("111122223333", "1784632977"))


@dataclass(frozen=True)
class Sample:
    """What to vary; the defaults make a business unit of three cost centers with a year behind it."""

    cost_centers: int = 3
    accounts: int = 4
    services: int = 7
    pools: int = 5
    months: int = 12
    resources: int = 6
    sign: int = 1
    new: Sequence[str] = ()
    seed: int = 7
    direct_lines: Sequence[int] = ()
    """How many of them each cost center keeps; all when empty."""
    names: Mapping[str, str] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)


def statement(**options: Any) -> StatementModel:
    """A statement that adds up."""
    return StatementModel.model_validate(statement_data(Sample(**options)))


def statement_of_lines(lines: int) -> StatementModel:
    """A statement with exactly that many ledger lines, at least 21: a cost center per 250, nine services an account."""
    centers = max(1, lines // 250)
    shared = 2 * len(_POOLS)
    direct = [lines * (n + 1) // centers - lines * n // centers - shared for n in range(centers)]
    accounts = max(direct) // (len(_SERVICES) + 1) + 1
    model = statement(cost_centers=centers, accounts=accounts, services=len(_SERVICES), direct_lines=tuple(direct))
    assert len(model.ledger_lines) == lines
    return model


def statement_data(sample: Sample | None = None) -> Statement:
    """The same as JSON-like data, for tests that break it."""
    sample = sample or Sample()
    random = Random(sample.seed)
    names = {"organization": "Meridian Health", "business_unit": "Claims Processing", **sample.names}
    pool_costs = {pool_id: random.randint(900_000, 9_000_000) for pool_id, *_ in _POOLS}
    lines: list[Statement] = []
    centers = [
        _cost_center(f"CC-{1001 + 10 * number}", number, sample, names, random, pool_costs, lines)
        for number in range(sample.cost_centers)
    ]
    direct, shared = _total(centers, "direct"), _total(centers, "shared")
    period = BillingPeriod(2026, 5)
    data: Statement = {
        "organization": names["organization"],
        "billing_period": str(period),
        "charge_period": str(period),
        "revision": 1,
        "draft": False,
        "billing_currency": "USD",
        "cost_basis": "effective",
        "business_unit": {"id": "claims", "name": names["business_unit"]},
        "bill": _bill(lines, random),
        "cost_centers": centers,
        "trend": _trend(period, sample.months, direct, shared, centers, random),
        "ledger_lines": lines,
        "provenance": {
            "policy_sha256": f"{random.getrandbits(256):064x}",
            "sql_sha256": f"{random.getrandbits(256):064x}",
            "code_version": "0.1.0+5be1c0a7d2f4",
            "manifest_execution_id": "0c4f1f0e-7a54-4a0d-9a07-6f2a8e1d7c11",
            "sealed_files": 212,
            "line_items": 18_452_907,
        },
    }
    return {**data, **sample.changes}


def _cost_center(
    center: str,
    number: int,
    sample: Sample,
    names: Mapping[str, str],
    random: Random,
    pool_costs: Mapping[str, int],
    lines: list[Statement],
) -> Statement:
    """Makes the ledger lines of a cost center and adds its drill-downs up from them."""
    own = _direct_lines(center, number, sample, random)[: sample.direct_lines[number] if sample.direct_lines else None]
    direct = sum(_cents(line) for line in own)
    pool_shares = [_pool_share(pool, pool_costs[pool[0]], direct, sample, random) for pool in _POOLS[: sample.pools]]
    pooled = [
        _line(center, "shared", cents=cents, invoice=invoice, pool_id=share["pool_id"], rule_id="")
        for share in pool_shares
        for invoice, cents in enumerate(_halves(_text_cents(share["share"])))
    ]
    for line in [*own, *pooled]:
        line["entry_id"] = f"{len(lines):016x}"
        lines.append(line)
    shared = sum(_cents(line) for line in pooled)
    account_names = {line["sub_account_id"]: f"claims-{center[-4:]}-{line['sub_account_id'][-3:]}" for line in own}
    return {
        "cost_center": center,
        "name": names.get("cost_center", _CENTERS[number % len(_CENTERS)]),
        "direct": _money(direct),
        "shared": _money(shared),
        "total": _money(direct + shared),
        "prior_total": _money((direct + shared) * random.randint(880, 1090) // 1000)
        if center not in sample.new
        else None,
        "pool_shares": pool_shares,
        "accounts": [
            {"sub_account_id": account, "sub_account_name": names.get("account", account_names[account]), "cost": cost}
            for account, cost in _sums(own, "sub_account_id").items()
        ],
        "services": [{"service_name": name, "cost": cost} for name, cost in _sums(own, "service_name").items()],
        "charge_classes": [{"charge_class": name, "cost": cost} for name, cost in _sums(own, "charge_class").items()],
        "top_resources": _resources(own, sample, names, random),
    }


def _direct_lines(center: str, number: int, sample: Sample, random: Random) -> list[Statement]:
    services = list(_SERVICES.items())[: sample.services]
    lines = []
    for account in range(sample.accounts):
        account_id = f"{333300000000 + 1000 * number + account:012d}"
        size = random.randint(20_000, 900_000)
        for service, weight in services:
            charges = [("usage", sample.sign * size * weight // 40)]
            if service == "AmazonEC2":
                charges.append(("discount", -sample.sign * size // 18))
            if account == 0 and service == "AmazonS3":
                charges.append(("credit", -sample.sign * 125_000))
            lines += [
                _line(
                    center,
                    "direct",
                    cents=cents,
                    invoice=0 if service != "AWSKMS" else 1,
                    sub_account_id=account_id,
                    service_name=service,
                    charge_class=charge_class,
                )
                for charge_class, cents in charges
            ]
    return lines


def _line(center: str, method: str, *, cents: int, invoice: int, **more: str) -> Statement:
    account, invoice_id = _INVOICES[invoice]
    return {
        "billing_account_id": account,
        "invoice_id": invoice_id,
        "cost_center": center,
        "allocation_method": method,
        "pool_id": "",
        "rule_id": "owner-tag",
        "sub_account_id": "",
        "service_name": "",
        "charge_class": "",
        "cost": _money(cents),
        "exact_cost": f"{Decimal(cents).scaleb(-2) + Decimal('0.0012345'):f}",
        "line_count": 1 + abs(cents) % 977,
        **more,
    }


def _pool_share(
    pool: tuple[str, str, str, str], pool_cents: int, direct: int, sample: Sample, random: Random
) -> Statement:
    pool_id, name, method, driver = pool
    weight, whole = {
        "proportional": (abs(direct) * 10_000 + random.randint(0, 9_999), 310_488_217 * 10_000),
        "even": (1_000_000, 14_000_000),
        "fixed": (125_000, 1_000_000),
        "driver": (random.randint(8, 60) * 1_000_000, 812_000_000),
    }[method]
    return {
        "pool_id": pool_id,
        "pool_name": name,
        "split_method": method,
        "driver": driver,
        "pool_cost": _money(sample.sign * pool_cents),
        "weight": f"{Decimal(weight).scaleb(-6):f}",
        "total_weight": f"{Decimal(whole).scaleb(-6):f}",
        "share": _money(sample.sign * (pool_cents * weight // whole)),
    }


def _resources(own: Sequence[Statement], sample: Sample, names: Mapping[str, str], random: Random) -> list[Statement]:
    dearest = sorted(own, key=lambda line: -_cents(line))[: sample.resources]
    return [
        {
            "resource_id": names.get("resource", _resource_id(line, random)),
            "sub_account_id": line["sub_account_id"],
            "service_name": line["service_name"],
            "cost": f"{Decimal(_cents(line)).scaleb(-2) * Decimal('0.41') + Decimal('0.0000317204'):f}",
        }
        for line in dearest
    ]


def _resource_id(line: Statement, random: Random) -> str:
    if line["service_name"] == "AmazonRDS":
        return f"arn:aws:rds:us-east-1:{line['sub_account_id']}:db:adjudication-{random.getrandbits(24):06x}"
    return f"i-{random.getrandbits(68):017x}"


def _bill(lines: Sequence[Statement], random: Random) -> Statement:
    invoices = []
    for number, (account, invoice_id) in enumerate(_INVOICES):
        part = sum(_cents(line) for line in lines if line["invoice_id"] == invoice_id)
        billed = _money(abs(part) * 2 + random.randint(1_000_000, 190_000_000) // (1 + 9 * number))
        invoices.append(
            {
                "billing_account_id": account,
                "invoice_id": invoice_id,
                "billed_cost": billed,
                "allocated_cost": billed,
                "delta": "0.00",
                "business_unit_cost": _money(part),
            }
        )
    billed = _money(sum(_text_cents(invoice["billed_cost"]) for invoice in invoices))
    return {
        "billed_cost": billed,
        "allocated_cost": billed,
        "delta": "0.00",
        "commitment_bridge": "-18432.55",
        "invoices": invoices,
    }


def _trend(
    period: BillingPeriod, months: int, direct: int, shared: int, centers: Sequence[Statement], random: Random
) -> list[Statement]:
    """Grows towards this month; the month before it is the sum of the cost centers' prior totals."""
    trend = []
    prior = _total((center for center in centers if center["prior_total"]), "prior_total")
    for back in range(months - 1, -1, -1):
        scale = 1000 - back * 28 + random.randint(-45, 45) if back else 1000
        past_direct, past_shared = direct * scale // 1000, shared * scale // 1000
        if back == 1:
            past_direct = prior - past_shared
        trend.append(
            {
                "billing_period": str(period.previous(back)),
                "direct": _money(past_direct),
                "shared": _money(past_shared),
                "total": _money(past_direct + past_shared),
            }
        )
    return trend


def _sums(lines: Iterable[Statement], column: str) -> dict[str, str]:
    sums: defaultdict[str, int] = defaultdict(int)
    for line in lines:
        sums[line[column]] += _cents(line)
    return {key: _money(cents) for key, cents in sums.items()}


def _total(rows: Iterable[Statement], column: str) -> int:
    return sum(_text_cents(row[column]) for row in rows)


def _halves(cents: int) -> tuple[int, int]:
    return cents - cents // 3, cents // 3


def _cents(line: Statement) -> int:
    return _text_cents(line["cost"])


def _text_cents(text: str) -> int:
    return int(Decimal(text).scaleb(2))


def _money(cents: int) -> str:
    return f"{Decimal(cents).scaleb(-2):.2f}"
