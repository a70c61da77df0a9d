"""Verifies the signature in a PDF: whole, last, by whom, and if it is broken, where."""

# mypy: untyped-calls-exclude="asn1crypto,pyhanko,pyhanko_certvalidator"

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from asn1crypto import parser
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import PdfSignatureStatus, TimestampSignatureStatus

from local.verify.detached_signature import read_signature
from local.verify.findings import Finding, failed, passed, reason, short
from local.verify.layout import Artefact
from local.verify.pdf_damage import span, where_damaged
from local.verify.trust import SIGNER_USAGE, Trust, fingerprint

_NUMBERS = 4
"""A byte range is two ranges, each a start and a length: before the signature, and after it."""


class PdfJudged(NamedTuple):
    """What came of it, and when the PDF claims to have been signed; None when it does not say."""

    finding: Finding
    claimed: datetime | None


def check_pdf(file: Artefact, trust: Trust) -> PdfJudged:
    """Judges the one signature of a PDF that is there."""
    content = file.content or b""
    try:
        signatures = list(PdfFileReader(io.BytesIO(content)).embedded_signatures)
    except Exception as error:  # what a damaged file makes a parser stumble over is not to be foreseen
        text = f"cannot be read as a signed PDF ({reason(error)}); {where_damaged(content)}"
        return PdfJudged(failed(file.name, text), None)
    if not signatures:
        return PdfJudged(failed(file.name, "is not signed: a draft is not, a statement is"), None)
    if len(signatures) > 1:
        return PdfJudged(failed(file.name, f"has {len(signatures)} signatures, a statement has one"), None)
    [signature] = signatures
    try:
        claimed = signature.self_reported_timestamp
        return PdfJudged(_judge(file.name, content, signature, claimed, trust), claimed)
    except Exception as error:  # as above: of a damaged signature
        return PdfJudged(failed(file.name, f"{_place(signature)} cannot be verified: {reason(error)}"), None)


def _judge(
    name: str, content: bytes, signature: EmbeddedPdfSignature, claimed: datetime | None, trust: Trust
) -> Finding:
    if claimed is None:
        return failed(name, "its signature claims no time")
    if problem := next(_not_covered(content, signature), None):
        return failed(name, problem)
    status = _status(signature, claimed, trust)
    stamp = status.timestamp_validity
    moment = claimed
    if stamp is not None:
        moment = stamp.timestamp
        status = _status(signature, moment, trust)
    certificate = signature.signer_cert
    if not status.intact:
        return failed(name, f"is not what was signed: {where_damaged(content)}")
    if not status.valid:
        return failed(name, f"{_place(signature)} is not by the key of certificate {short(fingerprint(certificate))}")
    if problem := trust.problem(certificate, signature.other_embedded_certs, moment):
        return failed(name, problem)
    if stamp is not None and not (stamp.valid and stamp.intact and stamp.trusted):
        return failed(name, _bad_timestamp(stamp))
    if not status.bottom_line:
        return failed(name, f"its signature is refused: {status.summary()}")
    text = f"signed by {trust.signer(certificate, moment, proven=stamp is not None)}; covers all {len(content):,} bytes"
    return passed(name, text if stamp is None else f"{text}; timestamp by {stamp.signing_cert.subject.human_friendly}")


def _status(signature: EmbeddedPdfSignature, moment: datetime, trust: Trust) -> PdfSignatureStatus:
    return asyncio.run(
        async_validate_pdf_signature(
            signature, signer_validation_context=trust.context(moment), key_usage_settings=SIGNER_USAGE
        )
    )


def _not_covered(content: bytes, signature: EmbeddedPdfSignature) -> Iterator[str]:
    """What of the file the signature leaves out, beside itself; nothing when it leaves out nothing.

    Raises DamagedSignature when something in the signature is not as a signer writes it.
    """
    given = [int(number) for number in signature.byte_range]
    if len(given) != _NUMBERS or given[0] != 0 or not given[1] < given[2] <= len(content):
        yield f"its signature covers {given}, which is not all of a file but the signature"
        return
    place, end = _container(signature), given[2] + given[3]
    if end < len(content):
        yield f"bytes {span(end, len(content))} were added after it was signed"
    elif end > len(content):
        yield f"ends after {len(content):,} bytes, {end:,} were signed"
    found, right = content[place.start : place.stop], b"<" + signature.pkcs7_content.hex().encode() + b">"
    right = right if found == found.lower() else right.upper()
    if found != right:
        differing = (at for at, (byte, other) in enumerate(zip(found, right, strict=False)) if byte != other)
        yield f"byte {place.start + next(differing, len(right)):,} is in the signature's place, and not of it"
    used = parser.peek(signature.pkcs7_content)
    if any(signature.pkcs7_content[used:]):
        at = place.start + 1 + 2 * used
        yield f"bytes {span(at, place.stop - 1)}, the empty space after the signature, are not empty"
    read_signature(signature.pkcs7_content[:used])


def _container(signature: EmbeddedPdfSignature) -> range:
    """Where in the file the signature is: what its byte range leaves out."""
    return range(int(signature.byte_range[1]), int(signature.byte_range[2]))


def _place(signature: EmbeddedPdfSignature) -> str:
    place = _container(signature)
    return f"its signature, bytes {span(place.start, place.stop)},"


def _bad_timestamp(stamp: TimestampSignatureStatus) -> str:
    authority = stamp.signing_cert.subject.human_friendly
    if stamp.valid and stamp.intact:
        return f"its timestamp is by {authority}, which leads to no root given: add its root to --root-ca"
    return f"its timestamp by {authority} is of something else"
