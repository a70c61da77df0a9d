"""An authority certifies the key that asks, under the name it asks for."""

from __future__ import annotations

import pytest
from cryptography import x509
from pydantic import ValidationError

from functions.shared.signing.request import Subject, request_certificate
from tests.unit.signing_kit import KeyAtHand

SUBJECT = Subject(common_name="Cloud chargeback", organization="Meridian Health", country="US")


def test_a_request_is_signed_by_the_key_it_is_for() -> None:
    request = x509.load_pem_x509_csr(request_certificate(SUBJECT, KeyAtHand()).encode())

    assert request.is_signature_valid
    assert request.public_key() == KeyAtHand().private.public_key()


def test_a_request_asks_for_the_name_and_for_signatures_only() -> None:
    request = x509.load_pem_x509_csr(request_certificate(SUBJECT, KeyAtHand()).encode())

    assert request.subject.rfc4514_string() == "CN=Cloud chargeback,O=Meridian Health,C=US"
    usage = request.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.digital_signature, usage.value.content_commitment) == (True, True)
    assert not usage.value.key_cert_sign
    assert not usage.value.key_encipherment


def test_asking_twice_is_asking_the_same() -> None:
    assert request_certificate(SUBJECT, KeyAtHand()) == request_certificate(SUBJECT, KeyAtHand())


@pytest.mark.parametrize("changes", [{"country": "usa"}, {"common_name": " "}, {"organization": "x" * 65}, {"age": 3}])
def test_a_subject_that_no_authority_would_take_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Subject.model_validate(SUBJECT.model_dump() | changes)
