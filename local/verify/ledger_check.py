"""Compares the ledger's content with the evidence, and says which entry was changed."""

from __future__ import annotations

from collections.abc import Iterator

from local.verify.close import Close
from local.verify.findings import Finding, failed, passed, short
from local.verify.ledger import Row, content_of
from local.verify.records import Evidence
from local.verify.sheet import first_difference


def check_ledger(close: Close, evidence: Evidence) -> Iterator[Finding]:
    """Whether the entries, read from Parquet and hashed again, are those that the evidence names."""
    parts = close.ledger.parts_of(evidence.revision)
    unreadable = [part for part in parts if part.rows is None]
    yield from (failed(part.file.name, f"cannot be read: {part.damage()}") for part in unreadable)
    rows, name = close.rows, close.folder.file(f"{evidence.ledger.prefix}*").name
    if rows is None:
        if not parts:
            yield failed(name, "there is no such file")
        return
    found = content_of(rows)
    if found.entries != evidence.ledger.entries:
        text = f"{found.entries:,} entries, the evidence has {evidence.ledger.entries:,} (ledger.entries)"
        yield failed(name, text + where_changed(close, rows))
    if found.sha256 != evidence.ledger.content_sha256:
        text = f"the entries' hash is {short(found.sha256)}, the evidence has {short(evidence.ledger.content_sha256)}"
        yield failed(name, f"{text} (ledger.content_sha256){where_changed(close, rows)}")
    elif found.entries == evidence.ledger.entries:
        yield passed(name, f"{found.entries:,} entries, hashed again: {short(found.sha256)} (ledger.content_sha256)")


def where_changed(close: Close, rows: list[Row]) -> str:
    """Where the ledger and the statements' CSVs differ first, unit by unit."""
    for unit, sheet in close.sheets.items():
        if difference := first_difference(sheet, [row for row in rows if row["business_unit"] == unit]):
            return f"; statement of {unit}, {difference}"
    if unknown := next((row for row in rows if row["business_unit"] not in close.sheets), None):
        return f"; entry {unknown['entry_id']} is of {unknown['business_unit']}, whose statement cannot be compared"
    return ""
