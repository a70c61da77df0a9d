"""Copies one version of an object to another bucket, inside S3: no byte of it comes here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError

from functions.shared.adapters.object_store import ObjectStore
from functions.shared.adapters.throttling import refuse_when_busy
from functions.shared.errors import RestorationFailed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, CopySourceTypeDef

MOST_BYTES_AT_ONCE = 5 * 1024**3
"""What S3 copies in one request at most."""

PART_BYTES = 512 * 1024**2
_PARTS_AT_A_TIME = 8
_GONE = {"NoSuchVersion", "NoSuchKey", "404"}


class ObjectCopier:
    """Copies from one bucket to another."""

    def __init__(
        self,
        source: ObjectStore,
        target: ObjectStore,
        *,
        most_bytes_at_once: int = MOST_BYTES_AT_ONCE,
        part_bytes: int = PART_BYTES,
    ) -> None:
        self._source, self._target = source, target
        self._most_bytes_at_once, self._part_bytes = most_bytes_at_once, part_bytes
        self._client: S3Client = boto3.client("s3")
        refuse_when_busy(self._client)

    def copy(self, key: str, version_id: str, size: int, target_key: str) -> str:
        """Copies a version of ``size`` bytes; returns the version id of the copy.

        Raises RestorationFailed when there is no such version any more.
        """
        source: CopySourceTypeDef = {"Bucket": self._source.bucket, "Key": key, "VersionId": version_id}
        try:
            if size <= self._most_bytes_at_once:
                return self._copy_whole(source, target_key)
            return self._copy_in_parts(source, size, target_key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            raise RestorationFailed(
                f"{self._source.uri(key)}: the version {version_id} is not there any more; look for it in the replica"
            ) from error

    def _copy_whole(self, source: CopySourceTypeDef, key: str) -> str:
        # Neither metadata nor tags are part of what was sealed, and reading tags would take a right more.
        copied = self._client.copy_object(
            CopySource=source,
            Bucket=self._target.bucket,
            Key=key,
            MetadataDirective="REPLACE",
            TaggingDirective="REPLACE",
        )
        return copied["VersionId"]

    def _copy_in_parts(self, source: CopySourceTypeDef, size: int, key: str) -> str:
        bucket = self._target.bucket
        upload = self._client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]

        def copy_part(number: int) -> CompletedPartTypeDef:
            first = (number - 1) * self._part_bytes
            part = self._client.upload_part_copy(
                CopySource=source,
                CopySourceRange=f"bytes={first}-{min(first + self._part_bytes, size) - 1}",
                Bucket=bucket,
                Key=key,
                UploadId=upload,
                PartNumber=number,
            )
            return {"ETag": part["CopyPartResult"]["ETag"], "PartNumber": number}

        with ThreadPoolExecutor(max_workers=_PARTS_AT_A_TIME) as copiers:
            parts = list(copiers.map(copy_part, range(1, -(-size // self._part_bytes) + 1)))
        completed = self._client.complete_multipart_upload(
            Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
        )
        return completed["VersionId"]
