"""Whoever signed a file."""

from __future__ import annotations

from functions.shared.payload import Payload


class Signer(Payload):
    """Who signed: whom the certificate names, and the SHA-256 of the certificate in hex."""

    subject: str
    certificate_sha256: str
