"""A timestamp authority over HTTP, certified by the tests' root."""

from __future__ import annotations

import httpx
from asn1crypto import keys, tsp
from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from functions.shared.signing.identity import read_certificates
from tests.unit.signing_kit import DER, NOW, KeyAtHand, name, root


class TimestampAuthority:
    """Answers as a timestamp authority does over HTTP."""

    def __init__(self) -> None:
        signer = KeyAtHand("timestamps")
        certificate = root().issue(signer.public_key(), name("Timestamps"), stamps=True)
        [loaded] = read_certificates(certificate)
        self._stamper = DummyTimeStamper(
            tsa_cert=loaded,
            tsa_key=keys.PrivateKeyInfo.load(signer.private.private_bytes(DER, PrivateFormat.PKCS8, NoEncryption())),
            certs_to_embed=SimpleCertificateStore(),
            fixed_dt=NOW,
        )

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["Content-Type"] == "application/timestamp-query"
        response = self._stamper.request_tsa_response(tsp.TimeStampReq.load(request.content))
        return httpx.Response(200, content=response.dump(), headers={"Content-Type": "application/timestamp-reply"})
