"""Unit tests meet no network and no account: credentials are fakes, and connections stay on this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from functions.shared.signing.identity import SigningIdentity
from local.aws import keys
from local.aws.patching import Patches
from tests.unit import signing_kit
from tests.unit.function_bench import FunctionBench

_CONNECT = socket.socket.connect


def _connect_on_this_machine(connection: socket.socket, address: Any) -> None:
    if connection.family != socket.AF_UNIX and address[0] not in {"127.0.0.1", "::1", "localhost"}:
        raise AssertionError(f"a unit test reaches for the network: {address}")
    _CONNECT(connection, address)


@pytest.fixture(autouse=True)
def _no_account_and_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "unit-test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr(socket.socket, "connect", _connect_on_this_machine)


@pytest.fixture(scope="session", autouse=True)
def _service_descriptions_are_read_once() -> Iterator[None]:
    """moto begins a session for every account; reading what S3 and DynamoDB are would take most of the time."""
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(botocore.session, "create_loader", cache(botocore.session.create_loader))
        yield


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[FunctionBench]:
    """An empty account with every bucket and table that functions may be told of."""
    with mock_aws():
        yield FunctionBench(monkeypatch)


@pytest.fixture
def kms_as_on_aws() -> Iterator[None]:
    """With the local cloud's extensions: moto hashes what is a digest already, and names keys by their ids."""
    patches = Patches()
    keys.install(patches)
    yield
    patches.undo()


@pytest.fixture
def signing(bench: FunctionBench, kms_as_on_aws: None) -> SigningIdentity:  # noqa: ARG001 - both are the account
    """A key in AWS KMS with a certificate, installed where functions that sign look for it."""
    return signing_kit.install_identity()
