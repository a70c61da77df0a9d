"""Names what S3 and DynamoDB answer when they are busy, so that state machines can wait and try again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functions.shared.errors import StorageUnavailable

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from botocore.client import BaseClient
    from botocore.model import OperationModel

_BUSY_STATUS = frozenset({429, 500, 502, 503, 504})
_BUSY_CODES = frozenset(
    {
        "ConditionalRequestConflict",  # S3, when two writes of one key with IfNoneMatch meet: neither has been refused
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
    }
)


def refuse_when_busy(client: BaseClient) -> None:
    """Makes a client raise StorageUnavailable where, after botocore's own retries, it would raise a ClientError."""
    client.meta.events.register("after-call", _refuse_when_busy)


def _refuse_when_busy(http_response: AWSResponse, parsed: dict[str, Any], model: OperationModel, **_: object) -> None:
    error = parsed.get("Error", {})
    if http_response.status_code in _BUSY_STATUS or error.get("Code") in _BUSY_CODES:
        raise StorageUnavailable(
            f"{model.service_model.service_id} {model.name}: {http_response.status_code} "
            f"{error.get('Code', '')} {error.get('Message', '')}".rstrip()
        )
