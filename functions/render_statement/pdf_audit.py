"""For the auditor: the statement against AWS's invoices, and what it was computed from."""

# mypy: untyped-calls-exclude=reportlab

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from reportlab.platypus.flowables import CondPageBreak, Flowable, PageBreak
from reportlab.platypus.tables import Table

from functions.render_statement import pdf_style as style
from functions.render_statement import pdf_words as words
from functions.render_statement.model import Bill, StatementModel
from functions.render_statement.pdf_cost_center import heading
from functions.render_statement.pdf_marks import Bookmark
from functions.render_statement.pdf_numbers import amount, count, month
from functions.render_statement.pdf_tables import Column, amounts, ids, make_table
from functions.render_statement.pdf_text import MONO, REGULAR, fit, lacks_glyphs


def reconciliation(statement: StatementModel, width: float) -> list[Flowable]:
    """Invoice by invoice: billed, allocated, the difference, and this business unit's part."""
    bill = statement.bill
    columns = [
        ids("Payer account"),
        Column("Invoice", part=1),
        amounts("Billed by AWS"),
        amounts("Allocated"),
        amounts("Difference"),
        amounts("This statement"),
    ]
    rows = [
        [
            invoice.billing_account_id,
            invoice.invoice_id or words.NOT_ISSUED,
            amount(invoice.billed_cost),
            amount(invoice.allocated_cost),
            amount(invoice.delta),
            amount(invoice.business_unit_cost),
        ]
        for invoice in sorted(bill.invoices, key=lambda i: (i.billing_account_id, i.invoice_id))
    ]
    totals = [
        "Total",
        "",
        amount(bill.billed_cost),
        amount(bill.allocated_cost),
        amount(bill.delta),
        amount(statement.total),
    ]
    return [
        PageBreak(),
        Bookmark("reconciliation", "Reconciliation"),
        heading("Reconciliation", "", width),
        style.gap(6),
        style.prose(_claim(statement)),
        style.gap(7),
        make_table(columns, rows, width, totals),
        style.gap(9),
        style.prose(_bridge(bill, statement)),
        style.gap(24),
    ]


def _claim(statement: StatementModel) -> str:
    billed = "By how much AWS changed the bill of" if statement.adjustment else "What AWS billed"
    return (
        f"{billed} {statement.organization} for {month(statement.charge_period)}, and what the statements "
        f"of all business units charge of it, in {statement.billing_currency}. Every cent of every invoice is charged "
        "to exactly one cost center, so the difference is 0.00."
    )


def _bridge(bill: Bill, statement: StatementModel) -> str:
    if statement.cost_basis == "billed":
        return "Cost basis: billed cost. Usage is charged as AWS billed it; commitments are not spread over their use."
    basis = (
        "Cost basis: effective cost. Usage is charged at what it cost after Savings Plans and Reserved Instances, in "
        "the month of the usage. "
    )
    figure = f"{statement.billing_currency} {amount(abs(bill.commitment_bridge))}"
    if bill.commitment_bridge > 0:
        return basis + (
            f"Of the bill, {figure} was paid for commitments beyond what this month used of them. This commitment "
            "bridge is booked as a prepayment and is part of the allocated amount."
        )
    if bill.commitment_bridge < 0:
        return basis + (
            f"This month used {figure} more of commitments than the bill charges for them, because they were paid "
            "before. This commitment bridge is released from the prepayment and is part of the allocated amount."
        )
    return basis + "This month the two are the same: the commitment bridge is 0.00."


def provenance(statement: StatementModel, csv: bytes, width: float) -> list[Flowable]:
    """What a second person needs to compute the same amounts again, and to recognize the CSV."""
    source = statement.provenance
    facts = {
        "Policy, SHA-256": source.policy_sha256,
        "SQL, SHA-256": source.sql_sha256,
        "Code version": source.code_version,
        "Export manifest, execution id": source.manifest_execution_id,
        "Sealed billing files": count(source.sealed_files),
        "Line items read": count(source.line_items),
        "CSV of this statement, ledger lines": count(len(statement.ledger_lines)),
        "CSV of this statement, SHA-256": sha256(csv).hexdigest(),
    }
    if statement.signed_by:
        facts |= {
            "Signed by": statement.signed_by.subject,
            "Signing certificate, SHA-256": statement.signed_by.certificate_sha256,
        }
    label_width = 168
    rows = [[label, "\n".join(fit(value, MONO, style.BODY, width - label_width, 3))] for label, value in facts.items()]
    table = Table(rows, colWidths=[label_width, width - label_width])
    table.setStyle(
        [
            ("FONT", (0, 0), (0, -1), REGULAR, style.BODY, style.BODY * 1.3),
            ("FONT", (1, 0), (1, -1), MONO, style.BODY, style.BODY * 1.3),
            ("TEXTCOLOR", (0, 0), (0, -1), style.GREY),
            ("TEXTCOLOR", (1, 0), (1, -1), style.INK),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            *((f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT")),
            *((f"{side}PADDING", (0, 0), (-1, -1), 1.4) for side in ("TOP", "BOTTOM")),
        ]
    )
    table.hAlign = "LEFT"
    return [
        CondPageBreak(75 + 12.5 * len(rows)),
        Bookmark("provenance", "Provenance"),
        heading("Provenance", "", width),
        style.gap(6),
        style.prose(
            "The CSV beside this document lists every ledger line behind it; they add up to the total. The same "
            "billing files, policy and SQL give the same amounts again.",
        ),
        style.gap(6),
        table,
        *_typeface_note(statement),
    ]


def _typeface_note(statement: StatementModel) -> list[Flowable]:
    if not any(lacks_glyphs(name) for name in _names(statement)):
        return []
    note = (
        "Some names hold characters that this document's typeface lacks. They are printed without their accent or as "
        "their Unicode numbers, for example [U+4E2D U+6587]."
    )
    return [style.gap(9), style.prose(note, style.NOTE_STYLE)]


def _names(statement: StatementModel) -> Iterator[str]:
    yield statement.organization
    yield statement.business_unit.name
    for center in statement.cost_centers:
        yield center.name
        yield from (pool.pool_name for pool in center.pool_shares)
        yield from (account.sub_account_name for account in center.accounts)
    if statement.signed_by:
        yield statement.signed_by.subject
