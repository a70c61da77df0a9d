"""Where a business unit's statement was filed."""

from __future__ import annotations

from functions.shared.money import Cents
from functions.shared.payload import Payload


class FiledStatement(Payload):
    """The files of one statement: paths within ``folder`` of the statement bucket, and the SHA-256 of each."""

    business_unit: str
    total: Cents
    folder: str
    pdf: str
    csv: str
    sha256sums: str
    pdf_sha256: str
    csv_sha256: str
