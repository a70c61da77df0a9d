"""S3 as the functions use it: text, JSON and CSV in and out, and objects that are written once and stay."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from functions.shared.adapters.throttling import refuse_when_busy
from functions.shared.errors import LedgerConflict

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK = 8 * 1024 * 1024


@dataclass(frozen=True)
class StoredVersion:
    """The latest version of an object; ``size`` in bytes."""

    key: str
    version_id: str
    size: int
    etag: str
    last_modified: datetime


@dataclass(frozen=True)
class Digest:
    """What reading an object whole has shown: its SHA-256, and its first and last four bytes."""

    sha256: str
    head: bytes
    tail: bytes


class ObjectStore:
    """One bucket."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket

    @cached_property
    def _client(self) -> S3Client:
        client = boto3.client("s3")
        refuse_when_busy(client)
        return client

    def uri(self, key: str) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{key}"

    def latest_versions(self, prefix: str) -> list[StoredVersion]:
        """The latest version of every object under a prefix, sorted by key; deleted objects are not among them."""
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix)
        found = [
            StoredVersion(v["Key"], v["VersionId"], v["Size"], v["ETag"].strip('"'), v["LastModified"])
            for page in pages
            for v in page.get("Versions", [])
            if v["IsLatest"]
        ]
        return sorted(found, key=lambda version: version.key)

    def read(self, key: str) -> bytes:
        """The whole object."""
        return self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def read_text(self, key: str) -> str:
        """The whole object as UTF-8 text."""
        return self.read(key).decode("utf-8")

    def find(self, key: str) -> bytes | None:
        """The whole object; None when there is none."""
        try:
            return self.read(key)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise

    def find_text(self, key: str) -> str | None:
        """The whole object as UTF-8 text; None when there is none."""
        content = self.find(key)
        return None if content is None else content.decode("utf-8")

    def find_json(self, key: str) -> Any:
        """The whole object as JSON; None when there is none."""
        text = self.find_text(key)
        return None if text is None else json.loads(text)

    def read_json(self, key: str) -> Any:
        """The whole object as JSON; amounts in it are text."""
        return json.loads(self.read(key))

    def read_records(self, prefix: str) -> list[Any]:
        """Every JSON object under a prefix, in the order of the keys."""
        return [self.read_json(version.key) for version in self.latest_versions(prefix)]

    def digest(self, key: str, version_id: str) -> Digest:
        """Reads one version of an object in chunks and hashes it."""
        body = self._client.get_object(Bucket=self.bucket, Key=key, VersionId=version_id)["Body"]
        sha256, head, tail = hashlib.sha256(), b"", b""
        for chunk in body.iter_chunks(_CHUNK):
            head = head or chunk[:4]
            tail = (tail + chunk)[-4:]
            sha256.update(chunk)
        return Digest(sha256.hexdigest(), head, tail)

    def write(self, key: str, content: bytes, content_type: str) -> None:
        """Writes an object, or a new version of it."""
        self._client.put_object(Bucket=self.bucket, Key=key, Body=content, ContentType=content_type)

    def write_json(self, key: str, value: object) -> None:
        """Writes JSON with sorted keys, so that equal values are equal bytes."""
        self.write(key, _json_bytes(value), "application/json")

    def write_json_once(self, key: str, value: object, content_id: str, retain_until: datetime) -> str:
        """Writes JSON as ``write_once`` does."""
        return self.write_once(key, _json_bytes(value), "application/json", content_id, retain_until)

    def write_json_lines(self, key: str, rows: list[dict[str, Any]]) -> None:
        """Writes one JSON object a line."""
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        self.write(key, text.encode("utf-8"), "application/x-ndjson")

    def write_once(self, key: str, content: bytes, content_type: str, content_id: str, retain_until: datetime) -> str:
        """Writes an object that nobody can change or delete before a date; returns its version id.

        Writing it again is fine when ``content_id``, the hash of what the content means, is the same; the first bytes
        stay. Raises LedgerConflict when the key holds another content.
        """
        try:
            response = self._client.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=content,
                ContentType=content_type,
                Metadata={"content-sha256": content_id},
                ChecksumAlgorithm="SHA256",
                IfNoneMatch="*",
                ObjectLockMode="COMPLIANCE",
                ObjectLockRetainUntilDate=retain_until,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise
            existing = self._client.head_object(Bucket=self.bucket, Key=key)
            if existing["Metadata"].get("content-sha256") == content_id:
                return existing["VersionId"]
            raise LedgerConflict(f"{self.uri(key)} exists with other content; nothing was overwritten") from error
        return response["VersionId"]

    def retain_at_least(self, key: str, version_id: str, until: datetime) -> None:
        """Makes the latest version of an object, immutable already, stay so until a date if it would not anyway."""
        held = self._client.head_object(Bucket=self.bucket, Key=key)["ObjectLockRetainUntilDate"]
        if held < until:
            self.retain(key, version_id, until)

    def retain(self, key: str, version_id: str, until: datetime) -> None:
        """Makes one version immutable until a date (compliance mode: nobody can shorten it)."""
        self._client.put_object_retention(
            Bucket=self.bucket,
            Key=key,
            VersionId=version_id,
            Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
        )


def _json_bytes(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False).encode("utf-8")


def split_uri(uri: str) -> tuple[str, str]:
    """``s3://bucket/key`` as bucket and key."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def read_query_result(uri: str) -> Iterator[dict[str, str]]:
    """The rows of an Athena result (CSV with a header); every value is text, NULL is blank."""
    bucket, key = split_uri(uri)
    text = ObjectStore(bucket).read_text(key)
    return iter(csv.DictReader(text.splitlines(keepends=True)))
