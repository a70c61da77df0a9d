"""Listens to what functions ask of AWS in the local cloud, as the rights that they would need for it on AWS."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from botocore.client import BaseClient

from infra.names import signing_alias, state_of
from local.world import CONFIG, World

Call = tuple[str, str]
"""The state, and a right that it used, in the words of tests.infra.stacks."""


@contextmanager
def listening(world: World) -> Iterator[list[Call]]:
    """The rights that functions of a world use, in the order of their calls."""
    buckets = {
        world.billing_bucket: "<Billing>",
        world.work_bucket: "<Work>",
        world.ledger_bucket: "<Ledger>",
        world.statements_bucket: "<Statements>",
    }
    tables = {world.periods_table: "<Periods>", world.hygiene_table: "<Validation/TagHygiene>"}
    heard: list[Call] = []
    ask = BaseClient._make_api_call

    def listen(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if _is_a_functions(sys._getframe(1)):
            state = state_of(os.environ["_HANDLER"].split(".")[1])
            heard.extend((state, right) for right in _rights(operation, parameters, buckets, tables))
        return ask(client, operation, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", listen)
        yield heard


def _is_a_functions(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("functions."):
            return True
        frame = frame.f_back
    return False


def _rights(
    operation: str, given: Mapping[str, Any], buckets: Mapping[str, str], tables: Mapping[str, str]
) -> list[str]:
    bucket = buckets.get(given.get("Bucket", ""), "")
    target = f"{bucket}/{given.get('Key')}"
    of_data = "<BillingKey>" if bucket == "<Billing>" else "<Key>"
    decrypt, encrypt = f"kms:Decrypt {of_data}", f"kms:GenerateDataKey {of_data}"
    match operation:
        case "GetObject":
            return [f"s3:GetObject{'Version' if 'VersionId' in given else ''} {target}", decrypt]
        case "HeadObject":
            return [f"s3:GetObject {target}"]
        case "PutObject":
            retained = [f"s3:PutObjectRetention {target}"] if "ObjectLockRetainUntilDate" in given else []
            return [f"s3:PutObject {target}", encrypt, *retained]
        case "CopyObject":
            source = given["CopySource"]
            version = f"s3:GetObjectVersion {buckets[source['Bucket']]}/{source['Key']}"
            of_source = "<BillingKey>" if buckets[source["Bucket"]] == "<Billing>" else "<Key>"
            return [version, f"kms:Decrypt {of_source}", f"s3:PutObject {target}", encrypt]
        case "PutObjectRetention":
            return [f"s3:PutObjectRetention {target}"]
        case "ListObjectVersions":
            return [f"s3:ListBucketVersions {bucket} when s3:prefix is like {given['Prefix']}"]
        case "Sign":
            key, alias = given["KeyId"].rpartition(":")[2], signing_alias(CONFIG, 1)
            return [f"kms:Sign kms:{key} when kms:ResourceAliases is like {alias}"]
        case "GetParameter":
            return [f"ssm:GetParameter ssm:parameter{given['Name']}"]
        case "GetItem" | "PutItem" | "Query":
            return [f"dynamodb:{operation} {tables[given['TableName']]}", decrypt]
        case "GetSecretValue":
            return ["secretsmanager:GetSecretValue <ServiceNow>", decrypt]
        case "DescribeExecution":
            execution = given["executionArn"].rpartition(":")[2]
            return [f"states:DescribeExecution states:execution:<MonthEndClose.Name>:{execution}"]
        case _:
            raise AssertionError(f"a function calls {operation}: say here which right that takes")
