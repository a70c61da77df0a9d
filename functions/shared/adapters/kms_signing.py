"""An asymmetric key in AWS KMS."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from functions.shared.errors import SigningRefused, SigningServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

_ALGORITHM = "RSASSA_PKCS1_V1_5_SHA_256"
_BUSY_STATUS = 500
_BUSY_CODES = frozenset(
    {
        "DependencyTimeoutException",
        "KeyUnavailableException",
        "KMSInternalException",
        "RequestLimitExceeded",
        "ThrottlingException",
    }
)


class KmsSigningKey:
    """An RSA key of usage SIGN_VERIFY; ``reference`` is its ARN, or before it is resolved an alias."""

    def __init__(self, reference: str) -> None:
        self._named = reference

    @cached_property
    def _client(self) -> Any:
        return boto3.client("kms")

    @cached_property
    def _public(self) -> Any:
        return _ask(self._named, lambda: self._client.get_public_key(KeyId=self._named))

    @property
    def reference(self) -> str:
        """As it was named; ``resolved`` tells which key an alias means today."""
        return self._named

    def resolved(self) -> KmsSigningKey:
        """The same key by its own ARN: an alias may mean another key tomorrow."""
        return KmsSigningKey(self._public["KeyId"])

    def public_key(self) -> bytes:
        """The public half as DER SubjectPublicKeyInfo."""
        content: bytes = self._public["PublicKey"]
        return content

    def sign(self, message: bytes) -> bytes:
        """Signs the message's digest, as KMS takes whole messages of up to 4,096 bytes only."""
        digest = hashlib.sha256(message).digest()
        answer = _ask(
            self._named,
            lambda: self._client.sign(
                KeyId=self._named, Message=digest, MessageType="DIGEST", SigningAlgorithm=_ALGORITHM
            ),
        )
        signature: bytes = answer["Signature"]
        return signature


def _ask(key: str, request: Callable[[], Any]) -> Any:
    try:
        return request()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        busy = code in _BUSY_CODES or error.response["ResponseMetadata"]["HTTPStatusCode"] >= _BUSY_STATUS
        kind = SigningServiceUnavailable if busy else SigningRefused
        raise kind(f"AWS KMS, {key}: {code}: {error.response['Error']['Message']}") from error
    except BotoCoreError as error:
        raise SigningServiceUnavailable(f"AWS KMS, {key}: {error}") from error
