"""KMS keys that keep their id and their material from one process to the next, and sign digests."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from moto.kms.exceptions import ValidationException

from local.aws.journal import Document, Journal
from local.aws.patching import Patches

_pinned_id: ContextVar[str | None] = ContextVar("pinned_key_id", default=None)
_message_is_digest: ContextVar[bool] = ContextVar("message_is_digest", default=False)
_MAX_MESSAGE_BYTES = 4096
_HASHES: dict[str, HashAlgorithm] = {"256": SHA256(), "384": SHA384(), "512": SHA512()}


@contextmanager
def pinned_key_id(key_id: str) -> Iterator[None]:
    """The next KMS key created gets this id, so that a stack's key is the same key at every deployment."""
    token = _pinned_id.set(key_id)
    try:
        yield
    finally:
        _pinned_id.reset(token)


def install(patches: Patches) -> None:
    """What needs no durable state: pinned ids, signing of digests, and the ARN of a public key's key."""
    from moto.kms import models
    from moto.kms.responses import KmsResponse
    from moto.kms.utils import ECDSAPrivateKey, RSAPrivateKey

    def key_id(original: Any, multi_region: bool = False) -> Any:
        return _pinned_id.get() or original(multi_region)

    def private_key(original: Any, key_spec: str) -> Any:
        return None if key_spec == "SYMMETRIC_DEFAULT" else original(key_spec)  # an RSA key takes a tenth of a second

    patches.wrap(models, "generate_key_id", key_id)
    patches.wrap(models, "generate_private_key", private_key)
    for operation in ("sign", "verify"):
        patches.wrap(KmsResponse, operation, _with_message_type)
    patches.wrap(KmsResponse, "get_public_key", _with_key_arn)
    for key_class in (RSAPrivateKey, ECDSAPrivateKey):
        patches.wrap(key_class, "sign", _sign)
        patches.wrap(key_class, "verify", _verify)


class KeyStore:
    """Writes key material through to the journal, and gives a re-created key its old material."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def install(self, patches: Patches) -> None:
        from moto.kms import models

        patches.wrap(models, "generate_private_key", self._private_key)
        patches.wrap(models.KmsBackend, "create_key", self._create_key)

    def _private_key(self, original: Any, key_spec: str) -> Any:
        document = self._journal.get(f"kms:{_pinned_id.get()}")
        if document is None or document["key_spec"] != key_spec or document["private_key"] is None:
            return original(key_spec)
        return _from_pem(key_spec, document["private_key"])

    def _create_key(self, original: Any, *args: Any, **kwargs: Any) -> Any:
        key = original(*args, **kwargs)
        document_id = f"kms:{key.id}"
        document = self._journal.get(document_id)
        if document is None or document["key_spec"] != key.key_spec:
            self._journal.write({document_id: _document(key)})
        else:
            key.key_material = base64.b64decode(document["key_material"])
        return key


def _document(key: Any) -> Document:
    pem = None
    if key.private_key is not None:
        pem = key.private_key.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
    material = base64.b64encode(key.key_material).decode()
    return {"key_spec": key.key_spec, "key_material": material, "private_key": pem}


def _from_pem(key_spec: str, pem: str) -> Any:
    from moto.kms.utils import ECDSAPrivateKey, RSAPrivateKey

    private_key: Any = serialization.load_pem_private_key(pem.encode(), password=None)
    key: Any
    if isinstance(private_key, rsa.RSAPrivateKey):
        key = RSAPrivateKey.__new__(RSAPrivateKey)
        key.key_size = private_key.key_size
    else:
        key = ECDSAPrivateKey(key_spec)
    key.private_key = private_key
    return key


def _with_message_type(original: Any, response: Any) -> Any:
    token = _message_is_digest.set(response._get_param("MessageType") == "DIGEST")
    try:
        return original(response)
    finally:
        _message_is_digest.reset(token)


def _with_key_arn(original: Any, response: Any) -> Any:
    """KMS says which key it was by its ARN, whatever alias it was asked for; moto by its id."""
    answer = json.loads(original(response))
    answer["KeyId"] = response.kms_backend.describe_key(answer["KeyId"]).arn
    return json.dumps(answer)


def _sign(original: Any, key: Any, message: bytes, signing_algorithm: str) -> Any:
    """moto hashes what is a digest already, and signs messages of any length."""
    if not _message_is_digest.get():
        if len(message) > _MAX_MESSAGE_BYTES:
            raise ValidationException(
                f"A RAW message may have {_MAX_MESSAGE_BYTES} bytes, not {len(message)}: DIGEST it."
            )
        return original(key, message, signing_algorithm)
    try:
        return key.private_key.sign(message, *_scheme(key.private_key, signing_algorithm))
    except ValueError as error:
        raise ValidationException(f"Digest is invalid length for algorithm {signing_algorithm}.") from error


def _verify(original: Any, key: Any, message: bytes, signature: bytes, signing_algorithm: str) -> Any:
    from cryptography.exceptions import InvalidSignature

    if not _message_is_digest.get():
        return original(key, message, signature, signing_algorithm)
    try:
        key.private_key.public_key().verify(signature, message, *_scheme(key.private_key, signing_algorithm))
    except InvalidSignature:
        return False
    return True


def _scheme(private_key: Any, signing_algorithm: str) -> tuple[Any, ...]:
    """The arguments after the message that cryptography takes for an algorithm as KMS names it."""
    hash_algorithm = _HASHES[signing_algorithm[-3:]]
    digest = utils.Prehashed(hash_algorithm)
    if isinstance(private_key, ec.EllipticCurvePrivateKey):
        return (ec.ECDSA(digest),)
    if "PSS" in signing_algorithm:
        return padding.PSS(padding.MGF1(hash_algorithm), padding.PSS.DIGEST_LENGTH), digest
    return padding.PKCS1v15(), digest
