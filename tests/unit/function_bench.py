"""Runs a function's real handler on a mocked account, in exactly the environment that its settings ask for."""

from __future__ import annotations

import inspect
import json
import os
from datetime import UTC, datetime
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from functions.shared.adapters.object_store import ObjectStore
from functions.shared.adapters.period_table import PeriodTable
from functions.shared.settings import Settings, environment_names

VALUES = {
    "BACKFILL_MONTHS": "1",
    "BILLING_BUCKET": "billing",
    "CERTIFICATE_DAYS": "1095",
    "CHANGE_GATE": "true",
    "CODE_VERSION": "c0de" * 16,
    "EXPORT_PREFIX": "cur2/chargeback/",
    "IDENTITY_PARAMETER": "/chargeback/test/signing-identity",
    "INVOICE_READER_ROLE": "none",
    "FRESHNESS_HOURS": "48",
    "DATADOG_METRICS": "false",
    "HYGIENE_DAYS": "400",
    "ATHENA_USD_PER_TB": "5",
    "HYGIENE_TABLE": "hygiene",
    "FLATTENED_TAGS": '["cost-center", "business-unit"]',
    "LEDGER_BUCKET": "ledger",
    "PERIODS_TABLE": "periods",
    "PRIVATE_CA_ARN": "none",
    "RATIFIED_POLICY": "meridian.yaml",
    "RESPONSES_TABLE": "responses",
    "RETENTION_YEARS": "7",
    "SERVICENOW_SECRET": "servicenow",
    "SIGNING_KEY": "alias/chargeback-test-signing-1",
    "STATEMENTS_BUCKET": "statements",
    "TAG_KEYS": '["cost-center", "environment"]',
    "TIMESTAMP_URL": "none",
    "VAULT": "none",
    "VAULT_PKI_ROLE": "none",
    "WORK_BUCKET": "work",
}
"""A value for every environment variable of any function."""


class FunctionBench:
    """The four buckets, the tables ``periods`` and ``responses``, and the functions."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.s3 = boto3.client("s3")
        for bucket in ("billing", "work", "ledger", "statements"):
            self.s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=bucket != "work")
        self.s3.put_bucket_versioning(Bucket="work", VersioningConfiguration={"Status": "Enabled"})
        for table, keys in (("periods", ["billing_period"]), ("responses", ["charge_period", "statement"])):
            boto3.client("dynamodb").create_table(
                TableName=table,
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                KeySchema=[
                    {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
                ],
                BillingMode="PAY_PER_REQUEST",
            )
        self.billing, self.work, self.ledger = ObjectStore("billing"), ObjectStore("work"), ObjectStore("ledger")
        self.periods = PeriodTable("periods")

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """The handler's answer, through JSON in both directions as on Lambda."""
        module = import_module(f"functions.{function}.handler")
        self._use_environment_of(module)
        context = SimpleNamespace(
            function_name=function,
            memory_limit_in_mb=512,
            invoked_function_arn=f"arn:aws:lambda:us-east-1:123456789012:function:{function}",
            aws_request_id="00000000-0000-4000-8000-000000000000",
            get_remaining_time_in_millis=lambda: 300_000,
        )
        answer: dict[str, Any] = json.loads(json.dumps(module.handler(json.loads(json.dumps(event)), context)))
        return answer

    def put_query_result(self, name: str, text: str) -> str:
        """Puts a CSV where Athena would; returns its URI."""
        key = f"athena-results/{name}.csv"
        self.work.write(key, text.encode(), "text/csv")
        return self.work.uri(key)

    def retention(self, bucket: str, key: str, version_id: str) -> tuple[str, datetime] | None:
        """Mode and end of a version's retention; None when it is not retained."""
        head = self.s3.head_object(Bucket=bucket, Key=key, VersionId=version_id)
        if "ObjectLockMode" not in head:
            return None
        return head["ObjectLockMode"], head["ObjectLockRetainUntilDate"].astimezone(UTC)

    def _use_environment_of(self, module: Any) -> None:
        for name in VALUES.keys() & os.environ.keys():
            self._monkeypatch.delenv(name)
        for name in environment_names(settings_of(module)):
            self._monkeypatch.setenv(name, VALUES[name])
        self._monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "true")
        self._monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")


def settings_of(module: Any) -> type[Settings]:
    """The one settings class that a handler's module declares."""
    [found] = [
        member
        for member in vars(module).values()
        if inspect.isclass(member) and issubclass(member, Settings) and member.__module__ == module.__name__
    ]
    return found
