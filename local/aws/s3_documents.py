"""Object versions as documents of the journal, and back."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey

from local.aws.journal import Document
from local.aws.s3_content import ContentDirectory, FileContent

_ATTRIBUTES = (
    "bucket_key_enabled",
    "checksum_algorithm",
    "checksum_parts",
    "checksum_type",
    "checksum_value",
    "encryption",
    "kms_key_id",
    "lock_legal_status",
    "lock_mode",
    "lock_until",
    "website_redirect_location",
)


def key_document(versions: list[Any], tags: dict[str, dict[str, str]], contents: ContentDirectory) -> Document:
    """All versions of a key, oldest first; `tags` by version id."""
    return {"versions": [_version(version, tags.get(version.version_id), contents) for version in versions]}


def content_names(document: Document | None) -> set[str]:
    """The files of ours that a key's versions lie in."""
    versions = document["versions"] if document else []
    return {version["content"] for version in versions if "content" in version}


def restore_versions(
    document: Document, bucket: FakeBucket, key_name: str, contents: ContentDirectory
) -> tuple[list[Any], dict[str, dict[str, str]]]:
    """The versions of a key, oldest first, and their tags by version id."""
    versions: list[Any] = []
    tags = {}
    for version in document["versions"]:
        restored: Any
        if version.get("delete_marker"):
            restored = _delete_marker(version, previous=versions[-1] if versions else None, key_name=key_name)
        else:
            restored = _key(version, bucket, key_name, contents)
            if version.get("tags"):
                tags[restored.version_id] = version["tags"]
        versions.append(restored)
    return versions, tags


def _version(version: Any, tags: dict[str, str] | None, contents: ContentDirectory) -> Document:
    document: Document = {"version_id": version.version_id, "last_modified": version.last_modified.isoformat()}
    if isinstance(version, FakeDeleteMarker):
        return {**document, "delete_marker": True}
    content: Any = version._value_buffer
    if content.linked_mtime_ns is None:
        document["content"] = contents.name(content)
    else:
        document |= {"linked": str(content.path), "linked_mtime_ns": content.linked_mtime_ns}
    document |= {
        "etag": version.etag.strip('"'),
        "size": version.size,
        "versioned": version._is_versioned,
        "storage_class": version.storage_class,
        "metadata": dict(version._metadata),
    }
    document |= {name: value for name in _ATTRIBUTES if (value := getattr(version, name)) is not None}
    return {**document, "tags": tags} if tags else document


def _key(document: Document, bucket: FakeBucket, key_name: str, contents: ContentDirectory) -> FakeKey:
    key = FakeKey(
        name=key_name,
        value=b"",
        account_id=bucket.account_id,
        region_name=bucket.region_name,
        storage=document["storage_class"],
        etag=document["etag"],
        is_versioned=document["versioned"],
        version_id=document["version_id"],
        bucket_name=bucket.name,
    )
    for name in _ATTRIBUTES:
        setattr(key, name, document.get(name))
    key.last_modified = datetime.datetime.fromisoformat(document["last_modified"])
    key._metadata.update(document["metadata"])
    if "linked" in document:
        content = FileContent(Path(document["linked"]), document["linked_mtime_ns"], document["size"])
    else:
        content = contents.content(document["content"], document["size"])
    set_content(key, content)
    return key


def _delete_marker(document: Document, previous: Any, key_name: str) -> Any:
    marker: Any = FakeDeleteMarker.__new__(FakeDeleteMarker)
    marker.key = previous
    marker.name = key_name
    marker.last_modified = datetime.datetime.fromisoformat(document["last_modified"])
    marker._version_id = document["version_id"]
    return marker


def set_content(key: Any, content: FileContent) -> None:
    """Lets the key's bytes come from a file."""
    with key.lock:
        key._value_buffer.close()
        key._value_buffer = content
        key.contentsize = content.size
