"""Decides from the survey of a delivery whether it can be closed: whole, of the month, in the currency, and final."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from functions.shared.adapters.object_store import split_uri
from functions.shared.delivery import Delivery
from functions.shared.errors import (
    EmptyMonth,
    InvoicesNotFinal,
    MissingCost,
    UnlistedDataFile,
    WrongBillingPeriod,
    WrongCurrency,
)
from functions.shared.money import parse_money, total
from functions.shared.payload import Payload


class CheckInvoicesRequest(Payload):
    """The run, and where Athena put the rows of v010_delivered_lines."""

    run_id: str
    survey_result: str
    preview: bool


class BooksChecked(Payload):
    """What the delivery holds; ``final`` is false in a preview of an open month only."""

    line_items: int
    billing_accounts: list[str]
    billing_currency: str
    final: bool
    lines_without_invoice: int


class DeliveredLines(Payload):
    """One row of v010_delivered_lines."""

    data_file: str
    billing_account_id: str
    billing_currency: str
    billing_period_of_lines: str
    line_item_type: str
    is_invoiced: bool
    line_count: int
    lines_without_cost: int
    lines_with_cost: int
    unblended_cost: Decimal


def read_survey(rows: Iterable[Mapping[str, str]]) -> list[DeliveredLines]:
    """The survey's rows, typed."""
    return [
        DeliveredLines.model_validate({**row, "unblended_cost": parse_money(row["unblended_cost"])}) for row in rows
    ]


def check_delivery(delivery: Delivery, survey: list[DeliveredLines], *, currency: str, preview: bool) -> BooksChecked:
    """Checks everything that a close stands on.

    Raises UnlistedDataFile, EmptyMonth, WrongBillingPeriod, WrongCurrency, MissingCost, or InvoicesNotFinal (not in a
    preview); each says what was found, where, and how much of it.
    """
    listed = {file.key for file in delivery.files}
    _refuse_unlisted_files(delivery, survey, listed)
    lines = [row for row in survey if split_uri(row.data_file)[1] in listed]
    line_items = sum(row.line_count for row in lines)
    if not line_items:
        raise EmptyMonth(f"{delivery.manifest_key}: the delivery of {delivery.billing_period} has no line")
    _refuse_wrong_lines(lines, delivery.billing_period, currency)
    open_lines = [row for row in lines if not row.is_invoiced and row.lines_with_cost]
    if open_lines and not preview:
        raise InvoicesNotFinal(_describe_open_lines(delivery, open_lines, currency))
    return BooksChecked(
        line_items=line_items,
        billing_accounts=sorted({row.billing_account_id for row in lines}),
        billing_currency=currency,
        final=not open_lines,
        lines_without_invoice=sum(row.lines_with_cost for row in open_lines),
    )


def _refuse_unlisted_files(delivery: Delivery, survey: list[DeliveredLines], listed: set[str]) -> None:
    """An export that keeps every delivery has other folders too; within a listed folder every file must be listed."""
    folders = {key.rpartition("/")[0] for key in listed}
    for row in survey:
        key = split_uri(row.data_file)[1]
        if key not in listed and key.rpartition("/")[0] in folders and row.line_count:
            raise UnlistedDataFile(
                f"{row.data_file} holds {row.line_count:,} lines, but {delivery.manifest_key} does not list it; "
                "remove it, or wait until the delivery is complete"
            )


def _refuse_wrong_lines(lines: list[DeliveredLines], billing_period: str, currency: str) -> None:
    if strays := _in_first_file(row for row in lines if row.billing_period_of_lines != billing_period):
        raise WrongBillingPeriod(
            f"{strays[0].data_file} holds {_count(strays)} of {strays[0].billing_period_of_lines or 'no month'} "
            f"in the folder of {billing_period}; have the month delivered again"
        )
    if foreign := _in_first_file(row for row in lines if row.billing_currency != currency):
        raise WrongCurrency(
            f"{foreign[0].data_file} holds {_count(foreign)} in {foreign[0].billing_currency or 'no currency'}, "
            f"but the policy's organization.billing_currency is {currency}"
        )
    if gaps := _in_first_file(row for row in lines if row.lines_without_cost):
        count = sum(row.lines_without_cost for row in gaps)
        has = "line has" if count == 1 else "lines have"
        raise MissingCost(f"{gaps[0].data_file}: {count:,} {has} no line_item_unblended_cost; a total would be a guess")


def _in_first_file(rows: Iterable[DeliveredLines]) -> list[DeliveredLines]:
    """The rows like the first one: of its file, currency and month."""
    found = list(rows)
    return [row for row in found if _origin(row) == _origin(found[0])]


def _origin(row: DeliveredLines) -> tuple[str, str, str]:
    return row.data_file, row.billing_currency, row.billing_period_of_lines


def _count(rows: list[DeliveredLines]) -> str:
    count = sum(row.line_count for row in rows)
    return f"{count:,} {'line' if count == 1 else 'lines'}"


def _describe_open_lines(delivery: Delivery, rows: list[DeliveredLines], currency: str) -> str:
    counts: dict[str, int] = defaultdict(int)
    costs: dict[str, list[Decimal]] = defaultdict(list)
    for row in rows:
        counts[row.line_item_type] += row.lines_with_cost
        costs[row.line_item_type].append(row.unblended_cost)
    kinds = ", ".join(f"{counts[kind]:,} {kind} ({total(costs[kind]):,.2f} {currency})" for kind in sorted(counts))
    return (
        f"{delivery.billing_period} is still open: {sum(counts.values()):,} lines with a cost have no invoice id: "
        f"{kinds}. "
        "Close it when AWS has issued the invoice, or make a preview"
    )
