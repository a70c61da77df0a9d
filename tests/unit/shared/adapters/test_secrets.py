"""Secrets are read when they are needed; what keeps us from reading one has a name."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from functions.shared.adapters.secrets import SecretsManager, read_secret
from functions.shared.errors import SecretsUnavailable, SecretUnreadable


@pytest.fixture
def manager() -> Iterator[SecretsManager]:
    with mock_aws():
        yield SecretsManager()


def test_the_newest_value_is_read_each_time(manager: SecretsManager) -> None:
    client = boto3.client("secretsmanager")
    arn = client.create_secret(Name="servicenow", SecretString="one")["ARN"]
    assert (manager.read("servicenow"), read_secret(arn)) == ("one", "one")

    client.put_secret_value(SecretId="servicenow", SecretString="two")
    assert manager.read("servicenow") == "two"


def test_a_secret_that_is_not_there_or_holds_no_text_is_unreadable(manager: SecretsManager) -> None:
    boto3.client("secretsmanager").create_secret(Name="binary", SecretBinary=b"hunter22")

    with pytest.raises(SecretUnreadable, match="AWS Secrets Manager, nowhere: ResourceNotFoundException"):
        manager.read("nowhere")
    with pytest.raises(SecretUnreadable, match="binary: the secret holds bytes") as refused:
        manager.read("binary")
    assert "hunter22" not in str(refused.value)


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ThrottlingException", 400, SecretsUnavailable),
        ("InternalServiceError", 500, SecretsUnavailable),
        ("AccessDeniedException", 400, SecretUnreadable),
        ("DecryptionFailure", 400, SecretUnreadable),
    ],
)
def test_what_passes_is_told_from_what_stays(
    manager: SecretsManager, monkeypatch: pytest.MonkeyPatch, code: str, status: int, error: type[Exception]
) -> None:
    def refuse(**_: object) -> None:
        answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError(answer, "GetSecretValue")  # type: ignore[arg-type]

    monkeypatch.setattr(manager._client, "get_secret_value", refuse)
    with pytest.raises(error, match=f"servicenow: {code}: no"):
        manager.read("servicenow")


def test_a_manager_that_is_not_reached_is_unavailable(manager: SecretsManager, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://secretsmanager")

    monkeypatch.setattr(manager._client, "get_secret_value", unreachable)
    with pytest.raises(SecretsUnavailable, match="Could not connect"):
        manager.read("servicenow")
