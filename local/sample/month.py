"""Writes one month of the sample organisation's bill as a Data Exports folder, with the truth about it beside it.

The same period, number of lines and seed give the same bytes. A month of any size is made in batches: only its
resources are ever in memory, never its lines.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from functions.shared.periods import BillingPeriod
from local.sample.columns import Batch, Integers, assemble, dollars, text
from local.sample.export import ChunkedExport, write_manifest
from local.sample.invoices import InvoiceBook, MonthTruth, invoice_columns, on_invoice
from local.sample.lines import Lines
from local.sample.organisation import PAYER
from local.sample.plan import plan_month
from local.sample.resources import same_for_all

DEFAULT_LINE_ITEMS = 60_000
FEWEST_LINE_ITEMS = 2_000
_LARGEST_CHUNK = 1_000_000
_TIMESTAMP = pa.timestamp("ms", tz="UTC")


def write_month(
    out: Path, period: str, *, line_items: int, seed: int, final: bool = True, flat_tags: bool = True
) -> MonthTruth:
    """Writes ``out/data``, ``out/metadata`` and ``out/truth`` for a period (YYYY-MM) with exactly ``line_items`` lines.

    ``final=False`` is a month that AWS has not invoiced yet, except for purchases; ``flat_tags=False`` an export
    without the columns that repeat tags. Raises InvalidPeriod on another form of period, ValueError below 2,000 lines.
    """
    month = BillingPeriod.parse(period)
    if line_items < FEWEST_LINE_ITEMS:
        raise ValueError(f"{line_items} lines are too few for everything a bill holds; at least {FEWEST_LINE_ITEMS}")
    rng = np.random.default_rng([seed, month.year, month.month, line_items])
    plan = plan_month(month, line_items, rng)
    invoices = invoice_columns(month, final=final)
    book = InvoiceBook(invoices)
    rows_per_chunk = min(_LARGEST_CHUNK, -(-line_items // 2))
    with ChunkedExport(out, period, rows_per_chunk=rows_per_chunk, flat_tags=flat_tags) as export:
        for lines in plan.lines():
            book.enter(lines.invoice, lines.units)
            export.write(assemble(_finished(lines, month, invoices), flat_tags=flat_tags))
    truth = book.truth(month)
    truth.write(out / "truth" / f"BILLING_PERIOD={period}" / "invoices.json")
    delivery = f"{period} {line_items} {seed} {final} {flat_tags}"
    write_manifest(out, period, delivery=delivery, files=export.files, flat_tags=flat_tags)
    return truth


def _finished(lines: Lines, period: BillingPeriod, invoices: Batch) -> Batch:
    """The columns of lines together with those that follow from their invoice, their cost and their time."""
    length = len(lines.units)
    columns = on_invoice(invoices, lines.invoice) | lines.columns
    if "line_item_legal_entity" in lines.columns:
        sellers = invoices["line_item_legal_entity"].take(pa.array(lines.invoice)).cast(pa.string())
        named = lines.columns["line_item_legal_entity"].cast(pa.string())
        columns["line_item_legal_entity"] = pc.coalesce(named, sellers).dictionary_encode()
    cost = dollars(lines.units)
    return (
        columns
        | same_for_all(
            {
                "bill_payer_account_id": PAYER.account_id,
                "bill_payer_account_name": PAYER.name,
                "line_item_currency_code": "USD",
                "pricing_currency": "USD",
            },
            length,
        )
        | {"line_item_unblended_cost": cost, "line_item_blended_cost": cost}
        | _times(lines.start, lines.end, period)
    )


def _times(start: Integers, end: Integers, period: BillingPeriod) -> Batch:
    """When lines were used, as timestamps and as the interval AWS writes; hours count from the start of the month."""
    first = int(period.start.timestamp()) * 1000
    last = int(period.previous(-1).start.timestamp()) * 1000
    spans, of_line = np.unique(start * 1000 + end, return_inverse=True)
    intervals = [_interval(period, *divmod(span, 1000)) for span in spans.tolist()]
    return {
        "bill_billing_period_start_date": pa.array(np.full(len(start), first)).cast(_TIMESTAMP),
        "bill_billing_period_end_date": pa.array(np.full(len(start), last)).cast(_TIMESTAMP),
        "line_item_usage_start_date": pa.array(first + start * 3_600_000).cast(_TIMESTAMP),
        "line_item_usage_end_date": pa.array(first + end * 3_600_000).cast(_TIMESTAMP),
        "identity_time_interval": pa.DictionaryArray.from_arrays(
            pa.array(of_line.astype(np.int32)), text(intervals).cast(pa.string())
        ),
    }


def _interval(period: BillingPeriod, start: int, end: int) -> str:
    return "/".join(f"{period.start + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}" for hour in (start, end))
