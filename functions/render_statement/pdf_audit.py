"""For the auditor: the statement against AWS's invoices, what it was computed from, and who vouches for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from hashlib import sha256

from functions.render_statement import pdf_style as style
from functions.render_statement import pdf_words as words
from functions.render_statement.model import Bill, SignedBy, StatementModel
from functions.render_statement.pdf_columns import Cell, Column, amounts, ids
from functions.render_statement.pdf_flow import Flow, draw_lines, heading, note, paragraph, unabridged
from functions.render_statement.pdf_numbers import amount, count, month
from functions.render_statement.pdf_pen import Pen
from functions.render_statement.pdf_tables import Table
from functions.render_statement.pdf_text import MONO, REGULAR, fit, lacks_glyphs, text_width

_LABEL_WIDTH = 172.0
_FACT_GAP = 2.6


def place_reconciliation(flow: Flow, statement: StatementModel) -> None:
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
    rows: list[list[Cell]] = [
        [
            invoice.billing_account_id,
            invoice.invoice_id or words.NOT_ISSUED,
            invoice.billed_cost,
            invoice.allocated_cost,
            invoice.delta,
            invoice.business_unit_cost,
        ]
        for invoice in sorted(bill.invoices, key=lambda i: (i.billing_account_id, i.invoice_id))
    ]
    totals: list[str | Decimal] = ["Total", "", bill.billed_cost, bill.allocated_cost, bill.delta, statement.total]
    flow.new_page()
    flow.open("Sect")
    flow.mark(lambda pen, top: pen.bookmark("Reconciliation", top, 0))
    heading(flow, "Reconciliation")
    flow.gap(6)
    paragraph(flow, _claim(statement))
    flow.gap(7)
    Table("Invoices", columns, rows, totals).place(flow)
    flow.gap(9)
    paragraph(flow, _bridge(bill, statement))
    flow.close()


def _claim(statement: StatementModel) -> str:
    restated, revisions, own = "", "", ""
    if statement.adjustment:
        restated, revisions = ", as it is restated", ", this revision and those before it together,"
        own = " The last column is this revision's part, the differences alone."
    return (
        f"What AWS billed {statement.organization} for {month(statement.charge_period)}{restated}, and what the "
        f"statements of all business units{revisions} charge of it, in {statement.billing_currency}. Every cent of "
        f"every invoice is charged to exactly one cost center, so the difference is 0.00.{own}"
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


def place_provenance(flow: Flow, statement: StatementModel, csv: bytes) -> None:
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
    flow.gap(24)
    flow.need(75 + len(facts) * (style.leading(style.BODY) + _FACT_GAP))
    flow.open("Sect")
    flow.mark(lambda pen, top: pen.bookmark("Provenance", top, 0))
    heading(flow, "Provenance")
    flow.gap(6)
    paragraph(
        flow,
        "The CSV beside this document lists every ledger line behind it; they add up to the total. The same billing "
        "files, policy and SQL give the same amounts again.",
    )
    flow.gap(6)
    _place_facts(flow, facts)
    if any(lacks_glyphs(name) for name in _names(statement)):
        flow.gap(9)
        note(
            flow,
            "Some names hold characters that this document's typeface lacks. They are printed without their accent or "
            "as their Unicode numbers, for example [U+4E2D U+6587]; the CSV has them as they are.",
        )
    flow.close()


def place_signature(flow: Flow, statement: StatementModel) -> None:
    """Who signs, and how anybody can verify it without our programs."""
    flow.gap(24)
    flow.need(150)
    flow.open("Sect")
    flow.mark(lambda pen, top: pen.bookmark("Signature", top, 0))
    heading(flow, "Signature")
    flow.gap(6)
    signer = statement.signed_by
    if signer:
        _place_signer(flow, statement, signer)
    elif statement.draft:
        paragraph(flow, "This is a draft. Nobody has signed it, and nothing is posted.")
    else:
        paragraph(flow, "This copy is not signed.")
    flow.close()


def _place_signer(flow: Flow, statement: StatementModel, signer: SignedBy) -> None:
    sums = f"{words.file_stem(statement)}.SHA256SUMS"
    paragraph(
        flow,
        "A signature inside this document covers every byte of it; readers that know signatures show it. A second one, "
        "beside it, covers the checksums of this document and its CSV.",
    )
    flow.gap(6)
    _place_facts(
        flow,
        {
            "Signed by": signer.subject,
            "Signing certificate, SHA-256": signer.certificate_sha256,
        },
    )
    flow.gap(9)
    paragraph(
        flow,
        f"Two commands verify both files, in their folder, with {statement.organization}'s root certificate as "
        "root-ca.pem. The first says whose checksums these are, the second that the files are still those:",
    )
    flow.gap(5)
    _place_command(
        flow,
        f"openssl cms -verify -binary -inform DER -in {sums}.p7s -content {sums} -CAfile root-ca.pem -out /dev/null",
    )
    flow.gap(3)
    _place_command(flow, f"sha256sum --check {sums}")


def _place_command(flow: Flow, command: str) -> None:
    """A command, as a shell reads it on several lines."""
    lines = _command_lines(command, flow.width - 12)

    def draw(pen: Pen, top: float) -> None:
        with pen.element("P"), pen.content("Code"):
            for number, line in enumerate(lines):
                pen.text(12 if number else 0, style.baseline(top, style.BODY), line, MONO, style.BODY)
                top -= style.leading(style.BODY)

    flow.put(len(lines) * style.leading(style.BODY), draw)


def _command_lines(command: str, width: float) -> list[str]:
    """The command in lines that end before an option."""
    lines: list[str] = []
    for part in command.replace(" -", "\n-").split("\n"):
        longer = f"{lines[-1]} {part}" if lines else part
        if not lines or text_width(f"{longer} \\", MONO, style.BODY) > width:
            lines.append(part)
        else:
            lines[-1] = longer
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def _place_facts(flow: Flow, facts: Mapping[str, str]) -> None:
    """Labels and values, one under the other."""
    for label, value in facts.items():
        font = MONO if value.isascii() else REGULAR
        lines = fit(value, font, style.BODY, flow.width - _LABEL_WIDTH, 3)
        _place_fact(flow, label, value, lines, font)


def _place_fact(flow: Flow, label: str, value: str, lines: Sequence[str], font: str) -> None:
    def draw(pen: Pen, top: float) -> None:
        with pen.content("P", unabridged(value, lines) and f"{label} {value}"):
            pen.text(0, style.baseline(top, style.BODY), label, REGULAR, style.BODY, style.GREY)
            draw_lines(pen, _LABEL_WIDTH, top, lines, font, style.BODY, style.INK)

    flow.put(len(lines) * style.leading(style.BODY) + _FACT_GAP, draw)


def _names(statement: StatementModel) -> Iterator[str]:
    yield statement.organization
    yield statement.business_unit.name
    for center in statement.cost_centers:
        yield center.name
        yield from (pool.pool_name for pool in center.pool_shares)
        yield from (account.sub_account_name for account in center.accounts)
        yield from (adjustment.reason for adjustment in center.adjustments)
    if statement.signed_by:
        yield statement.signed_by.subject
