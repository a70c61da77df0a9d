"""The totals that other systems' published formulas give of a bill, re-expressed over CUR 2.0 columns.

Each is a SELECT expression and a WHERE condition over the raw line items, with exact decimals, so that only the formula
and not its arithmetic makes the difference. Sources are named in docs/bake-off.md.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import duckdb


class Formula(NamedTuple):
    """A system, what it adds up, and over which lines."""

    system: str
    measure: str
    cost: str
    lines: str = "true"


def _decimal(column: str) -> str:
    return f"cast(coalesce({column}, 0) as decimal(38, 10))"


UNBLENDED = _decimal("line_item_unblended_cost")
SAVINGS_PLAN = _decimal("savings_plan_savings_plan_effective_cost")
RESERVATION = _decimal("reservation_effective_cost")
NOT_SPLIT = "coalesce(split_line_item_parent_resource_id, '') = ''"
IS_RESERVATION = "coalesce(reservation_reservation_a_r_n, '') <> ''"
CID_OPERATIONS = "coalesce(line_item_operation, '') not in ('EKSPod-EC2', 'ECSTask-EC2')"

CID_AMORTIZED = f"""
case
    when line_item_line_item_type = 'SavingsPlanCoveredUsage' then {SAVINGS_PLAN}
    when line_item_line_item_type = 'SavingsPlanRecurringFee'
        then {_decimal("savings_plan_total_commitment_to_date")} - {_decimal("savings_plan_used_commitment")}
    when line_item_line_item_type in ('SavingsPlanNegation', 'SavingsPlanUpfrontFee') then 0
    when line_item_line_item_type = 'DiscountedUsage' then {RESERVATION}
    when line_item_line_item_type = 'RIFee'
        then {_decimal("reservation_unused_amortized_upfront_fee_for_billing_period")}
            + {_decimal("reservation_unused_recurring_fee")}
    when line_item_line_item_type = 'Fee' and {IS_RESERVATION} then 0
    else {UNBLENDED}
end
"""
CID_TRUE_UP = f"""
case
    when line_item_line_item_type = 'SavingsPlanRecurringFee'
        then -{_decimal("savings_plan_amortized_upfront_commitment_for_billing_period")}
    when line_item_line_item_type = 'RIFee'
        then -{_decimal("reservation_amortized_upfront_fee_for_billing_period")}
    else 0
end
"""
CID_UPFRONT = f"""
case
    when line_item_line_item_type = 'SavingsPlanUpfrontFee' then {UNBLENDED}
    when line_item_line_item_type = 'Fee' and {IS_RESERVATION} then {UNBLENDED}
    else 0
end
"""
KOKU_AMORTIZED = f"""
case
    when line_item_line_item_type in (
        'SavingsPlanCoveredUsage', 'SavingsPlanNegation', 'SavingsPlanUpfrontFee', 'SavingsPlanRecurringFee'
    ) then {SAVINGS_PLAN}
    else {UNBLENDED}
end
"""
OPENCOST_AMORTIZED = f"""
case line_item_line_item_type
    when 'DiscountedUsage' then {RESERVATION}
    when 'SavingsPlanCoveredUsage' then {SAVINGS_PLAN}
    else {UNBLENDED}
end
"""
OPENCOST_LINES = """
line_item_line_item_type in (
    'Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage', 'EdpDiscount', 'PrivateRateDiscount'
)
"""

FORMULAS = (
    Formula("Cloud Intelligence Dashboards", "amortized cost", CID_AMORTIZED, CID_OPERATIONS),
    Formula(
        "Cloud Intelligence Dashboards",
        "amortized cost + true-up + upfront fees",
        f"({CID_AMORTIZED}) + ({CID_TRUE_UP}) + ({CID_UPFRONT})",
        CID_OPERATIONS,
    ),
    Formula("koku", "calculated amortized cost", KOKU_AMORTIZED),
    Formula("OpenCost", "amortized cost", OPENCOST_AMORTIZED, OPENCOST_LINES),
    Formula(
        "Any system",
        "unblended cost, each line rounded to cents first",
        f"cast({UNBLENDED} as decimal(38, 2))",
        NOT_SPLIT,
    ),
)


def invoice_total(data_files: list[Path]) -> Decimal:
    """What AWS bills: unblended cost, but for split rows."""
    return total(Formula("AWS", "unblended cost", UNBLENDED, NOT_SPLIT), data_files)


def total(formula: Formula, data_files: list[Path]) -> Decimal:
    """What the formula adds up to, exact."""
    files = ", ".join(f"'{file}'" for file in data_files)
    query = f"select sum({formula.cost}) from read_parquet([{files}]) where {formula.lines}"
    row = duckdb.connect().execute(query).fetchone()
    assert row is not None
    return Decimal(row[0])


def by_line_type(formula: Formula, data_files: list[Path]) -> dict[str, Decimal]:
    """Formula minus invoice, by line type, where they differ."""
    files = ", ".join(f"'{file}'" for file in data_files)
    query = f"""
    select
        line_item_line_item_type,
        sum(case when {formula.lines} then {formula.cost} else 0 end)
        - sum(case when {NOT_SPLIT} then {UNBLENDED} else 0 end) as difference
    from read_parquet([{files}])
    group by line_item_line_item_type
    """
    rows = duckdb.connect().execute(query).fetchall()
    return {kind: Decimal(difference) for kind, difference in sorted(rows) if difference}
