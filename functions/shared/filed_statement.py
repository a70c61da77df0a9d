"""Where a business unit's statement was filed."""

from __future__ import annotations

from functions.shared.money import Cents
from functions.shared.payload import Payload


class FiledStatement(Payload):
    """The files of one statement: paths within ``folder`` of the statement bucket, and the SHA-256 of each.

    ``signature`` (CMS) and ``raw_signature`` sign the checksums; drafts have none, and the oldest records neither them
    nor the checksum file's own hash.
    """

    business_unit: str
    total: Cents
    folder: str
    pdf: str
    csv: str
    sha256sums: str
    pdf_sha256: str
    csv_sha256: str
    sha256sums_sha256: str | None = None
    code_version: str | None = None
    sql_sha256: str | None = None
    signature: str | None = None
    signature_sha256: str | None = None
    raw_signature: str | None = None
    raw_signature_sha256: str | None = None
