"""The arithmetic of a close, to the cent: statements, ledger, control totals, invoices."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from decimal import Decimal
from typing import Literal, TypeVar

from functions.shared.money import ZERO, parse_money, total
from local.verify.close import Close
from local.verify.findings import Finding, money, noted, results
from local.verify.ledger import Row, cost
from local.verify.records import Evidence, json_path

KeyT = TypeVar("KeyT", bound=Hashable)


def check_sums(close: Close, evidence: Evidence) -> Iterator[Finding]:
    """Every sum that a reader could add up again; where the ledger cannot be read, what is left of them."""
    name, billed = close.evidence_file.name, money(evidence.totals.billed_cost)
    text = f"{len(evidence.control_totals)} control totals, {billed}, are allocated to the cent"
    yield from results(name, _control_totals(evidence), text)
    yield from _invoice_totals(name, evidence)
    text = f"{len(evidence.invariants)} invariants hold, each with both its values"
    yield from results(name, _broken_invariants(evidence), text)
    if close.rows is not None:
        text = f"the ledger adds up to {money(cost(close.rows))}: {len(evidence.statements)} statements, every invoice"
        yield from results(name, _ledger_totals(evidence, close.rows), text)
        yield from _all_revisions(close, evidence)


def _control_totals(evidence: Evidence) -> Iterator[str]:
    """Billed and allocated of every invoice, where the evidence says them twice, and added up."""
    invoices, totals = evidence.reconciliation.invoices, evidence.totals
    shown = [(item.billing_account_id, item.invoice_id) for item in evidence.control_totals]
    if shown != [invoice.key for invoice in invoices]:
        yield "control_totals lists other invoices than reconciliation.invoices"
        return
    for number, (invoice, control) in enumerate(zip(invoices, evidence.control_totals, strict=True)):
        for part in ("billed_cost", "allocated_cost"):
            path = json_path("control_totals", number, part)
            yield from _same(path, getattr(control, part), getattr(invoice, part), "reconciliation.invoices has")
        path = json_path("reconciliation", "invoices", number)
        yield from _same(f"{path}.allocated_cost", invoice.allocated_cost, invoice.billed_cost, "billed is")
        yield from _same(f"{path}.delta", invoice.delta, ZERO, "it has to be")
    for number, pool in enumerate(evidence.reconciliation.pools):
        path = json_path("reconciliation", "pools", number, "shared")
        yield from _same(path, pool.shared, total([pool.collected, pool.received]), "collected and received are")
    for part in ("billed_cost", "allocated_cost", "revision_cost"):
        added = total(getattr(invoice, part) for invoice in invoices)
        yield from _same(json_path("totals", part), getattr(totals, part), added, "the invoices add up to")
    delta = total([totals.billed_cost, -totals.allocated_cost])
    yield from _same("totals.delta", totals.delta, delta, "billed less allocated is")


def _invoice_totals(name: str, evidence: Evidence) -> Iterator[Finding]:
    """What AWS's own invoices say, where the close knew it."""
    if not evidence.invoice_totals:
        yield noted(name, "AWS's own invoice totals were not fetched: the control totals are those of the bill's lines")
        return
    billed = {invoice.key: invoice.billed_cost for invoice in evidence.reconciliation.invoices}
    invoiced: dict[tuple[str, str], Decimal] = {}
    first: dict[tuple[str, str], int] = {}
    for number, invoice in enumerate(evidence.invoice_totals):
        key = invoice.billing_account_id, invoice.invoice_id
        first.setdefault(key, number)
        invoiced[key] = total([invoiced.get(key, ZERO), invoice.invoiced_cost])
    problems = [
        problem
        for key, number in first.items()
        for problem in _same(
            json_path("invoice_totals", number, "invoiced_cost"),
            invoiced[key],
            billed.get(key, ZERO),
            "the control total is",
        )
    ]
    text = f"{len(evidence.invoice_totals)} totals of AWS's own invoices are the control totals"
    yield from results(name, problems, text)


def _broken_invariants(evidence: Evidence) -> Iterator[str]:
    for number, item in enumerate(evidence.invariants):
        if item.found != item.expected:
            path = json_path("invariants", number)
            yield f"{path}, {item.invariant}: {item.found}, expected {item.expected}"


def _ledger_totals(evidence: Evidence, rows: list[Row]) -> Iterator[str]:
    """This revision's entries against its statements and invoices."""
    by_unit = _sums((row["business_unit"], row) for row in rows)
    for number, statement in enumerate(evidence.statements):
        found = by_unit.pop(statement.business_unit, ZERO)
        yield from _same(json_path("statements", number, "total"), statement.total, found, "the ledger's entries are")
    for unit, amount in by_unit.items():
        yield f"statements has none of {unit}, which has {money(amount)} in the ledger"
    yield from _invoices(evidence, rows, "revision_cost", "the ledger's entries are")
    yield from _same("totals.revision_cost", evidence.totals.revision_cost, cost(rows), "the ledger's entries are")


def _all_revisions(close: Close, evidence: Evidence) -> Iterator[Finding]:
    """The entries of this and all earlier revisions against what was allocated of every invoice."""
    name, number = close.evidence_file.name, evidence.revision
    if number == 1:
        return
    revisions = {revision: close.ledger.rows_of(revision) for revision in range(1, number)} | {number: close.rows}
    if missing := ", ".join(str(revision) for revision, rows in revisions.items() if rows is None):
        yield noted(name, f"the ledger of revision {missing} is not here: only the part of this one is added up")
        return
    rows = [row for found in revisions.values() for row in found or ()]
    problems = _invoices(evidence, rows, "allocated_cost", "the ledger's entries of all revisions are")
    text = f"{number} revisions of the ledger add up to {money(cost(rows))}, what is allocated of every invoice"
    yield from results(name, problems, text)


def _invoices(
    evidence: Evidence, rows: list[Row], part: Literal["allocated_cost", "revision_cost"], what: str
) -> Iterator[str]:
    """Entries against an amount of every invoice; an invoice without entries has 0.00 of them."""
    by_invoice = _sums(((row["billing_account_id"], row["invoice_id"]), row) for row in rows)
    for number, invoice in enumerate(evidence.reconciliation.invoices):
        path = json_path("reconciliation", "invoices", number, part)
        yield from _same(path, getattr(invoice, part), by_invoice.pop(invoice.key, ZERO), what)
    for (_, invoice_id), amount in by_invoice.items():
        yield f"reconciliation.invoices has none of {invoice_id}, which has {money(amount)} in the ledger"


def _same(path: str, said: Decimal, found: Decimal, what: str) -> Iterator[str]:
    if said != found:
        yield f"{path} is {money(said)}, {what} {money(found)}, {money(said - found)} apart"


def _sums(rows: Iterable[tuple[KeyT, Row]]) -> dict[KeyT, Decimal]:
    sums: dict[KeyT, Decimal] = {}
    for key, row in rows:
        sums[key] = total([sums.get(key, ZERO), parse_money(row["cost"])])
    return sums
