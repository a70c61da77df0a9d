"""Which line of the books carries a business unit's statement, and which files that are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator

from functions.post_charge.item import ChargeItem
from functions.post_charge.logic import BookedCharge
from functions.shared.attaching import FilesAttached, FileToAttach
from functions.shared.errors import AttachmentMismatch, DuplicatePosting, MissingPosting
from functions.shared.filed_statement import FiledStatement
from functions.shared.payload import Payload


class AttachStatementRequest(Payload):
    """One item of the Map: the run and the business unit whose statement is attached."""

    run_id: str
    business_unit: str


class StatementAttached(Payload):
    """The line that has the files, and how many; ``sys_id`` is None for a unit that is charged nothing at all."""

    business_unit: str
    table: str
    sys_id: str | None = None
    uploaded: int = 0
    found: int = 0


def choose_carrier(items: Iterable[ChargeItem], business_unit: str) -> ChargeItem | None:
    """The charge whose line carries the unit's files: the first by cost center, of those that there are.

    The same in every attempt, as a run's charges do not change. None for a unit without a charge.
    """
    own = [item for item in items if item.business_unit == business_unit]
    return min(own, key=lambda item: item.cost_center, default=None)


def require_line(carrier: ChargeItem, found: list[BookedCharge], table: str) -> BookedCharge:
    """The one line of the carrier; raises MissingPosting or DuplicatePosting."""
    if not found:
        raise MissingPosting(
            f"{table}: no line has key {carrier.key} of {carrier.cost_center}, which carries the statement of "
            f"{carrier.business_unit}; run again to post it"
        )
    if len(found) > 1:
        raise DuplicatePosting(
            f"{table}: {' and '.join(line.sys_id for line in found)} have one key, {carrier.key} of "
            f"{carrier.cost_center}; void all but one"
        )
    return found[0]


def statement_files(filed: FiledStatement, read: Callable[[str], bytes]) -> Iterator[FileToAttach]:
    """The files of a statement as they were filed; ``read`` takes a key of the statement bucket.

    Raises AttachmentMismatch when one is not what it was then.
    """
    for name, sha256, content_type in (
        (filed.pdf, filed.pdf_sha256, "application/pdf"),
        (filed.csv, filed.csv_sha256, "text/csv"),
        (filed.sha256sums, filed.sha256sums_sha256, "text/plain"),
        (filed.signature, filed.signature_sha256, "application/pkcs7-signature"),
        (filed.raw_signature, filed.raw_signature_sha256, "application/octet-stream"),
    ):
        if name is None:
            continue
        content = read(filed.folder + name)
        if sha256 not in (None, hashlib.sha256(content).hexdigest()):
            raise AttachmentMismatch(f"{filed.folder}{name} is not the file that was filed (SHA-256 {sha256})")
        yield FileToAttach(name.rpartition("/")[2], content, content_type)


def attached(business_unit: str, table: str, line: BookedCharge, files: FilesAttached) -> StatementAttached:
    """What came of it."""
    return StatementAttached(
        business_unit=business_unit, table=table, sys_id=line.sys_id, uploaded=files.uploaded, found=files.found
    )
