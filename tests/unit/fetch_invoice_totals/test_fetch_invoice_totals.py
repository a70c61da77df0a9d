"""The bill is compared with AWS's own invoices where somebody or something can say what they come to."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from functions.fetch_invoice_totals.logic import InvoiceTotal, describe_totals, read_invoice_file, read_summaries
from functions.shared import run_files
from functions.shared.errors import InvalidInvoiceFile
from tests.unit.function_bench import FunctionBench
from tests.unit.run_samples import RUN_ID

HEADER = "billing_account_id,invoice_id,billing_currency,total\n"
FILE = f"{HEADER}999900001111,INV-1,USD,100.00\n999900001111,INV-2,USD,-30.05\n"
KEY = "invoices/2026-05.csv"


def event(invoices_key: str = "") -> dict[str, Any]:
    return {
        "run_id": RUN_ID,
        "billing_period": "2026-05",
        "billing_accounts": ["999900001111"],
        "invoices_key": invoices_key,
    }


def rows(bench: FunctionBench) -> list[dict[str, str]]:
    lines = bench.work.read_text(f"{run_files.table_prefix(RUN_ID, 'invoice_totals')}rows.jsonl").splitlines()
    return [json.loads(line) for line in lines]


def test_a_reviewers_file_becomes_a_table_of_the_run(bench: FunctionBench) -> None:
    bench.work.write(KEY, FILE.encode(), "text/csv")

    fetched = bench.invoke("fetch_invoice_totals", event(KEY))

    assert fetched == {"source": "file", "found": True, "invoices": 2, "total": "69.95"}
    assert [(row["invoice_id"], row["invoiced_cost"]) for row in rows(bench)] == [
        ("INV-1", "100.00"),
        ("INV-2", "-30.05"),
    ]


def test_without_a_source_the_table_is_there_and_empty(bench: FunctionBench) -> None:
    fetched = bench.invoke("fetch_invoice_totals", event())

    assert fetched == {"source": "none", "found": False, "invoices": 0, "total": "0.00"}
    assert rows(bench) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("invoice,total\nINV-1,1.00\n", "the header must be billing_account_id,invoice_id,billing_currency,total"),
        ("", "the header must be"),
        (HEADER, "lists no invoice"),
        (f"{HEADER}999900001111,INV-1,USD,1.005\n", "line 2, total: 1.005 is not a whole number of cents"),
        (f'{HEADER}999900001111,INV-1,USD,"1,000.00"\n', "line 2, total: not an amount: '1,000.00'"),
        (f"{HEADER}999900001111,INV-1,USD\n", "line 2, total"),
        (f"{FILE}999900001111,,USD,1.00\n", "line 4 has no invoice_id"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_line_and_column(text: str, said: str) -> None:
    with pytest.raises(InvalidInvoiceFile, match=f"^{KEY}: {said}"):
        read_invoice_file(KEY, text)


def test_a_file_that_is_not_there_is_refused_by_its_name(bench: FunctionBench) -> None:
    with pytest.raises(InvalidInvoiceFile, match=f"{KEY}: there is no such file"):
        bench.invoke("fetch_invoice_totals", event(KEY))


def test_invoices_count_in_the_currency_of_the_usage_and_receipts_of_payments_do_not() -> None:
    summary = {
        "AccountId": "999900001111",
        "InvoiceId": "INV-1",
        "InvoiceType": "INVOICE",
        "BaseCurrencyAmount": {"TotalAmount": "100.00", "CurrencyCode": "USD"},
        "PaymentCurrencyAmount": {"TotalAmount": "92.00", "CurrencyCode": "EUR"},
    }
    receipt = summary | {"InvoiceId": "R-1", "InvoiceType": "PAYMENT_RECEIPT"}

    totals = read_summaries([summary, receipt])

    assert totals == [
        InvoiceTotal(
            billing_account_id="999900001111",
            invoice_id="INV-1",
            billing_currency="USD",
            invoiced_cost=Decimal("100.00"),
        )
    ]
    assert describe_totals("invoicing_api", totals).total == Decimal("100.00")
