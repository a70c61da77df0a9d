"""Signs the PDF inside the file: PAdES B-B, certified so that any later change shows; B-T with a timestamp authority.

The signature is an incremental update: the signed file begins with the unsigned one, byte for byte. Without a
timestamp equal files and identities give equal signed files. For that, four things are pinned which vary otherwise:
reportlab's clock (pdf_document), pyHanko's clock, the document id of the update, and its modification date. The last
two are in methods that pyHanko keeps to itself, so requirements.txt pins its version and a contract test names it.
"""

# mypy: untyped-calls-exclude="asn1crypto,pyhanko_certvalidator"

from __future__ import annotations

import hashlib
import io
from datetime import datetime
from typing import Any

from asn1crypto import algos
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, Signer
from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from functions.shared.signing.signatory import Signatory

FIELD = "ChargebackSignature"
_REASON = "Chargeback statement: certifies that nothing in it was changed"
_ATTRIBUTES_BYTES = 512
_TIMESTAMP_BYTES = 12_288


def sign_pdf(pdf: bytes, signatory: Signatory, *, signed_at: datetime, timestamps: TimeStamper | None = None) -> bytes:
    """The PDF with an invisible signature field; ``signed_at`` is the time it claims, aware, to the second.

    Raises what the key raises, and TimestampUnavailable when ``timestamps`` gives none.
    """
    meta = PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
        reason=_REASON,
    )
    signer = _PinnedSigner(meta, _KeySigner(signatory), signed_at, timestamps)
    signed = signer.sign_pdf(_PinnedWriter.of(pdf), bytes_reserved=_reserved(signatory, timestamps))
    content: bytes = signed.getvalue()
    return content


def _reserved(signatory: Signatory, timestamps: TimeStamper | None) -> int:
    """Hexadecimal digits set aside for the signature: known beforehand, so that nothing has to be signed to measure it.

    The names of the certificates are in them, and once more in the signer's reference to its own.
    """
    identity = signatory.identity
    certificates = sum(len(c.dump()) for c in (identity.certificate, *identity.intermediates))
    size = certificates + len(identity.certificate.issuer.dump()) + signatory.signature_bytes + _ATTRIBUTES_BYTES
    return 2 * (size + (_TIMESTAMP_BYTES if timestamps else 0))


class _KeySigner(Signer):
    """pyHanko's way to a key that is elsewhere."""

    def __init__(self, signatory: Signatory) -> None:
        certificates = SimpleCertificateStore()
        certificates.register_multiple(signatory.identity.intermediates)
        super().__init__(
            signing_cert=signatory.identity.certificate,
            cert_registry=certificates,
            signature_mechanism=algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa"}),
        )
        self._signatory = signatory

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:  # noqa: ARG002 - as pyHanko calls it
        return bytes(self._signatory.signature_bytes) if dry_run else self._signatory.sign(data)


class _PinnedSigner(PdfSigner):
    """Claims the time it is given."""

    def __init__(
        self, meta: PdfSignatureMetadata, signer: Signer, signed_at: datetime, timestamps: TimeStamper | None
    ) -> None:
        super().__init__(meta, signer, timestamper=timestamps, new_field_spec=SigFieldSpec(FIELD))
        self._signed_at = signed_at

    def init_signing_session(self, *args: Any, **kwargs: Any) -> Any:
        session = super().init_signing_session(*args, **kwargs)
        session.system_time = self._signed_at
        return session


class _PinnedWriter(IncrementalPdfFileWriter):
    """Writes an update that says nothing of when and where it was written."""

    @classmethod
    def of(cls, pdf: bytes) -> _PinnedWriter:
        return cls(io.BytesIO(pdf))

    @classmethod
    def _handle_id(cls, prev: Any) -> generic.ArrayObject:
        """The document's own id, and one of this update: a hash of what is updated instead of random bytes."""
        first, _ = super()._handle_id(prev)  # type: ignore[no-untyped-call]
        prev.stream.seek(0)
        update = hashlib.sha256(prev.stream.read()).digest()[:16]
        return generic.ArrayObject([first, generic.ByteStringObject(update)])

    def _update_meta(self) -> None:
        """Leaves the modification date as the statement has it."""
