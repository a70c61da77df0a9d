"""Durable S3: every change of an object is on disk before its request returns, and buckets find their objects again.

A request is a transaction: what it changed is written to the journal at once when it ends, and only then are its events
sent, so that whoever reacts finds the object complete. An object's bytes are written before the journal names them.
"""

from __future__ import annotations

import copy
import datetime
import mmap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from local.aws.errors import LocalCloudError
from local.aws.files import LocalObject
from local.aws.journal import Journal
from local.aws.patching import Patches
from local.aws.s3_content import HASHED_WHOLE, ContentDirectory, FileContent, etag, linked
from local.aws.s3_documents import content_names, key_document, restore_versions, set_content


@dataclass
class _Transaction:
    """What the current request of this thread has changed, and the events it will cause."""

    keys: set[tuple[str, str]] = field(default_factory=set)
    events: list[tuple[Any, ...]] = field(default_factory=list)


class ObjectStore:
    """Implements ObjectFiles (local/aws/files.py) for the account's buckets."""

    def __init__(self, journal: Journal, directory: Path, account_id: str, *, transient: str) -> None:
        """Nothing is kept of a bucket whose name begins with `transient`."""
        self._journal = journal
        self._contents = ContentDirectory(directory)
        self._account_id = account_id
        self._transient = transient
        self._lock = threading.RLock()
        self._current = threading.local()
        named = (content_names(document) for _, document in journal.items("s3:"))
        self._contents.remove_all_but(set().union(*named))

    # -- ObjectFiles ------------------------------------------------------------------------------------------------

    def objects(self, bucket: str, prefix: str) -> list[LocalObject]:
        with self._lock:
            keys = [
                self._bucket(bucket).keys[name] for name in list(self._bucket(bucket).keys) if name.startswith(prefix)
            ]
        found = [(key.name, _content(key)) for key in keys if hasattr(key, "contentsize")]
        for _, content in found:
            content.check()
        return [
            LocalObject(name, content.path, content.size) for name, content in sorted(found, key=lambda one: one[0])
        ]

    def store(self, bucket: str, key: str, path: Path) -> None:
        self._put(bucket, key, self._contents.take(key, path))

    # -- files of somebody else's -----------------------------------------------------------------------------------

    def link(self, bucket: str, key: str, path: Path) -> str:
        """Registers a file as the key's newest version, and returns the version id.

        A large file stays where it is; one that is quickly copied is, so that the version outlives the file. A file
        whose bytes are the newest version's already stays that version, and causes no event.
        """
        content = linked(path)
        with self._lock:
            latest = self._bucket(bucket).keys.get(key)
        if content.size > HASHED_WHOLE:
            if getattr(latest, "_value_buffer", None) == content:
                return str(latest.version_id)
            return self._put(bucket, key, content)
        if hasattr(latest, "contentsize") and latest.etag.strip('"') == etag(content):
            return str(latest.version_id)
        return self._put(bucket, key, self._contents.write(key, path.read_bytes()))

    # -- hooks ------------------------------------------------------------------------------------------------------

    def install(self, patches: Patches) -> None:
        from moto.s3 import models, notifications, urls
        from moto.s3.models import S3Backend
        from moto.s3.responses import S3Response

        patches.wrap(S3Response, "key_response", self._respond)
        patches.wrap(S3Response, "bucket_response", self._respond)
        patches.wrap(S3Response, "get_object", self._get_object)
        patches.wrap(S3Response, "_key_response_get", _get_retention)
        patches.replace(models.FakeKey, "value", property(self._value, vars(models.FakeKey)["value"].fset))
        patches.replace(models, "copy", SimpleNamespace(copy=copy.copy, deepcopy=_facts_of))
        patches.replace(S3Backend, "_url_module", urls)  # moto reloads this module twice a request
        patches.wrap(S3Backend, "create_bucket", self._create_bucket)
        for change in ("put_object", "delete_object", "put_object_legal_hold", "delete_object_tagging"):
            patches.wrap(S3Backend, change, self._change)
        patches.wrap(S3Backend, "put_object_retention", self._put_object_retention)
        patches.wrap(S3Backend, "put_object_tagging", self._put_object_tagging)
        patches.wrap(notifications, "send_event", self._send_event)
        patches.replace(S3Backend, "log_incoming_request", _leave_unlogged)

    def _respond(self, original: Any, response: Any, request: Any, *args: Any) -> Any:
        if request.method in ("GET", "HEAD"):
            status, headers, body = original(response, request, *args)
            return status, headers, bytes(body) if isinstance(body, mmap.mmap) else body
        with self._transaction():
            return original(response, request, *args)

    def _get_object(self, original: Any, response: Any) -> Any:
        """A range of a large file is cut out of a map, not out of a copy."""
        self._current.mapped = True
        try:
            return original(response)
        finally:
            self._current.mapped = False

    def _value(self, key: Any) -> Any:
        with key.lock:
            buffer = key._value_buffer
            if isinstance(buffer, FileContent) and getattr(self._current, "mapped", False):
                return buffer.map()
            buffer.seek(0)
            return buffer.read()

    def _create_bucket(self, original: Any, backend: Any, bucket_name: str, *args: Any, **kwargs: Any) -> Any:
        """A bucket that existed before gets its objects back; nobody is told."""
        bucket = original(backend, bucket_name, *args, **kwargs)
        prefix = f"s3:{bucket_name}/"
        for document_id, document in self._journal.items(prefix):
            versions, tags = restore_versions(document, bucket, document_id.removeprefix(prefix), self._contents)
            bucket.keys.setlist(document_id.removeprefix(prefix), versions)
            for version in versions:
                if version.version_id in tags:
                    tag_list = backend.tagger.convert_dict_to_tags_input(tags[version.version_id])
                    backend.tagger.tag_resource(version.arn, tag_list)
        return bucket

    def _change(self, original: Any, backend: Any, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> Any:
        with self._transaction() as transaction:
            transaction.keys.add((bucket_name, key_name))
            return original(backend, bucket_name, key_name, *args, **kwargs)

    def _put_object_retention(
        self, original: Any, backend: Any, bucket_name: str, key_name: str, version_id: Any, retention: Any
    ) -> None:
        """moto lets anyone shorten a compliance retention; the service lets nobody."""
        from moto.s3.exceptions import AccessDeniedByLock

        with self._transaction() as transaction:
            key = backend.get_object(bucket_name, key_name, version_id=version_id)
            if key is not None and key.lock_mode == "COMPLIANCE" and key.is_locked(governance_bypass=False):
                mode, until = retention
                if mode != "COMPLIANCE" or _time(until) < _time(key.lock_until):
                    raise AccessDeniedByLock
            transaction.keys.add((bucket_name, key_name))
            original(backend, bucket_name, key_name, version_id, retention)

    def _put_object_tagging(self, original: Any, backend: Any, key: Any, tags: Any) -> Any:
        with self._transaction() as transaction:
            transaction.keys.add((key.bucket_name, key.name))
            return original(backend, key, tags)

    def _send_event(self, original: Any, account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
        with self._transaction() as transaction:
            transaction.events.append((original, account_id, event_name, bucket, key))

    # -- transactions -----------------------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[_Transaction]:
        outer: _Transaction | None = getattr(self._current, "transaction", None)
        if outer is not None:
            yield outer
            return
        transaction = self._current.transaction = _Transaction()
        with self._lock:
            try:
                yield transaction
            finally:
                self._current.transaction = None
                self._commit(transaction)
        for send, *event in _sent_by_service(transaction.events):
            send(*event)

    def _commit(self, transaction: _Transaction) -> None:
        """Content files first, then one line of the journal, then the files that nothing names any more."""
        documents = {}
        superseded: set[str] = set()
        for bucket_name, key_name in sorted(transaction.keys):
            if bucket_name.startswith(self._transient) or bucket_name not in self._backend.buckets:
                continue
            document_id = f"s3:{bucket_name}/{key_name}"
            versions = self._bucket(bucket_name).keys.getlist(key_name, [])
            document = self._document(versions)
            superseded |= content_names(self._journal.get(document_id)) - content_names(document)
            documents[document_id] = document
        self._journal.write(documents)
        for name in superseded:
            self._contents.remove(name)

    def _document(self, versions: list[Any]) -> dict[str, Any] | None:
        if not versions:
            return None
        tags = {}
        for version in versions:
            if not hasattr(version, "contentsize"):
                continue  # a delete marker
            if not isinstance(version._value_buffer, FileContent):
                set_content(version, self._contents.write(version.name, version.value))
                if version.multipart is not None:
                    version.multipart.dispose()
                    version.multipart = None
            tags[version.version_id] = self._backend.tagger.get_tag_dict_for_resource(version.arn)
        return key_document(versions, tags, self._contents)

    def _put(self, bucket: str, key: str, content: FileContent) -> str:
        digest = etag(content)
        with self._transaction():
            version = self._backend.put_object(bucket, key, b"", etag=digest)
            set_content(version, content)
            return str(version.version_id)

    @property
    def _backend(self) -> Any:
        from moto.s3.models import s3_backends

        return s3_backends[self._account_id]["aws"]

    def _bucket(self, name: str) -> Any:
        if name not in self._backend.buckets:
            raise LocalCloudError(f"There is no bucket {name} in the local cloud.")
        return self._backend.buckets[name]


def _leave_unlogged(backend: Any, request: Any, bucket_name: str) -> None:
    """moto writes an object of made-up facts for every request to a bucket that has access logs."""


def _facts_of(versions: list[Any]) -> list[Any]:
    """Copies of a key's versions to list them by, without their bytes.

    moto copies every version of a bucket, bytes and all, however few it lists, and keeps a reference to every copy.
    """
    return [_without_bytes(version) for version in versions]


def _without_bytes(version: Any) -> Any:
    # A hash that was never asked for is taken while the bytes are there; a delete marker has none.
    getattr(version, "etag", None)
    twin = object.__new__(type(version))
    vars(twin).update({name: value for name, value in vars(version).items() if name not in ("_value_buffer", "lock")})
    # A version that goes closes its bytes unless they are: a copy has none to close.
    twin.disposed = True
    return twin


def _get_retention(original: Any, response: Any, query: Any, key_name: str) -> Any:
    """GetObjectRetention, which moto lacks."""
    from moto.core.responses import ActionResult
    from moto.s3.exceptions import S3ClientError

    if "retention" not in query:
        return original(response, query, key_name)
    key, _ = response._get_key()
    if not key.lock_mode:
        raise S3ClientError("NoSuchObjectLockConfiguration", "The specified object does not have a retention.")
    response.data["Action"] = "GetObjectRetention"
    retention = {"Mode": key.lock_mode, "RetainUntilDate": key.lock_until}
    return response.serialized(ActionResult({"Retention": retention}))


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def _content(key: Any) -> FileContent:
    buffer = key._value_buffer
    if not isinstance(buffer, FileContent):
        raise LocalCloudError(f"s3://{key.bucket_name}/{key.name} is in a bucket that is not kept in files.")
    return buffer


def _sent_by_service(events: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """One request creates an object once: moto also reports the tags of a put, and a multipart upload twice."""
    last_creation = {event[4].name: event for event in events if _is_creation(event)}
    return [event for event in events if event[4].name not in last_creation or last_creation[event[4].name] is event]


def _is_creation(event: tuple[Any, ...]) -> bool:
    return "ObjectCreated" in str(event[2].value)
