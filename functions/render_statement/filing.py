"""Renders, signs and files a statement, each file after what it is computed from has been filed.

A run that was interrupted between two files finds the first ones again and goes on from them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pyhanko.sign.timestamps import TimeStamper

from functions.render_statement.logic import render_statement
from functions.render_statement.model import SignedBy, StatementModel
from functions.render_statement.package import (
    StatementFile,
    checksum_file,
    csv_file,
    filed_statement,
    pdf_file,
    signature_files,
)
from functions.render_statement.pdf_signature import sign_pdf
from functions.shared.filed_statement import FiledStatement
from functions.shared.periods import BillingPeriod
from functions.shared.signing.identity import SigningIdentity
from functions.shared.signing.signatory import Signatory

File = Callable[[StatementFile], StatementFile]
"""Puts a file where it belongs, and returns what stands there: the same, or what an interrupted run has filed."""


def file_unsigned(statement: StatementModel, folder: str, file: File) -> FiledStatement:
    """Files a draft, which is watermarked, or a statement of a replay: neither is signed by anybody."""
    rendered = render_statement(statement)
    pdf = file(pdf_file(statement, rendered.pdf))
    csv = file(csv_file(statement, rendered))
    sums = file(checksum_file(statement, pdf, csv))
    return filed_statement(statement, folder, pdf=pdf, csv=csv, sums=sums)


def file_signed(
    statement: StatementModel, folder: str, file: File, signatory: Signatory, timestamps: TimeStamper | None
) -> FiledStatement:
    """Files a statement with its signatures.

    Equal statements and identities give equal files; with ``timestamps`` the PDF and what is computed from it vary.
    """
    identity = signatory.identity
    signer = SignedBy(subject=identity.subject, certificate_sha256=identity.fingerprint)
    statement = statement.model_copy(update={"signed_by": signer})
    rendered = render_statement(statement)
    content = sign_pdf(
        rendered.pdf, signatory, signed_at=claimed_time(statement.charge_period, identity), timestamps=timestamps
    )
    pdf = file(pdf_file(statement, content))
    csv = file(csv_file(statement, rendered))
    sums = file(checksum_file(statement, pdf, csv))
    signatures = signature_files(sums, signatory)
    for signature in signatures:
        file(signature)
    return filed_statement(statement, folder, pdf=pdf, csv=csv, sums=sums, signatures=signatures)


def claimed_time(charge_period: str, identity: SigningIdentity) -> datetime:
    """The signing time that the PDF claims: the end of the charge period.

    A certificate that was issued later makes it the certificate's first moment: readers that judge a certificate at
    the claimed time would refuse it otherwise.
    """
    return max(BillingPeriod.parse(charge_period).previous(-1).start, identity.valid_from)
