"""A key in AWS KMS signs what it is given, of any length, and says so when it does not."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber
from moto import mock_aws

from functions.shared.adapters.kms_signing import KmsSigningKey
from functions.shared.errors import SigningRefused, SigningServiceUnavailable
from functions.shared.signing.identity import read_certificates
from functions.shared.signing.rsa import is_signed
from tests.unit.signing_kit import create_kms_key, root


@pytest.fixture(autouse=True)
def _account(kms_as_on_aws: None) -> Iterator[None]:  # noqa: ARG001 - it is the account's
    with mock_aws():
        yield


@pytest.mark.parametrize("length", [0, 1, 4096, 4097, 1_000_000])
def test_a_message_of_any_length_is_signed(length: int) -> None:
    key, message = KmsSigningKey(create_kms_key()), b"x" * length
    [certificate] = read_certificates(root().issue(key.public_key()))

    assert is_signed(message, key.sign(message), certificate.public_key)


def test_signing_again_gives_the_same_bytes() -> None:
    key = KmsSigningKey(create_kms_key())

    assert key.sign(b"statement") == key.sign(b"statement")


def test_an_alias_is_resolved_to_the_key_it_means_today() -> None:
    arn, alias = create_kms_key(), "alias/chargeback-test-signing-1"
    resolved = KmsSigningKey(alias).resolved()
    boto3.client("kms").update_alias(AliasName=alias, TargetKeyId=create_kms_key(2))

    assert resolved.reference == arn
    assert KmsSigningKey(alias).public_key() != resolved.public_key()


def test_a_key_that_is_not_there_is_named() -> None:
    with pytest.raises(SigningRefused, match=r"^AWS KMS, alias/none: NotFoundException"):
        KmsSigningKey("alias/none").sign(b"statement")


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ThrottlingException", 400, SigningServiceUnavailable),
        ("KMSInternalException", 500, SigningServiceUnavailable),
        ("ServiceUnavailable", 503, SigningServiceUnavailable),
        ("AccessDeniedException", 400, SigningRefused),
        ("DisabledException", 400, SigningRefused),
    ],
)
def test_what_may_work_later_is_told_from_what_never_will(code: str, status: int, error: type[Exception]) -> None:
    key = KmsSigningKey("alias/chargeback-test-signing-1")
    with Stubber(key._client) as stub:
        stub.add_client_error("sign", code, "in its own words", http_status_code=status)
        with pytest.raises(error, match=f"{code}: in its own words") as caught:
            key.sign(b"statement")
    assert isinstance(caught.value.__cause__, ClientError)


def test_kms_that_cannot_be_reached_is_asked_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    key = KmsSigningKey("alias/chargeback-test-signing-1")

    def unreachable(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://kms.example")

    monkeypatch.setattr(key._client, "sign", unreachable)
    with pytest.raises(SigningServiceUnavailable, match=r"kms\.example"):
        key.sign(b"statement")
